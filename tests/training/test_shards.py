"""Cutting and summing: the same tree for any number of threads, in bounded memory."""

import gc
import math
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from cnntrain.environment import available_cores
from cnntrain.layers.activations import Relu
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.shaping import Flatten
from cnntrain.metrics.sums import add_sums
from cnntrain.training.shards import cut, shard_count
from cnntrain.training.workers import Workers

THREADS = [1, 2, 3, 4]
every_thread_count = pytest.mark.parametrize("threads", THREADS)

# --- cutting ---------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(0, 9))
def test_a_cut_covers_the_batch_evenly(samples, power):
    slices = cut(samples, 2**power)
    assert [i for part in slices for i in range(part.start, part.stop)] == list(range(samples))
    lengths = [part.stop - part.start for part in slices]
    assert min(lengths) > 0
    assert max(lengths) - min(lengths) <= 1
    assert len(slices) == min(samples, 2**power)


def test_cuts_by_hand():
    assert cut(10, 4) == [slice(0, 2), slice(2, 5), slice(5, 7), slice(7, 10)]
    assert cut(3, 1) == [slice(0, 3)]
    assert cut(2, 4) == [slice(0, 1), slice(1, 2)]


@pytest.fixture(scope="module")
def networks(network_of):
    return {
        "tiny": network_of((2,), Dense(units=2)),
        "mlp": network_of((784,), Dense(units=300), Relu(), Dense(units=10)),
        "cnn": network_of((3, 32, 32), Conv2d(filters=32, kernel=5, padding="same"), Flatten()),
        "wide": network_of((3, 224, 224), Conv2d(filters=64, kernel=3, padding="same")),
    }


@pytest.mark.parametrize("name", ["tiny", "mlp", "cnn", "wide"])
def test_shard_count_is_a_power_of_two_that_grows_with_the_batch(networks, name):
    counts = [shard_count(networks[name], samples) for samples in range(1, 600)]
    assert all(count & (count - 1) == 0 for count in counts)
    assert all(count < 2 * samples for samples, count in enumerate(counts, 1))
    assert counts == sorted(counts)
    assert counts[0] == 1


def test_shard_count_by_hand(networks, monkeypatch):
    limits = {
        "FLOPS": 30_000_000, "FLOPS_PER_PARAMETER": 100, "LEAST_SAMPLES": 2,
        "SAMPLES": 256, "ACTIVATIONS": 1 << 24,
    }  # fmt: skip
    for name, value in limits.items():
        monkeypatch.setattr(f"cnntrain.training.shards.SHARD_{name}", value)
    assert shard_count(networks["tiny"], 256) == 1  # too little work for a second thread
    assert shard_count(networks["tiny"], 257) == 2  # too many samples for one shard
    assert shard_count(networks["tiny"], 60_000) == 256
    assert shard_count(networks["mlp"], 64) == 1  # 0.48 MFLOP a sample, 0.24 million parameters
    assert shard_count(networks["cnn"], 128) == 8  # 4.9 MFLOP a sample: work for 20 shards
    assert shard_count(networks["cnn"], 127) == 4  # 8 shards would have less than 2 · 8 samples
    assert shard_count(networks["wide"], 16) == 4  # 3.2 million activations a sample


def test_shard_count_does_not_depend_on_the_machine(networks, monkeypatch):
    before = {name: shard_count(network, 500) for name, network in networks.items()}
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert {name: shard_count(network, 500) for name, network in networks.items()} == before


def test_available_cores_are_those_of_this_process(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert available_cores() == 3


# --- the tree --------------------------------------------------------------------------------


def tree_of(shards):
    """The documented order, level by level: neighbours are paired, one left over waits."""
    level = [str(k) for k in range(shards)]
    while len(level) > 1:
        pairs = [f"({a}+{b})" for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def as_text(a, b):
    return f"({a}+{b})"


@every_thread_count
@pytest.mark.parametrize("shards", [1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 23, 64])
def test_sums_are_taken_pairwise_in_one_fixed_tree(threads, shards):
    with Workers(threads) as workers:
        assert workers.tree_sum(str, shards, as_text) == tree_of(shards)


def test_the_tree_of_eight_is_the_one_of_the_documentation():
    with Workers(2) as workers:
        assert workers.tree_sum(str, 8, as_text) == "(((0+1)+(2+3))+((4+5)+(6+7)))"


def test_the_order_does_not_depend_on_who_is_done_first():
    def slowest_first(k):
        time.sleep(0.002 * (4 - k % 4))
        return str(k)

    with Workers(4) as workers:
        assert workers.tree_sum(slowest_first, 8, as_text) == tree_of(8)


def matrix_work(k):
    """What a shard does, in float32: products whose last bits depend on the order of sums."""
    rng = np.random.default_rng(k)
    a, b = rng.standard_normal((2, 200, 300), dtype=np.float32)
    return a @ b.T


@pytest.mark.parametrize("shards", [4, 7, 8])
def test_sums_have_the_same_bits_for_any_number_of_threads(shards):
    found = set()
    for threads in THREADS:
        with Workers(threads) as workers:
            found.add(workers.tree_sum(matrix_work, shards, np.add).tobytes())
    assert len(found) == 1


def test_another_order_would_have_other_bits():
    """So that the test above can fail."""
    with Workers(1) as workers:
        tree = workers.tree_sum(matrix_work, 8, np.add)
    one_after_the_other = sum(matrix_work(k) for k in range(8))
    assert tree.tobytes() != one_after_the_other.tobytes()


class Counted:
    """A partial result that knows how many of its kind are alive at most."""

    lock = threading.Lock()
    alive = most = 0

    def __init__(self):
        with Counted.lock:
            Counted.alive += 1
            Counted.most = max(Counted.most, Counted.alive)

    def __del__(self):
        with Counted.lock:
            Counted.alive -= 1


def add_in_place(a, b):
    return a


@every_thread_count
@pytest.mark.parametrize("shards", [16, 256])
def test_few_partial_sums_are_held_at_a_time(threads, shards):
    gc.collect()
    Counted.alive = Counted.most = 0
    with Workers(threads) as workers:
        workers.tree_sum(lambda k: Counted(), shards, add_in_place)
    levels = int(math.log2(shards))
    assert Counted.most <= threads + levels


# --- threads ---------------------------------------------------------------------------------


def test_threads_are_used():
    """Two shards that wait for each other are done only if they run at the same time."""
    barrier = threading.Barrier(2)

    def meet(k):
        barrier.wait(timeout=20)
        return k

    with Workers(2) as workers:
        assert workers.tree_sum(meet, 2, lambda a, b: a + b) == 1


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@every_thread_count
def test_blas_is_held_to_one_thread_and_let_go_again(threads):
    before = blas_threads()
    with Workers(threads) as workers:
        assert workers.tree_sum(lambda k: blas_threads(), 2, set.union) <= {1}
    assert blas_threads() == before


@every_thread_count
def test_an_error_in_a_shard_reaches_the_caller(threads):
    def fail(k):
        if k == 3:
            raise RuntimeError("shard 3")
        return k

    with pytest.raises(RuntimeError, match="shard 3"), Workers(threads) as workers:
        workers.tree_sum(fail, 8, lambda a, b: a + b)


def test_no_thread_is_left_over():
    before = threading.active_count()
    with Workers(4) as workers:
        workers.tree_sum(str, 8, as_text)
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("failing", range(4))
def test_a_shard_that_fails_keeps_nobody_waiting(threads, failing):
    def shard(k):
        total = yield {"x": np.float64(k)}
        assert total["x"] == 6
        if k == failing:
            raise MemoryError(f"shard {k}")
        yield {"x": np.float64(k)}
        return k

    with Workers(threads) as workers, pytest.raises(MemoryError, match=f"shard {failing}"):
        workers.together([shard(k) for k in range(4)], add_sums)

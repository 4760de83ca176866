"""What a training will take, said before any of it is taken."""

import pytest

from cnntrain import memory
from cnntrain.errors import ShapeError
from cnntrain.memory import parameter_bytes, training_bytes

HUGE = [{"dense": {"units": 1_000_000_000}}, {"dense": {"units": 2}}]
PLAIN = [{"dense": {"units": 8}}, "relu", {"dense": {"units": 2}}]
WITH_NORM = [{"dense": {"units": 8}}, "batch_norm", "relu", {"dense": {"units": 2}}]
XOR = {"source": "synthetic", "problem": "xor", "n_test": 2}


def test_a_slip_of_the_keyboard_is_refused_with_what_it_would_take(experiment_of):
    """3 copies of 1e9 · (2 + 1) + 1e9 · 2 + 2 numbers of 4 bytes."""
    with pytest.raises(ShapeError) as caught:
        experiment_of(network=HUGE)
    needed = round(3 * 4 * (5 * 10**9 + 2) / 2**30)
    assert str(caught.value).startswith(
        f"dense1: 5,000,000,002 parameters in all need at least {needed} GiB, but this machine has "
    )
    assert caught.value.path == ("network", 0)


def test_parameters_are_counted_with_all_that_belongs_to_them(experiment_of):
    """Weights, gradients, changes, and the slots of the optimiser."""
    numbers = 2 * 8 + 8 + 8 * 2 + 2
    for optimizer, copies in (("sgd", 3), ("adam", 5), ("amsgrad", 6)):
        for dtype, size in (("float32", 4), ("float64", 8)):
            experiment = experiment_of(network=PLAIN, optimizer=optimizer, dtype=dtype)
            found = parameter_bytes(experiment.plan, experiment.network)
            assert found == copies * numbers * size


@pytest.fixture
def activations(experiment_of, monkeypatch):
    """``activations(network, n)``: bytes for the outputs of a step in batch mode, on one core."""
    monkeypatch.setattr(memory, "available_cores", lambda: 1)

    def found(network, n):
        tree = {"mode": "batch", "batch_size": None}
        experiment = experiment_of(network=network, data={**XOR, "n": n}, train=tree)
        plan, network = experiment.plan, experiment.network
        return training_bytes(plan, network, n) - parameter_bytes(plan, network)

    return found


def test_shards_bound_the_memory_of_a_batch(activations):
    assert activations(PLAIN, 4096) == activations(PLAIN, 1024) == activations(PLAIN, 256)


def test_batch_norm_keeps_the_whole_batch(activations):
    assert activations(WITH_NORM, 4096) == 16 * activations(WITH_NORM, 256)


@pytest.mark.parametrize(
    ("network", "mode", "end"),
    [
        (WITH_NORM, "batch",
         " (batch_norm keeps the whole batch in memory; use mode 'mini-batch')"),
        (PLAIN, "mini-batch", "; use a smaller 'batch_size'"),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_fit_is_refused(experiment_of, monkeypatch, network, mode, end):
    monkeypatch.setattr(memory, "physical_memory", lambda: 20_000)
    train = {"mode": mode, "batch_size": None if mode == "batch" else 400}
    with pytest.raises(ShapeError) as caught:
        experiment_of(network=network, data={**XOR, "n": 400}, train=train)
    assert str(caught.value).startswith("a step on 400 samples needs about ")
    assert str(caught.value).endswith(end)
    assert caught.value.path[0] == "train"

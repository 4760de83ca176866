"""Noted calls of kernels: made again, they do the same on what their arrays then hold."""

import os
import threading

import numpy as np
import pytest

from cnntrain.layers.activations import Tanh
from cnntrain.native import Recorder, recording, run_programs, use_threads
from cnntrain.native.program import LINE, Arena

pytestmark = pytest.mark.usefixtures("native_engine")

FLOAT32 = np.dtype(np.float32)
tanh = Tanh().f


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = use_threads(request.param)
    yield request.param
    use_threads(before)


def noted(x):
    """(recorder, y): y = tanh(tanh(x)), noted."""
    recorder = Recorder()
    with recording(recorder):
        y = tanh(tanh(x))
    return recorder, y


def agrees(recorder, x, y):
    """Whether the program gives what the kernels give, on other numbers."""
    np.copyto(x, np.random.default_rng(1).normal(size=x.shape))
    expected = tanh(tanh(x))
    run_programs(recorder.programs)
    return np.array_equal(y, expected)


def test_a_program_follows_what_its_arrays_hold():
    x = np.random.default_rng(0).normal(size=(7, 300)).astype(FLOAT32)
    recorder, y = noted(x)
    assert agrees(recorder, x, y)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 300])
def test_programs_run_side_by_side(threads, count):
    inputs = [np.full((3, 50), k, FLOAT32) for k in range(count)]
    recorded = [noted(x) for x in inputs]
    for turn in range(50):
        for x in inputs:
            x += turn
        run_programs([recorder.programs[0] for recorder, _ in recorded])
        for (_, y), x in zip(recorded, inputs, strict=True):
            np.testing.assert_array_equal(y, tanh(tanh(x)))


def test_two_threads_of_python_may_run_programs_at_once(threads):
    fine = []

    def work():
        x = np.zeros((4, 1000), FLOAT32)
        recorder, y = noted(x)
        fine.append(all(agrees(recorder, x, y) for _ in range(100)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert fine == [True] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_runs_programs_without_the_threads_of_its_parent(threads):
    x = np.zeros((4, 1000), FLOAT32)
    recorder, y = noted(x)
    run_programs(recorder.programs * 4)
    child = os.fork()
    if child == 0:
        run_programs(recorder.programs * 4)
        os._exit(0 if agrees(recorder, x, y) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# The arena


def test_memory_is_handed_out_again_once_nothing_refers_to_it():
    arena = Arena()
    x = arena.empty((1000,), FLOAT32)
    place, view = x.ctypes.data, x[10:]
    del x
    y = arena.empty((1000,), FLOAT32)  # the view still refers to the first array
    assert y.ctypes.data != place
    del view
    assert arena.empty((900,), FLOAT32).ctypes.data == place
    assert 8000 <= arena.nbytes <= 8000 + 6 * LINE


def test_the_memory_of_neighbours_becomes_that_of_one_larger_array():
    arena = Arena()
    few = [arena.empty((1000,), FLOAT32) for _ in range(5)]
    place = few[1].ctypes.data
    for k in (2, 1, 3):  # the first one without neighbours, then one before and one behind
        few[k] = None
    assert arena.empty((3000,), FLOAT32).ctypes.data == place


def test_the_smallest_hole_is_taken():
    arena = Arena()
    arrays = [arena.empty((k,), FLOAT32) for k in (5000, 1, 1000, 1)]
    place = arrays[2].ctypes.data
    arrays[0] = arrays[2] = None
    assert arena.empty((900,), FLOAT32).ctypes.data == place


def test_arrays_of_several_chunks_do_not_overlap():
    rng, arena, held = np.random.default_rng(0), Arena(), {}
    for k in range(600):
        held[k] = arena.empty((int(rng.integers(1, 20_000)),), FLOAT32)
        held[k].fill(k)
        if len(held) > 40:
            del held[list(held)[rng.integers(len(held))]]
    assert len(arena.chunks) > 2
    assert all((array == k).all() for k, array in held.items())


def test_arrays_lie_on_cache_lines():
    arena = Arena()
    arrays = [arena.empty((k,), FLOAT32) for k in range(1, 50)]
    assert all(array.ctypes.data % LINE == 0 and arena.holds(array) for array in arrays)
    assert not arena.holds(np.zeros(3))

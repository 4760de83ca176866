"""Noted calls of kernels: made again, they do the same on what their arrays then hold."""

import os
import threading

import numpy as np
import pytest

from cnntrain.layers.activations import Tanh
from cnntrain.native import Recorder, recording, run_programs, use_threads
from cnntrain.native.program import LINE, WASTE, Arena

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


def test_a_block_is_handed_out_again_once_nothing_refers_to_it():
    arena = Arena()
    x = arena.empty((1000,), FLOAT32)
    place, view = x.ctypes.data, x[10:]
    del x
    y = arena.empty((1000,), FLOAT32)  # the view still refers to the first block
    assert y.ctypes.data != place
    del view
    assert arena.empty((900,), FLOAT32).ctypes.data == place
    assert arena.nbytes == 2 * (4000 + LINE)


def test_a_few_numbers_do_not_occupy_the_place_of_many():
    arena = Arena()
    place = arena.empty((1000,), FLOAT32).ctypes.data  # free again at once
    small = arena.empty((1000 // WASTE - LINE,), FLOAT32)
    assert small.ctypes.data != place
    assert arena.empty((1000,), FLOAT32).ctypes.data == place


def test_arrays_lie_on_cache_lines():
    arena = Arena()
    arrays = [arena.empty((k,), FLOAT32) for k in range(1, 50)]
    assert all(array.ctypes.data % LINE == 0 and arena.holds(array) for array in arrays)
    assert not arena.holds(np.zeros(3))

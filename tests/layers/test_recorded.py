"""A layer that does not name NumPy among its workers leaves nothing of its work to Python."""

import copy

import numpy as np
import pytest

from cnntrain.diagnostics.gradcheck import example_input
from cnntrain.layers import Layer
from cnntrain.native import Recorder, recording, run_programs
from cnntrain.network.network import Pass

pytestmark = pytest.mark.usefixtures("native_engine")

EXAMPLES = [
    (kind, k)
    for kind, layer in Layer.kinds.items()
    for k, example in enumerate(layer.examples())
    if example.layer.has_twin() and not example.layer.is_random
]


def one_pass(layer, params, x, dy):
    """[y, ∂C/∂x, gradients] of a layer in training."""
    y, cache = layer.forward(params, x, Pass(training=True).context(0))
    dx, grads = layer.backward(params, cache, dy)
    return [y, *(dx if layer.joins else (dx,)), *grads.values()]


@pytest.mark.parametrize(("kind", "k"), EXAMPLES)
def test_what_is_noted_is_the_whole_work(kind, k):
    """Noted with some numbers and repeated with others, which no Python sees."""
    example = Layer.kinds[kind].examples()[k]
    rng, layer = np.random.default_rng(0), example.layer
    x = example_input(example, rng)
    x = tuple(a.astype(np.float32) for a in x) if layer.joins else x.astype(np.float32)
    params = {
        letter: np.asarray(p.init.draw(p.shape, p.fan_in, p.fan_out, rng), np.float32)
        for letter, p in layer.params(example.in_shape).items()
    }
    shape = layer.forward(params, x, Pass(training=True).context(0))[0].shape
    dy = rng.standard_normal(shape).astype(np.float32)
    recorder = Recorder()
    with recording(recorder):
        found = one_pass(layer, params, x, dy)
    for array in (*(x if layer.joins else (x,)), dy, *params.values()):
        array *= 0.75
    expected = copy.deepcopy(one_pass(layer, params, x, dy))
    run_programs(recorder.programs)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(left, right)

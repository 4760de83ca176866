"""Compiled penalties, clipping and norms of weights: the results of NumPy, in one call each."""

import numpy as np
import pytest

from cnntrain.config.plan import Clip
from cnntrain.native import NUMPY, available
from cnntrain.native.engine import native, using
from cnntrain.native.gradients import add_penalties, clipped
from cnntrain.optimizers import Optimizer
from cnntrain.training.divergence import Divergence
from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.update import clip_gradients, limit_norms
from cnntrain.training.workers import Workers

pytestmark = pytest.mark.skipif(not available(), reason="needs the compiled kernels")

every_isa = pytest.mark.parametrize("isa", available())
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 600]


def arrays(dtype, seed):
    """Numbers of all sizes, zeros of both signs among them."""
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal(n) * 10.0 ** rng.integers(-9, 3, n) for n in SIZES]
    for array in drawn:
        array[1::7], array[3::11] = 0.0, -0.0
    return [array.astype(dtype) for array in drawn]


@every_isa
@every_dtype
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
def test_penalties_have_the_bits_of_numpy(isa, dtype, l2, l1):
    gradients, weights = arrays(dtype, 0), arrays(dtype, 1)
    expected = [g.copy() for g in gradients]
    for k, W in enumerate(weights):
        if l2:
            expected[k] = expected[k] + l2 * W
        if l1:
            expected[k] = expected[k] + l1 * np.sign(W)
    with using(native(isa)):
        assert all(add_penalties(gradients, weights, [(l2, l1)] * len(SIZES)))
    for found, array in zip(gradients, expected, strict=True):
        assert found.tobytes() == array.tobytes()


@every_isa
@every_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_in_its_array(isa, dtype, bad):
    with using(native(isa)):
        for k in range(len(SIZES)):
            gradients, weights = arrays(dtype, 0), arrays(dtype, 1)
            gradients[k][-1] = bad
            finite = add_penalties(gradients, weights, [(0.0, 0.0)] * len(SIZES))
            assert finite == [j != k for j in range(len(SIZES))]


@every_isa
def test_a_penalty_that_overflows_is_not_finite_where_there_are_weights(isa):
    """Not beyond the end of an array: 0 times an infinite factor is not a number either."""
    gradients = [np.zeros(5, np.float32) for _ in range(2)]
    weights = [np.full(5, W, np.float32) for W in (1e-30, 1e30)]
    with using(native(isa)):
        assert add_penalties(gradients, weights, [(1e30, 0.0)] * 2) == [True, False]
        assert add_penalties(gradients[:1], weights[:1], [(1e39, 0.0)]) == [False]


@every_isa
@every_dtype
@pytest.mark.parametrize(
    ("value", "norm"), [(0.05, None), (None, 0.2), (0.5, 0.1), (1e9, 1e9), (1e-60, None)]
)
def test_clipping_is_that_of_numpy(isa, dtype, value, norm):
    given = {str(k): g for k, g in enumerate(arrays(dtype, 0))}
    for array in given.values():
        array.setflags(write=False)
    found = []
    for one in (NUMPY, native(isa)):
        grads = dict(given)
        with using(one):
            clip_gradients(Clip(value=value, norm=norm), grads, dict.fromkeys(given))
        found.append(grads)
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=2 * np.finfo(dtype).eps)
        if norm is None:
            assert found[1][name].tobytes() == array.tobytes()


def test_clipping_keeps_what_is_not_a_number():
    with using(native()):
        (found,) = clipped([np.array([np.nan, np.inf, -np.inf, 3.0])], 2.0, None)
    np.testing.assert_array_equal(found, [np.nan, 2.0, -2.0, 2.0])


@every_isa
@every_dtype
@pytest.mark.parametrize("unit_axis", [0, 1])
def test_norms_are_limited_as_in_numpy(isa, dtype, unit_axis):
    rng = np.random.default_rng(1)
    sizes = np.array([0.1, 9.0, 1.0, 0.0])[:, None, None, None]
    W = (rng.standard_normal((4, 5, 3, 3)) * sizes).astype(dtype)
    expected, found = W.copy(), W.copy()
    for one, array in ((NUMPY, expected), (native(isa), found)):
        with using(one):
            limit_norms(array, 2.0, unit_axis)
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)
    assert not np.array_equal(found, W)


def test_what_does_not_fit_is_refused():
    a, b = np.zeros(4), np.zeros(5)
    with using(native()):
        for gradients, weights, factors in [([a], [b], [(0, 0)]), ([a], [a, b], [(0, 0)] * 2),
                                            ([a], [a], [])]:  # fmt: skip
            with pytest.raises(ValueError, match="belong together"):
                add_penalties(gradients, weights, factors)
        with pytest.raises(ValueError, match="contiguous"):
            limit_norms(np.zeros((4, 4)).T[1:], 1.0)
        assert add_penalties([], [], []) == clipped([], 1.0, 1.0) == []


# --- whole steps -----------------------------------------------------------------------------

LAYERS = [
    {"dense": {"units": 7, "activation": "tanh", "lr_mult": {"b": 3.0}, "trainable": {"b": False}}},
    "batch_norm",
    {"dense": {"units": 5, "lr_mult": 0.5, "decay_mult": {"W": 2.0, "b": 0.5}}},
    {"dense": {"units": 2}},
]


def after(one, experiment, steps):
    """The state after some updates, or where they diverged."""
    with using(NUMPY):
        state = start(experiment.plan, experiment.network)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Workers(1) as workers, using(one):
        for _ in range(steps):
            outcome = train_step(experiment, state, workers, clock)
            if isinstance(outcome, Divergence):
                return outcome.message
    return state


@pytest.mark.parametrize(
    "train",
    [
        {"l2": 0.4, "l1": 0.3, "clip": {"value": 0.05}, "average": 0.8},
        {"clip": {"norm": 0.2}, "max_norm": 0.9, "average": 0.8},
        {"max_norm": 0.5, "stop": {"threshold": 1e-9}},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("optimizer", [{"sgd": {"lr": 0.1, "weight_decay": 0.3}}, "amsgrad"])
def test_steps_are_those_of_numpy(experiment_of, optimizer, train):
    """Up to the last bits of the passes, which differ between the engines."""
    experiment = experiment_of(
        dtype="float64", network=LAYERS, optimizer=optimizer, train={"batch_size": 9, **train}
    )
    expected = after(NUMPY, experiment, 4)
    for isa in available():
        found = after(native(isa), experiment, 4)
        for name, W in expected.params.items():
            np.testing.assert_allclose(found.params[name], W, rtol=1e-9, atol=1e-12, err_msg=name)
        for slot, array in expected.optimizer_state.items():
            np.testing.assert_allclose(found.optimizer_state[slot], array, rtol=1e-8, atol=1e-12)
        assert (found.largest_change is None) == ("stop" not in train)


FAR = {
    "source": "inline",
    "inputs": [[0.5, -1.0], [1.5, 0.25], [-0.75, 2e25], [1.0, 1.0]],
    "targets": [[0.5, 0.1], [-0.25, 0.2], [1.0, 0.3], [0.0, 0.4]],
    "normalize": "none",
}


@pytest.mark.parametrize(
    ("optimizer", "l2", "message"),
    [
        ({"sgd": {"lr": 1e38}}, 0.0, "dense1.W is not finite after an update with learning rate"),
        ("adagrad", 0.0, "what the optimizer remembers of dense1.W (squares) is not finite"),
        ({"sgd": {"lr": 0.1}}, 1e40, "the gradient of dense2.W is not finite"),
    ],
)
def test_what_is_not_finite_is_named_alike(experiment_of, optimizer, l2, message):
    experiment = experiment_of(
        network=[{"dense": {"units": 2}}, {"dense": {"units": 2}}],
        optimizer=optimizer,
        loss="absolute_error",
        data=FAR,
        train={"batch_size": 4, "l2": l2},
    )
    found = {after(one, experiment, 1) for one in (NUMPY, *map(native, available()))}
    assert len(found) == 1
    assert message in found.pop()


def test_an_optimizer_that_changes_differently_is_not_compiled(experiment_of):
    class Slower(Optimizer.kinds["sgd"]):
        def change(self, dW, state, lr, step):
            return super().change(dW, state, lr / 2, step)

    experiment = experiment_of(train={"batch_size": 9})
    object.__setattr__(experiment.plan, "optimizer", Slower(lr=0.1))
    expected, found = (after(one, experiment, 2) for one in (NUMPY, native()))
    for name, W in expected.params.items():
        np.testing.assert_allclose(found.params[name], W, rtol=1e-4)

"""The gradient check accepts correct code, detects faults, and distinguishes kinks from faults."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from cnntrain.diagnostics.differences import (
    ALL_ENTRIES_UP_TO,
    DEFAULT_TOLERANCE,
    DIRECTIONS,
    SAMPLED_ENTRIES,
    STEPS,
    Verdict,
    check_array,
)
from cnntrain.diagnostics.gradcheck import (
    check_layer,
    check_loss,
    check_network,
    check_registry,
    spread,
)
from cnntrain.layers import Example, Layer
from cnntrain.layers.activations import Relu, Sigmoid, Softmax, Tanh
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.dropout import Dropout
from cnntrain.layers.initializers import Normal
from cnntrain.layers.pooling import AvgPool2d, MaxPool2d
from cnntrain.layers.shaping import Flatten
from cnntrain.losses import Loss
from cnntrain.losses.base import one_hot
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.losses.squared_error import SquaredError
from cnntrain.network.network import Item, Network
from cnntrain.network.objective import LossTerm, Objective, Penalty
from cnntrain.ops.windows import Axis, sum_along_backward

SEED = 3
NO_PENALTY = Penalty()


def test_every_registered_layer_and_loss_passes():
    verdicts = list(check_registry(SEED, DEFAULT_TOLERANCE))
    assert {verdict.name.partition(".")[0] for verdict in verdicts} == {*Layer.kinds, *Loss.kinds}
    assert [verdict for verdict in verdicts if not verdict.ok] == []


# --- faults put into the real kernels, one at a time -----------------------------------------


def of_layer(kind: str) -> list[Verdict]:
    examples = Layer.kinds[kind].examples()
    return [v for example in examples for v in check_layer(example, SEED, DEFAULT_TOLERANCE)]


def of_square_dense() -> list[Verdict]:
    return check_layer(Example(Dense(units=4), (4,), batch=3), SEED, DEFAULT_TOLERANCE)


def of_loss(kind: str) -> list[Verdict]:
    cases = Loss.kinds[kind].examples()
    return [v for case in cases for v in check_loss(*case, SEED, DEFAULT_TOLERANCE)]


def of_network() -> list[Verdict]:
    layers = [
        Conv2d(filters=3, kernel=3, init={"b": Normal(std=0.5)}),
        Sigmoid(),
        AvgPool2d(size=2),
        Dropout(rate=0.3),
        Flatten(),
        Dense(units=5, init={"b": Normal(std=0.5)}),
        Tanh(),
        Dense(units=3),
    ]
    network = Network.build([Item(layer=layer) for layer in layers], (2, 6, 6))
    params = network.init(SEED, np.dtype(np.float32))
    penalty = Penalty(l2=0.2, l1=0.03)
    return check_whole(network, CrossEntropy(), params, penalty)


def check_whole(network, loss, params, penalty=NO_PENALTY, seed=SEED):
    objective = Objective((LossTerm(loss=loss),))
    return list(check_network(network, objective, params, penalty, seed, DEFAULT_TOLERANCE))


@dataclass(frozen=True)
class Fault:
    """``target`` replaced by ``wrong(target)``; the check must then blame exactly ``blamed``."""

    what: str
    target: str
    wrong: Callable
    check: Callable[[], list[Verdict]]
    blamed: set[str]


def then(change):
    """A fault that changes the result of the correct function."""
    return lambda real: lambda *args, **options: change(real(*args, **options))


def instead(function):
    """A fault that replaces the correct function."""
    return lambda real: function


def before(change):
    """A fault that changes the arguments of the correct function."""
    return lambda real: lambda *args, **options: real(*change(*args), **options)


def unstrided(axis: Axis) -> Axis:
    """The same number of windows, but with stride 1."""
    return replace(axis, stride=1, after=axis.out - 1 - axis.length - axis.before + axis.size)


def slower(a, axis: Axis):
    """Maps of which a window with this stride reads what one with stride 1 reads of a."""
    return np.repeat(a, axis.stride, axis=1)[:, : axis.length]


def assign_instead_of_add(dy, winner, window, axis):
    dx = np.zeros((*dy.shape[:axis], window.length, *dy.shape[axis + 1 :]))
    dx, dy, winner = (np.moveaxis(array, axis, 0) for array in (dx, dy, winner))
    for j, outputs, inputs in window.taps:
        won = winner[outputs] == j
        dx[inputs][won] = dy[outputs][won]
    return np.moveaxis(dx, 0, axis)


def inside_map(*axes):
    """The share of each window that lies inside the map: (OH, OW, 1)."""
    shares = [np.zeros(axis.out) for axis in axes]
    for axis, share in zip(axes, shares, strict=True):
        for _, outputs, _ in axis.taps:
            share[outputs] += 1 / axis.size
    return np.multiply.outer(*shares)[..., None]


def dense(what, wrong, blamed, check=lambda: of_layer("dense")):
    return Fault(f"dense: {what}", "cnntrain.layers.dense.dense_backward", wrong, check, {blamed})


def conv(what, kernel, wrong, blamed):
    target = f"cnntrain.layers.conv2d.{kernel}"
    return Fault(f"conv2d: {what}", target, wrong, lambda: of_layer("conv2d"), {f"conv2d.{blamed}"})


def pool(kind, what, kernel, wrong):
    target = f"cnntrain.layers.pooling.{kernel}"
    return Fault(f"{kind}: {what}", target, wrong, lambda: of_layer(kind), {f"{kind}.x"})


def activation(cls, what, delta):
    target = f"cnntrain.layers.activations.{cls}.delta"
    kind = {"LeakyRelu": "leaky_relu"}.get(cls, cls.lower())
    return Fault(f"{kind}: {what}", target, instead(delta), lambda: of_layer(kind), {f"{kind}.x"})


def layer(kind, what, backward):
    cls = Layer.kinds[kind]
    target = f"{cls.__module__}.{cls.__name__}.backward"
    return Fault(
        f"{kind}: {what}", target, instead(backward), lambda: of_layer(kind), {f"{kind}.x"}
    )


def loss(kind, what, wrong, *blamed):
    target = f"cnntrain.losses.{kind}.{kind}"
    return Fault(f"{kind}: {what}", target, wrong, lambda: of_loss(kind), set(blamed))


FAULTS = [
    dense("dW averaged", then(lambda g: (g[0], g[1] / 2, g[2])), "dense.W"),
    dense("dW has no sign", then(lambda g: (g[0], abs(g[1]), g[2])), "dense.W"),
    dense("dW transposed", then(lambda g: (g[0], g[1].T, g[2])), "dense.W"),
    dense(
        "dW transposed, W square", then(lambda g: (g[0], g[1].T, g[2])), "dense.W", of_square_dense
    ),
    dense(
        "da with W, not its transpose",
        before(lambda delta, a, W, *need: (delta, a, W.T, *need)),
        "dense.x",
        of_square_dense,
    ),
    dense("db averaged", then(lambda g: (g[0], g[1], g[2] / 2)), "dense.b"),
    conv("dW one tap off", "conv2d_dW", then(lambda dW: np.roll(dW, 1, axis=3)), "W"),
    conv("dW rotated", "conv2d_dW", then(lambda dW: dW[:, :, ::-1, ::-1]), "W"),
    conv(
        "dW without stride",
        "conv2d_dW",
        before(lambda delta, a, shape, v, *rest: (delta, slower(a, v), shape, v, *rest)),
        "W",
    ),
    conv("db averaged", "conv2d_db", then(lambda db: db / 2), "b"),
    conv("db of one sample only", "conv2d_db", before(lambda delta: (delta[..., :1],)), "b"),
    conv(
        "da by the kernel not rotated",
        "conv2d_da_rows",
        before(lambda delta, W, v, h: (delta, W[:, :, ::-1, ::-1], v, h)),
        "x",
    ),
    conv("da one row off", "conv2d_da_scatter", then(lambda da: np.roll(da, 1, axis=1)), "x"),
    conv(
        "da without stride",
        "scatter",
        before(lambda taps, shape, v, h: (taps, shape, unstrided(v), unstrided(h))),
        "x",
    ),
    conv("da with channels mixed up", "scatter", then(lambda da: da[::-1]), "x"),
    pool(
        "max_pool2d",
        "δ to every tap",
        "max_along_backward",
        instead(lambda dy, winner, window, axis: sum_along_backward(dy, window, axis)),
    ),
    pool(
        "max_pool2d",
        "δ to the last tap",
        "max_along_backward",
        before(lambda dy, winner, window, axis: (dy, winner * 0 + window.size - 1, window, axis)),
    ),
    pool(
        "max_pool2d",
        "δ of overlapping windows not added",
        "max_along_backward",
        instead(assign_instead_of_add),
    ),
    pool("avg_pool2d", "not divided", "avg_pool2d_backward", then(lambda dx: dx * 4)),
    pool(
        "avg_pool2d",
        "divided by the taps inside the map",
        "avg_pool2d_backward",
        before(lambda dy, *axes: (dy / inside_map(*axes[:2]), *axes)),
    ),
    activation("Relu", "f' = 1 everywhere", lambda self, da, a: da),
    activation(
        "LeakyRelu",
        "the slope on the wrong side",
        lambda self, da, a: np.where(a > 0, 0.01 * da, da),
    ),
    activation("Sigmoid", "f' = a", lambda self, da, a: da * a),
    activation("Tanh", "f' = 1 - a", lambda self, da, a: da * (1 - a)),
    activation("Softmax", "no coupling", lambda self, da, a: da * a * (1 - a)),
    activation(
        "Softmax",
        "coupled across the batch",
        lambda self, da, a: a * (da - (a * da).sum(axis=-1, keepdims=True)),
    ),
    layer("dropout", "no mask", lambda self, params, cache, dy, need_dx=True: (dy, {})),
    layer(
        "dropout",
        "mask not scaled",
        lambda self, params, cache, dy, need_dx=True: (
            dy if cache is None else dy * (cache > 0),
            {},
        ),
    ),
    layer(
        "flatten",
        "wrong order",
        lambda self, params, cache, dy, need_dx=True: (dy.reshape(cache, order="F"), {}),
    ),
    loss(
        "cross_entropy",
        "δ without the one-hot",
        lambda real: lambda z, y: (real(z, y)[0], real(z, y)[1] + one_hot(y, len(z), z.dtype)),
        "cross_entropy.z (labels)",
    ),
    loss(
        "cross_entropy",
        "δ averaged",
        then(lambda found: (found[0], found[1] / 4)),
        "cross_entropy.z (labels)",
    ),
    loss(
        "squared_error",
        "δ twice as large",
        then(lambda found: (found[0], found[1] * 2)),
        "squared_error.z",
        "squared_error.z (labels)",
    ),
    loss(
        "squared_error",
        "δ of the other sign",
        then(lambda found: (found[0], -found[1])),
        "squared_error.z",
        "squared_error.z (labels)",
    ),
    Fault(
        "network: no gradient of the penalty",
        "cnntrain.network.objective.Penalty.add_gradient",
        instead(lambda *_: None),
        of_network,
        {"conv1.W", "dense1.W", "dense2.W"},
    ),
    Fault(
        "network: half of the gradient",
        "cnntrain.diagnostics.gradcheck.forward_backward",
        then(lambda out: replace(out, grads={name: 0.5 * g for name, g in out.grads.items()})),
        of_network,
        {"conv1.W", "conv1.b", "dense1.W", "dense1.b", "dense2.W", "dense2.b"},
    ),
]


def blamed(verdicts):
    return {verdict.name for verdict in verdicts if not verdict.ok}


@pytest.mark.usefixtures("numpy_engine")  # whose kernels can be replaced one by one
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_in_a_kernel_is_caught(fault, monkeypatch):
    assert blamed(fault.check()) == set()
    owner, _, name = fault.target.rpartition(".")
    real = getattr(pkgutil.resolve_name(owner), name)
    monkeypatch.setattr(fault.target, fault.wrong(real))
    assert blamed(fault.check()) == fault.blamed


def scaled(part):
    """Backward with one of its results, "x" or a parameter, too large by 0.1 %."""

    def wrong(real):
        def backward(*args, **options):
            dx, grads = real(*args, **options)
            if part in grads:
                return dx, grads | {part: 1.001 * grads[part]}
            wrong_dx = tuple(1.001 * d for d in dx) if isinstance(dx, tuple) else 1.001 * dx
            return (wrong_dx, grads) if part == "x" else (dx, grads)

        return backward

    return wrong


@pytest.mark.parametrize("kind", Layer.kinds)
def test_a_small_error_in_any_result_of_any_layer_is_caught(kind, monkeypatch):
    cls = Layer.kinds[kind]
    real = cls.backward
    parts = {letter for example in cls.examples() for letter in letters_with_gradient(example)}
    for part in ("x", *sorted(parts)):
        monkeypatch.setattr(cls, "backward", scaled(part)(real))
        found = {name.partition(".")[2] for name in blamed(of_layer(kind))}
        assert {"x" if name.rstrip("0123456789") == "x" else name for name in found} == {part}


def letters_with_gradient(example):
    declared = example.layer.params(example.in_shape)
    return [letter for letter, param in declared.items() if not param.is_buffer]


@pytest.mark.parametrize("kind", Loss.kinds)
def test_a_small_error_in_any_loss_is_caught(kind, monkeypatch):
    real = Loss.kinds[kind].forward

    def forward(self, z, y):
        total, delta = real(self, z, y)
        return total, 1.001 * delta

    monkeypatch.setattr(Loss.kinds[kind], "forward", forward)
    assert not any(verdict.ok for verdict in of_loss(kind))


# --- kinks -----------------------------------------------------------------------------------


def checked(layer, x, change=lambda dx: dx):
    """The verdict on dx of ``layer`` at x, for C = Σ r ⊙ y; ``change`` alters dx."""
    x = np.array(x, np.float64)[..., None]
    y, cache = layer.forward({}, x, None)
    r = np.linspace(0.5, 1.5, y.size).reshape(y.shape)
    dx, _ = layer.backward({}, cache, r)
    return check_array(
        "x",
        x,
        change(dx.copy()),
        lambda: float(np.sum(r * layer.forward({}, x, None)[0])),
        np.random.default_rng(0),
        DEFAULT_TOLERANCE,
    )


def at(index, value):
    """A fault: one entry of dx set to a value."""

    def change(dx):
        dx[index] = value
        return dx

    return change


TIE = [[[1.0, 5.0, 3.0, 4.0], [5.0, 2.0, 0.0, 1.0]]]


def test_relu_at_zero_is_a_kink_not_an_error():
    verdict = checked(Relu(), [0.0, 1.0, -1.0])
    assert (verdict.ok, verdict.kinks, verdict.checked) == (True, 1, 3)


def test_any_value_between_the_slopes_is_allowed_at_a_kink_and_none_outside():
    assert checked(Relu(), [0.0, 1.0, -1.0], at(0, 0.25)).ok
    assert not checked(Relu(), [0.0, 1.0, -1.0], at(0, 0.75)).ok
    assert not checked(Relu(), [0.0, 1.0, -1.0], at(0, -0.1)).ok


@pytest.mark.parametrize("wrong_at", [1, 2])
def test_a_wrong_gradient_next_to_a_kink_is_an_error(wrong_at):
    assert not checked(Relu(), [0.0, 1.0, -1.0], at(wrong_at, 0.5)).ok


@pytest.mark.parametrize("near", [2e-3, 2e-5, 2e-6, -2e-6])
def test_a_point_close_to_a_kink_is_still_smooth(near):
    verdict = checked(Relu(), [near, 1.0])
    assert (verdict.ok, verdict.kinks) == (True, 0)
    assert not checked(Relu(), [near, 1.0], at(0, 0.25)).ok


# distances of kinks, as multiples of the smallest step; those above 100 spoil the large steps
NEAR_KINKS = {
    "touching": [0.01],
    "halfway": [0.5],
    "just within": [0.999],
    "with one farther off": [0.97, 4.0],
    "on both sides": [0.6, -0.8],
    "among many": [0.9, *np.linspace(-990, 990, 40)],
}


def beside(kinks, fault=0.0):
    """The verdict on [w, v] where C(w) = v²/2 + 2w + Σ max(0, ±(w - k)) has these kinks."""
    at_kinks = np.array(kinks) * STEPS[-1]
    side = np.where(np.arange(len(kinks)) % 2, -1.0, 1.0)
    slope = 2 + float(side[side * at_kinks < 0].sum())
    w = np.array([0.0, 0.5])
    return check_array(
        "w",
        w,
        np.array([slope + fault, 0.5]),
        lambda: w[1] ** 2 / 2 + 2 * w[0] + float(np.maximum(0, side * (w[0] - at_kinks)).sum()),
        np.random.default_rng(0),
        DEFAULT_TOLERANCE,
    )


@pytest.mark.parametrize("kinks", NEAR_KINKS.values(), ids=NEAR_KINKS)
def test_a_kink_within_the_smallest_step_is_no_error(kinks):
    verdict = beside(kinks)
    assert (verdict.ok, verdict.kinks) == (True, 1)


@pytest.mark.parametrize("kinks", NEAR_KINKS.values(), ids=NEAR_KINKS)
@pytest.mark.parametrize("fault", [-2.5, 2.5])
def test_nor_does_it_excuse_a_gradient_beyond_the_slopes(kinks, fault):
    assert not beside(kinks, fault).ok


@pytest.mark.parametrize("distance", [1.1, 9.0, 300.0])
@pytest.mark.parametrize("fault", [-1e-3, 1e-3, 0.5])
def test_a_kink_beyond_the_smallest_step_excuses_nothing(distance, fault):
    assert beside([distance]).kinks == 0
    assert not beside([distance], fault).ok


def test_a_tie_in_a_max_pool_is_a_kink_not_an_error():
    verdict = checked(MaxPool2d(size=2), TIE)
    assert (verdict.ok, verdict.kinks, verdict.checked) == (True, 2, 8)


def test_a_wrong_gradient_next_to_a_tie_is_an_error():
    assert not checked(MaxPool2d(size=2), TIE, at((0, 0, 3, 0), 0.0)).ok
    assert not checked(MaxPool2d(size=2), TIE, at((0, 0, 1, 0), 5.0)).ok


def test_an_array_with_only_kinks_proves_nothing():
    assert not checked(Relu(), [0.0, 0.0]).ok


def test_strong_curvature_is_not_a_kink():
    verdict = checked(Tanh(), [1e-3, 2.0])
    assert (verdict.ok, verdict.kinks) == (True, 0)
    assert not checked(Softmax(), [30.0, -30.0, 29.0], lambda dx: dx + 1e-3).ok


# --- what is checked -------------------------------------------------------------------------


def verdict_of(w, dw, cost):
    rng = np.random.default_rng(1)
    return check_array("w", w, dw, cost, rng, DEFAULT_TOLERANCE)


def test_small_arrays_are_checked_entry_by_entry():
    w = spread((10, ALL_ENTRIES_UP_TO // 10), np.random.default_rng(0))
    verdict = verdict_of(w, w.copy(), lambda: 0.5 * float(np.sum(w * w)))
    assert (verdict.ok, verdict.checked) == (True, ALL_ENTRIES_UP_TO)


def test_large_arrays_are_sampled():
    w = spread((200, 300), np.random.default_rng(0))
    calls = []

    def cost():
        calls.append(1)
        return 0.5 * float(np.sum(w * w))

    verdict = verdict_of(w, w.copy(), cost)
    assert (verdict.ok, verdict.checked) == (True, SAMPLED_ENTRIES + DIRECTIONS)
    assert len(calls) < 15 * verdict.checked


def test_directions_detect_a_fault_that_sampling_misses():
    w = spread((50, 60), np.random.default_rng(0))
    dw = w.copy()
    dw[7, 7] += 1.0
    assert not verdict_of(w, dw, lambda: 0.5 * float(np.sum(w * w))).ok


def test_the_array_is_restored_after_the_check():
    w = spread((4, 5), np.random.default_rng(0))
    before_check = w.copy()
    verdict_of(w, w.copy(), lambda: 0.5 * float(np.sum(w * w)))
    np.testing.assert_array_equal(w, before_check)


@pytest.mark.parametrize("shape", [(3, 2), (1, 3), (3,)])
def test_a_gradient_of_the_wrong_shape_fails(shape):
    w = spread((2, 3), np.random.default_rng(0))
    assert not verdict_of(w, np.ones(shape), lambda: float(w.sum())).ok


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_fails(value):
    w = spread((2, 3), np.random.default_rng(0))
    assert not verdict_of(w, np.full((2, 3), value), lambda: float(w.sum())).ok


@pytest.mark.parametrize("n", [1, 2, 3, 4, 99, 100])
def test_spread_avoids_zero_and_ties(n):
    values = np.sort(spread((n,), np.random.default_rng(n)))
    assert np.abs(values).min() >= 0.24 * 2 / max(n, 2)
    assert np.abs(values).max() <= 1
    assert n == 1 or np.diff(values).min() > 0.99 * 2 / n


# --- whole networks --------------------------------------------------------------------------


def test_a_network_with_dropout_and_penalty_passes():
    verdicts = of_network()
    assert [verdict.name for verdict in verdicts] == [
        *("input", "conv1.W", "conv1.b", "dense1.W", "dense1.b", "dense2.W", "dense2.b")
    ]
    assert blamed(verdicts) == set()


@pytest.mark.parametrize("seed", range(3))
def test_a_network_with_relu_and_max_pool_passes(network_of, seed):
    network = network_of(
        (1, 8, 8),
        *(Conv2d(filters=4, kernel=3), Relu(), MaxPool2d(size=2), Flatten(), Dense(units=6)),
        *(Relu(), Dense(units=4)),
    )
    params = network.init(seed, np.dtype(np.float32))
    verdicts = check_whole(network, SquaredError(), params, seed=seed)
    assert blamed(verdicts) == set()
    assert max(verdict.error for verdict in verdicts) <= DEFAULT_TOLERANCE


def test_the_given_arrays_are_not_modified(network_of):
    network = network_of((3,), Dense(units=2))
    params = network.init(SEED, np.dtype(np.float32))
    before_check = {name: array.copy() for name, array in params.items()}
    check_whole(network, SquaredError(), params)
    for name, array in params.items():
        np.testing.assert_array_equal(array, before_check[name])

"""Gradient checking: analytic derivatives against central differences, in float64.

    ∂C/∂w ≈ (C(w + h) - C(w - h)) / 2h

Small arrays are checked entry by entry, large ones at sampled entries and along random directions.
At a kink of C (ReLU at 0, a tie in a max-pool) there is no derivative: such a point is recognized
by left and right slopes that remain different as h shrinks, and is counted separately, provided
that the analytic value lies between them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers import Context, Example, Layer
from cnntrain.losses import Loss
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import Objective, Penalty, forward_backward
from cnntrain.plugins import load_plugins
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array, Arrays, Params, Shape

ALL_ENTRIES_UP_TO = 100
SAMPLED_ENTRIES = 40
DIRECTIONS = 4
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)  # tried until one agrees; a nearby kink spoils large ones
DEFAULT_TOLERANCE = 1e-5
FLOOR = 1e-4  # derivatives below this are compared absolutely, as if they were this large
BATCH = 4


@dataclass(frozen=True)
class Verdict:
    """The result of checking one array."""

    name: str
    shape: Shape
    checked: int  # entries and directions
    kinks: int  # those of them without a derivative
    error: float  # the largest relative error of the others
    ok: bool


Cost = Callable[[], float]


def check_array(
    name: str,
    w: Array,
    dw: Array,
    cost: Cost,
    rng: np.random.Generator,
    tolerance: float,
    entries: int = SAMPLED_ENTRIES,
) -> Verdict:
    """Compare dw with the numerical derivative of ``cost``, which reads ``w`` at every call.

    ``entries``: number of entries of a large array that are compared individually.
    """
    if dw.shape != w.shape or not np.isfinite(dw).all():
        return Verdict(name, w.shape, checked=0, kinks=0, error=float("inf"), ok=False)
    found = [
        compare(w, direction, float(np.sum(dw * direction)), cost, tolerance)
        for direction in _directions(w, rng, entries)
    ]
    smooth = [derivative for derivative in found if not derivative.is_kink]
    ok = bool(smooth) and all(derivative.ok for derivative in smooth)
    worst = max((derivative.error for derivative in smooth), default=float("inf"))
    return Verdict(name, w.shape, len(found), len(found) - len(smooth), worst, ok)


def _directions(w: Array, rng: np.random.Generator, sampled: int) -> Iterator[Array]:
    """Unit vectors: all axes of a small array; some axes and some random ones of a large array."""
    small = w.size <= ALL_ENTRIES_UP_TO
    entries = range(w.size) if small else rng.choice(w.size, sampled, replace=False)
    for entry in entries:
        direction = np.zeros(w.size)
        direction[entry] = 1.0
        yield direction.reshape(w.shape)
    for _ in range(0 if small else DIRECTIONS):
        direction = rng.standard_normal(w.shape)
        yield direction / np.linalg.norm(direction)


@dataclass(frozen=True)
class Derivative:
    """One directional derivative: its relative error, whether that is acceptable, or a kink."""

    error: float
    ok: bool
    is_kink: bool = False


def compare(
    w: Array, direction: Array, analytic: float, cost: Cost, tolerance: float
) -> Derivative:
    """The analytic derivative against the numerical one, for the step with the best agreement."""
    slopes, errors, excused = [], [], False
    for h in STEPS:
        left, right, noise = one_sided_slopes(w, direction, h, cost)
        central = (left + right) / 2
        scale = max(abs(analytic), abs(central), FLOOR)
        errors.append(abs(analytic - central) / scale)
        if errors[-1] <= tolerance:
            return Derivative(errors[-1], ok=True)
        excused = excused or errors[-1] <= tolerance + noise / scale
        slopes.append((left, right, noise))
    is_kink = not excused and _is_kink(slopes, analytic, tolerance)
    return Derivative(min(errors), ok=excused, is_kink=is_kink)


def one_sided_slopes(
    w: Array, direction: Array, h: float, cost: Cost
) -> tuple[float, float, float]:
    """((C(w) - C(w - h))/h, (C(w + h) - C(w))/h, bound on their rounding error)."""
    original = w.copy()
    here = cost()
    w += h * direction
    ahead = cost()
    w[...] = original - h * direction
    behind = cost()
    w[...] = original
    noise = 8 * np.finfo(np.float64).eps * max(abs(here), abs(ahead), abs(behind)) / h
    return (here - behind) / h, (ahead - here) / h, noise


def _is_kink(
    slopes: Sequence[tuple[float, float, float]], analytic: float, tolerance: float
) -> bool:
    """Whether the slopes remain different as h shrinks (with curvature, the gap shrinks too)."""
    gaps = [abs(right - left) for left, right, _ in slopes]
    left, right, noise = slopes[-1]
    slack = noise + tolerance * max(abs(left), abs(right), FLOOR)
    between = min(left, right) - slack <= analytic <= max(left, right) + slack
    return between and gaps[-1] > 0.5 * gaps[0] and gaps[-1] > slack


def spread(shape: Shape, rng: np.random.Generator) -> Array:
    """A shuffled grid on (-1, 1) without 0 and without equal values, hence far from kinks."""
    n = int(np.prod(shape))
    grid = (np.arange(n) - (n - 1) / 2 + 0.25) * (2 / max(n, 2))
    return rng.permutation(grid).reshape(shape)


def example_input(example: Example, rng: np.random.Generator) -> Any:
    """The input of an example: an array, or a tuple of arrays for a layer that joins several."""
    if example.layer.joins:
        return tuple(spread((*shape, example.batch), rng) for shape in example.in_shape)
    return example.reach * spread((*example.in_shape, example.batch), rng)


def check_layer(example: Example, seed: int, tolerance: float) -> list[Verdict]:
    """Check input and parameters of one layer, with C = Σ r ⊙ y for a fixed random r."""
    rng = stream(seed, Purpose.GRADCHECK)
    layer = example.layer
    x = example_input(example, rng)
    declared = layer.params(example.in_shape)
    params = {letter: spread(param.shape, rng) for letter, param in declared.items()}
    ctx = Context(training=True, generator=lambda: stream(seed, Purpose.LAYER))
    y, cache = layer.forward(params, x, ctx)
    r = rng.standard_normal(y.shape)
    dx, grads = layer.backward(params, cache, r.copy())
    assert dx is not None

    def cost() -> float:
        return float(np.sum(r * layer.forward(params, x, ctx)[0]))

    inputs = [("x", x, dx)]
    if layer.joins:
        inputs = [(f"x{k}", *pair) for k, pair in enumerate(zip(x, dx, strict=True))]
    checked = [*inputs, *((letter, params[letter], grad) for letter, grad in grads.items())]
    return [
        check_array(f"{layer.kind}.{name}", w, dw, cost, rng, tolerance) for name, w, dw in checked
    ]


def check_loss(
    loss: Loss, out_shape: Shape, target_shape: Shape | None, seed: int, tolerance: float
) -> list[Verdict]:
    """Check δ of a loss, for BATCH samples."""
    rng = stream(seed, Purpose.GRADCHECK)
    z = rng.standard_normal((*out_shape, BATCH))
    y = _targets(out_shape, target_shape, rng)
    _, delta = loss.forward(z, y)
    name = f"{loss.kind}.z" + ("" if target_shape else " (labels)")
    return [check_array(name, z, delta, lambda: loss.forward(z, y)[0], rng, tolerance)]


def _targets(out_shape: Shape, target_shape: Shape | None, rng: np.random.Generator) -> Array:
    if target_shape is None:
        return rng.integers(0, out_shape[0], BATCH)
    return rng.standard_normal((*target_shape, BATCH))


def check_registry(seed: int, tolerance: float) -> Iterator[Verdict]:
    """Check every registered layer and loss on its own examples, those of plug-ins too."""
    load_plugins()
    for layer in Layer.kinds.values():
        for example in layer.examples():
            yield from check_layer(example, seed, tolerance)
    for loss in Loss.kinds.values():
        for member, out_shape, target_shape in loss.examples():
            yield from check_loss(member, out_shape, target_shape, seed, tolerance)


def check_network(
    network: Network,
    objective: Objective,
    params: Arrays,
    penalty: Penalty,
    seed: int,
    tolerance: float,
) -> Iterator[Verdict]:
    """``check_batch`` on random inputs and targets."""
    rng = stream(seed, Purpose.GRADCHECK)
    x = rng.standard_normal((*network.in_shape, BATCH))
    units = min(
        node.out_shape[0]
        for node in (network.nodes[-1], *(network.nodes[k] for k in network.heads))
    )
    y = _targets((units, *network.out_shape[1:]), _target_shape(objective, network), rng)
    yield from check_batch(
        network,
        objective,
        params,
        penalty=penalty,
        x=x,
        y=y,
        seed=seed,
        tolerance=tolerance,
    )


def check_batch(
    network: Network,
    objective: Objective,
    params: Arrays,
    penalty: Penalty,
    x: Array,
    y: Array,
    seed: int,
    tolerance: float,
    entries: int = SAMPLED_ENTRIES,
) -> Iterator[Verdict]:
    """Check every parameter array and the input of a network on one batch, including penalties.

    Dropout masks are fixed, because they depend only on seed and step.
    """
    rng = stream(seed, Purpose.GRADCHECK, 1)
    exact: Params = {name: array.astype(np.float64) for name, array in params.items()}
    run = Pass(training=True, seed=seed)
    out = forward_backward(network, objective, exact, x, y, run, need_dx=True)
    assert out.dx is not None
    penalty.add_gradient(network, exact, out.grads)

    def cost() -> float:
        z, caches = network.forward(exact, x, run)
        total, _, _ = objective.forward(z, caches.heads, y)
        return total / x.shape[-1] + penalty.value(network, exact)

    yield check_array(
        "input",
        x,
        out.dx,
        cost=cost,
        rng=rng,
        tolerance=tolerance,
        entries=entries,
    )
    for name, array in exact.items():
        if name in out.grads:  # running statistics have no gradient
            yield check_array(
                name,
                array,
                out.grads[name],
                cost=cost,
                rng=rng,
                tolerance=tolerance,
                entries=entries,
            )


def _target_shape(objective: Objective, network: Network) -> Shape | None:
    """Real-valued targets if the only loss accepts them, else labels, which suit any outputs."""
    if objective.on_heads:
        return None
    try:
        objective.main.loss.check(network.out_shape, network.out_shape)
    except ShapeError:
        return None
    return network.out_shape

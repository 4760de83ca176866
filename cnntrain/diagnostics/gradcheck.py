"""Gradient checking: of all layers and losses on their examples, and of whole networks."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cnntrain.diagnostics.differences import SAMPLED_ENTRIES, Verdict, check_array
from cnntrain.errors import ShapeError
from cnntrain.layers import Context, Example, Layer
from cnntrain.losses import Loss
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import Objective, Penalty, forward_backward
from cnntrain.plugins import load_plugins
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array, Arrays, Params, Shape

BATCH = 4


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

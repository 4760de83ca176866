"""Tracing one update: all of its arrays, with their names and formulas.

The network runs as in training, with each layer observed. Nothing here computes a gradient.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cnntrain.config.plan import Clip
from cnntrain.errors import Diverged
from cnntrain.layers import Context, Layer
from cnntrain.losses import Loss
from cnntrain.network.graph import AT_INPUT, INPUT, Node
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import Objective, forward_backward
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import State
from cnntrain.training.step import learning_rate
from cnntrain.training.update import update
from cnntrain.types import Array, Arrays, Params, Shape
from cnntrain.views.formula import Formula


class Watched(Layer):
    """A layer that delegates to another and keeps its inputs and outputs."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.joins = layer.joins  # type: ignore[misc]  # of the layer inside
        self.x: Any = None
        self.y = self.delta = np.empty(0)
        self.params_used: Params = {}
        self.cache: Any = None
        self.dx: Any = None
        self.grads: Params = {}

    def forward(self, params: Arrays, x: Any, ctx: Context) -> tuple[Array, Any]:
        self.params_used = {letter: array.copy() for letter, array in params.items()}
        self.x = x
        self.y, self.cache = self.layer.forward(params, x, ctx)
        return self.y, self.cache

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Params]:
        self.delta = dy
        self.dx, self.grads = self.layer.backward(params, cache, dy, need_dx)
        return self.dx, self.grads

    def buffers(self, params: Arrays, cache: Any) -> Params:
        return self.layer.buffers(params, cache)


@dataclass(frozen=True)
class Quantity:
    """A named array: ``dense1.z``, ``dense1.W``, ``input``. Activations: batch axis last."""

    name: str
    letter: str
    array: Array


@dataclass(frozen=True)
class Derivative:
    """∂C/∂(the quantity ``of``), with its formula."""

    of: str
    formula: Formula
    array: Array


@dataclass(frozen=True)
class LayerTrace:
    """One layer in one step: forward from ``reads`` to ``gives``, backward from ``delta``."""

    name: str
    kind: str
    inputs: tuple[str, ...]  # names of the layers it reads
    in_shape: Any
    out_shape: Shape
    formula: Formula
    reads: tuple[Quantity, ...]
    params: tuple[Quantity, ...]
    gives: Quantity
    delta: Array  # ∂C/∂gives, summed over all readers
    to_inputs: tuple[Derivative, ...]
    to_params: tuple[Derivative, ...]
    watched: Watched  # for explanations by the layer itself


@dataclass(frozen=True)
class LossTrace:
    """One term of the cost: ``weight`` · mean of ``kind`` over the samples."""

    kind: str
    layer: str  # the layer whose output it reads
    weight: float
    formula: Formula
    delta_formula: Formula
    output: Quantity
    targets: Array
    cost: float
    delta: Array
    loss: Loss


@dataclass(frozen=True)
class ArrayUpdate:
    """W ← W + ΔW of one array. ``gradient`` includes penalties and clipping; None if frozen."""

    name: str
    before: Array
    gradient: Array | None
    after: Array
    lr: float  # η times ``lr_mult``
    decay: float  # of the decoupled weight decay, times ``decay_mult``
    memory: dict[str, Array]  # what the optimizer remembered before the update, by slot

    @property
    def change(self) -> Array:
        return self.after - self.before


@dataclass(frozen=True)
class StepTrace:
    """One update, from the loss before it to the loss after it, on the same samples."""

    step: int  # updates done before it
    lr: float
    input: Quantity
    input_delta: Array
    layers: tuple[LayerTrace, ...]
    losses: tuple[LossTrace, ...]
    penalty: tuple[float, float]  # before and after the update
    l2: float  # λ₂/m
    l1: float  # λ₁/m
    decay_mult: dict[str, float]  # of every array
    clip: Clip
    max_norm: float | None
    rule: tuple[Formula, ...]
    optimizer: Optimizer
    updates: tuple[ArrayUpdate, ...]
    cost_before: float
    cost_after: float

    def layer(self, name: str) -> LayerTrace:
        """The layer of this name."""
        return next(layer for layer in self.layers if layer.name == name)


@dataclass(frozen=True)
class Trace:
    """Several updates of a network on fixed samples."""

    name: str
    samples: tuple[int, ...]  # indices of training samples
    classes: tuple[str, ...] | None
    edges: tuple[tuple[str, str], ...]  # (source, reader)
    augmented: bool  # whether training would augment the samples; here they are not
    steps: tuple[StepTrace, ...]


def trace(
    experiment: Experiment,
    state: State,
    clock: Clock,
    samples: Sequence[int],
    steps: int,
    lr: float | None = None,
) -> Trace:
    """Trace ``steps`` updates of ``state``, each on the training samples ``samples``.

    ``lr``: η of these updates, instead of that of the schedule.
    """
    nodes = experiment.network.nodes
    edges = [(_name(nodes, k), node.name) for node in nodes for k in node.inputs]
    return Trace(
        experiment.plan.name,
        tuple(samples),
        experiment.data.classes,
        tuple(edges),
        bool(experiment.plan.data.augment),
        tuple(_steps(experiment, state, clock, np.array(samples), steps, lr)),
    )


def _steps(
    experiment: Experiment,
    state: State,
    clock: Clock,
    samples: Array,
    steps: int,
    given: float | None,
) -> Iterator[StepTrace]:
    x, y = experiment.batches("train").take(samples)
    for _ in range(steps):
        scheduled = learning_rate(experiment.plan, state.step, replace(clock, drops=state.drops))
        yield _step(experiment, state, scheduled if given is None else given, x, y)
        state.step += 1


@np.errstate(all="ignore")  # overflow is detected in the loss and the weights
def _step(experiment: Experiment, state: State, lr: float, x: Array, y: Array) -> StepTrace:
    """One update of ``state``; ``Diverged`` if something in it is not finite."""
    objective, penalty, plan = experiment.objective, experiment.penalty, experiment.plan
    network = _watching(experiment.network)
    run = Pass(training=True, seed=plan.seed, step=state.step)
    before = {name: array.copy() for name, array in state.params.items()}
    memory = {name: array.copy() for name, array in state.optimizer_state.items()}
    out = forward_backward(network, objective, before, x, y, run, need_dx=True)
    grads = dict(out.grads)
    penalty.add_gradient(network, before, grads)
    trouble = update(experiment, state, grads, lr)
    if trouble or not math.isfinite(out.loss):
        raise Diverged(f"step {state.step + 1}: {trouble or 'the loss is not finite'}")
    after = mean_cost(experiment.network, objective, state.params, x, y, run)
    state.params |= out.buffers
    return StepTrace(
        step=state.step,
        lr=lr,
        input=Quantity(INPUT, "x", x),
        input_delta=x if out.dx is None else out.dx,
        layers=tuple(_layer(network.nodes, node) for node in network.nodes),
        losses=tuple(_losses(network, objective, y)),
        penalty=(penalty.value(network, before), penalty.value(network, state.params)),
        l2=penalty.l2,
        l1=penalty.l1,
        decay_mult={name: param.decay_mult for name, param in network.params.items()},
        clip=plan.train.clip,
        max_norm=plan.train.max_norm,
        rule=tuple(map(Formula, plan.optimizer.rule())),
        optimizer=plan.optimizer,
        updates=tuple(
            ArrayUpdate(
                name=name,
                before=before[name],
                gradient=grads[name] if param.trainable else None,
                after=state.params[name].copy(),
                lr=lr * param.lr_mult,
                decay=plan.optimizer.weight_decay * param.decay_mult,
                memory=_memory(plan.optimizer, memory, name),
            )
            for name, param in network.params.items()
            if not param.is_buffer
        ),
        cost_before=out.loss / x.shape[-1] + penalty.value(network, before),
        cost_after=after + penalty.value(network, state.params),
    )


def mean_cost(
    network: Network, objective: Objective, params: Arrays, x: Array, y: Array, run: Pass
) -> float:
    """The mean cost of the samples, without penalties."""
    z, caches = network.forward(params, x, run)
    return objective.forward(z, caches.heads, y)[0] / x.shape[-1]


def _watching(network: Network) -> Network:
    watched = [replace(node, layer=Watched(node.layer)) for node in network.nodes]
    return replace(network, nodes=tuple(watched))


def _name(nodes: Sequence[Node], k: int) -> str:
    return INPUT if k == AT_INPUT else nodes[k].name


def _watched(node: Node) -> Watched:
    assert isinstance(node.layer, Watched)
    return node.layer


def _output(nodes: Sequence[Node], k: int, x: Array) -> Quantity:
    """The output of node k; ``x``: the array as received by its reader."""
    if k == AT_INPUT:
        return Quantity(INPUT, "x", x)
    letter = _watched(nodes[k]).layer.gives
    return Quantity(f"{nodes[k].name}.{letter}", letter, x)


def _layer(nodes: Sequence[Node], node: Node) -> LayerTrace:
    watched = _watched(node)
    layer, formulas = watched.layer, watched.layer.backward_formulas()
    read = watched.x if layer.joins else (watched.x,)
    dx = watched.dx if layer.joins else (watched.dx,)
    reads = [_output(nodes, k, x) for k, x in zip(node.inputs, read, strict=True)]
    to_inputs = [
        Derivative(quantity.name, Formula(formulas["x"]), array)
        for quantity, array in zip(reads, dx, strict=True)
    ]
    to_params = [
        Derivative(f"{node.name}.{letter}", Formula(formulas[letter]), grad)
        for letter, grad in watched.grads.items()
    ]
    return LayerTrace(
        name=node.name,
        kind=layer.kind,
        inputs=tuple(_name(nodes, k) for k in node.inputs),
        in_shape=node.in_shape,
        out_shape=node.out_shape,
        formula=Formula(layer.formula),
        reads=tuple(replace(quantity, letter=layer.reads) for quantity in reads),
        params=tuple(Quantity(f"{node.name}.{k}", k, a) for k, a in watched.params_used.items()),
        gives=Quantity(f"{node.name}.{layer.gives}", layer.gives, watched.y),
        delta=watched.delta,
        to_inputs=tuple(to_inputs),
        to_params=tuple(to_params),
        watched=watched,
    )


def _losses(network: Network, objective: Objective, y: Array) -> Iterator[LossTrace]:
    """Every term with its δ, as computed by the objective."""
    on_heads = zip(objective.on_heads, network.heads, strict=True)
    read = [(objective.main, len(network.nodes) - 1), *on_heads]
    for term, k in read:
        node = network.nodes[k]
        output = _output(network.nodes, k, _watched(node).y)
        cost, delta = term.loss.forward(output.array, y)
        m = output.array.shape[-1]
        yield LossTrace(
            kind=term.loss.kind,
            layer=node.name,
            weight=term.weight,
            formula=Formula(term.loss.equation()),
            delta_formula=Formula(term.loss.delta_equation()),
            output=output,
            targets=y,
            cost=cost / m,
            delta=delta * (term.weight / m),
            loss=term.loss,
        )


def _memory(optimizer: Optimizer, memory: Params, name: str) -> dict[str, Array]:
    slots = {slot: f"{slot}:{name}" for slot in optimizer.active_slots()}
    return {slot: memory[key] for slot, key in slots.items() if key in memory}

"""Network summary: layers with their shapes, parameters, work, memory and receptive fields."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cnntrain.config.plan import Plan
from cnntrain.layers import Param
from cnntrain.layers.conv2d import Conv2d
from cnntrain.native import current
from cnntrain.network.fuse import inside
from cnntrain.network.graph import AT_INPUT, INPUT, Node
from cnntrain.network.network import Network, by_numpy
from cnntrain.network.reorder import moved
from cnntrain.text import flops, size, table
from cnntrain.training.memory import TrainingBytes, training_bytes
from cnntrain.types import Shape
from cnntrain.views.languages import say

Field = tuple[int, int]  # height and width of the input region that one output sees


@dataclass(frozen=True)
class LayerSummary:
    """One layer. FLOPs are per sample, ``activation_bytes`` for the output of a whole batch."""

    name: str
    kind: str
    reads: tuple[str, ...]
    out_shape: Shape
    parameters: int
    forward_flops: int
    backward_flops: int
    activation_bytes: int
    receptive_field: Field | None  # None: the whole input
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """All layers, and the requirements of a training step on ``batch`` samples."""

    name: str
    in_shape: Shape
    dtype: str
    batch: int
    layers: tuple[LayerSummary, ...]
    parameters: int
    frozen_parameters: int
    forward_flops: int
    backward_flops: int
    activation_bytes: int
    training: TrainingBytes
    peak_bytes: int
    engine: str
    by_numpy: tuple[str, ...]  # layers for which the engine has no compiled kernels


def summarize(plan: Plan, network: Network, samples: int, threads: int) -> Summary:
    """The summary of a training on ``samples`` samples with ``threads`` threads."""
    batch = plan.train.samples_per_step(samples)
    layers = tuple(_layers(network, batch * plan.numpy_dtype.itemsize))
    training = training_bytes(plan, network, samples, threads)
    frozen = (p for p in network.params.values() if not p.trainable and not p.is_buffer)
    return Summary(
        name=plan.name,
        in_shape=network.in_shape,
        dtype=plan.dtype,
        batch=batch,
        layers=layers,
        parameters=network.parameter_count,
        frozen_parameters=sum(math.prod(param.shape) for param in frozen),
        forward_flops=sum(layer.forward_flops for layer in layers),
        backward_flops=sum(layer.backward_flops for layer in layers),
        activation_bytes=sum(layer.activation_bytes for layer in layers),
        training=training,
        peak_bytes=training.total,
        engine=str(current()),
        by_numpy=by_numpy(network),
    )


def engine_line(engine: str, names: tuple[str, ...], count: int) -> str:
    """The engine, and what it leaves to NumPy."""
    if not names or len(names) == count:
        return f"engine: {engine}"
    return f"engine: {engine}; by NumPy: {', '.join(names)}"


def _layers(network: Network, bytes_per_number: int) -> Iterator[LayerSummary]:
    fields = receptive_fields(network)
    trained = {AT_INPUT: False}  # whether δ is needed: by this node or one below it
    behind, within = moved(network), inside(network)
    names = {AT_INPUT: INPUT, **{i: node.name for i, node in enumerate(network.nodes)}}
    for i, node in enumerate(network.nodes):
        need_dx = any(trained[k] for k in node.inputs)
        trained[i] = need_dx or bool(node.params)
        yield LayerSummary(
            name=node.name,
            kind=node.layer.kind,
            reads=tuple(names[k] for k in node.inputs),
            out_shape=node.out_shape,
            parameters=sum(math.prod(p.shape) for p in node.params.values() if not p.is_buffer),
            forward_flops=node.layer.flops(node.in_shape),
            backward_flops=node.layer.backward_flops(node.in_shape, need_dx) if trained[i] else 0,
            activation_bytes=math.prod(node.out_shape) * bytes_per_number,
            receptive_field=fields[i],
            notes=tuple(
                _notes(node, i in network.heads, behind.get(node.name), within.get(node.name))
            ),
        )


def _notes(
    node: Node, is_head: bool, moved_behind: str | None, within: str | None
) -> Iterator[str]:
    for letter, param in node.params.items():
        if not param.is_buffer:
            yield from (f"{letter} {note}" for note in exceptions(param, is_weight=letter == "W"))
    form = node.layer.form(node.in_shape) if isinstance(node.layer, Conv2d) else None
    if form:
        yield f"by {form.NAME}, in tiles"
    if is_head:
        yield "output used by a loss"
    if moved_behind:
        yield f"computed after {moved_behind}: identical result, less work"
    if within:
        yield f"computed within {within}, in one pass: identical result"


def exceptions(param: Param, is_weight: bool) -> Iterator[str]:
    """The ways in which the training of an array differs from the default."""
    if not param.trainable:
        yield say("rule.frozen")
    if param.lr_mult != 1:
        yield say("rule.lr_mult", factor=f"{param.lr_mult:g}")
    if param.decay_mult != float(is_weight):
        yield say("rule.decay_mult", factor=f"{param.decay_mult:g}")


def receptive_fields(network: Network) -> dict[int, Field | None]:
    """For every node, height and width of the input region that one of its outputs sees.

    A window of size k whose neighbouring inputs are ``jump`` network inputs apart adds (k - 1)·jump
    (Dumoulin & Visin 2016, for the geometry).
    """
    whole = network.in_shape[1:] if len(network.in_shape) == 3 else (1, 1)
    found: dict[int, tuple[tuple[float, float], ...] | None] = {AT_INPUT: ((1, 1), (1, 1))}
    for i, node in enumerate(network.nodes):
        view = node.layer.view(node.in_shape)
        below = [found[k] for k in node.inputs]
        if view is None or any(part is None for part in below):
            found[i] = None
            continue
        axes = []
        for axis, seen in enumerate(view):
            size = max(part[axis][0] for part in below if part is not None)
            jump = max(part[axis][1] for part in below if part is not None)
            axes.append((size + (seen.size - 1) * jump, jump * seen.step))
        found[i] = tuple(axes)
    return {
        i: _within(part, whole) if part is not None else None
        for i, part in found.items()
        if i != AT_INPUT
    }


def _within(field: tuple[tuple[float, float], ...], whole: Shape) -> Field | None:
    """Rounded up and limited to the input; None if it covers the whole image."""
    height, width = (
        min(math.ceil(size), most) for (size, _), most in zip(field, whole, strict=True)
    )
    return None if (height, width) == whole and max(whole) > 1 else (height, width)


def summary_text(found: Summary) -> str:
    """The table, its totals, the memory of a training step, and the notes."""
    above = (INPUT, *(layer.name for layer in found.layers))
    rows = [
        [
            layer.name if layer.reads == (before,) else f"{layer.name} ← {', '.join(layer.reads)}",
            layer.kind,
            "x".join(map(str, layer.out_shape)),
            f"{layer.parameters:,}" if layer.parameters else "",
            flops(layer.forward_flops),
            flops(layer.backward_flops),
            size(layer.activation_bytes),
            "all" if layer.receptive_field is None else "x".join(map(str, layer.receptive_field)),
        ]
        for layer, before in zip(found.layers, above, strict=False)
    ]
    head = ["layer", "kind", "output", "params", "forward", "backward", "memory", "sees"]
    if any("←" in row[0] for row in rows):
        head[0] = "layer ← inputs"
    total = ["total", "", "", f"{found.parameters:,}", flops(found.forward_flops)]
    total += [flops(found.backward_flops), size(found.activation_bytes), ""]
    text = table([head, *rows, total], left=2)
    *body, last = text.splitlines()
    ruler = body[1]
    shape = "x".join(map(str, found.in_shape))
    batch = "one sample" if found.batch == 1 else f"{found.batch:,} samples"
    lines = [f"{found.name}: input {shape}, {found.dtype}, {batch} per update", ""]
    lines += [*body, ruler, last, "", *_footer(found)]
    return "\n".join(lines)


def _footer(found: Summary) -> Iterator[str]:
    yield "forward and backward: floating-point operations per sample; memory: of the outputs of"
    yield "all samples of an update; sees: the part of the input that one output depends on"
    parts = found.training
    yield ""
    yield f"peak memory of a training step: about {size(found.peak_bytes, digits=2)}"
    for what, amount in (
        ("weights", parts.weights),
        ("optimizer state", parts.optimizer_state),
        ("activations, caches, copies and gradients", parts.passes),
        ("gradients of finished shards", parts.sums),
        ("the update, after these are freed: gradients and changes", parts.update),
    ):
        if amount:
            yield f"  {size(amount, digits=2):>10}  {what}"
    yield engine_line(found.engine, found.by_numpy, len(found.layers))
    if found.frozen_parameters:
        yield f"{found.frozen_parameters:,} of {found.parameters:,} parameters are frozen"
    noted = [(layer.name, note) for layer in found.layers for note in layer.notes]
    if noted:
        yield ""
        yield from (f"{name}: {note}" for name, note in noted)


def mermaid(found: Summary) -> str:
    """The graph in Mermaid notation, which GitHub and many editors render."""
    shapes = {INPUT: found.in_shape, **{layer.name: layer.out_shape for layer in found.layers}}
    lines = ["graph TD", f'  {INPUT}(["{INPUT}"])']
    for layer in found.layers:
        count = f"<br/>{layer.parameters:,} parameters" if layer.parameters else ""
        lines.append(f'  {layer.name}["{layer.name}: {layer.kind}{count}"]')
    for layer in found.layers:
        for source in layer.reads:
            shape = "x".join(map(str, shapes[source]))
            lines.append(f"  {source} -->|{shape}| {layer.name}")
    return "\n".join(lines)

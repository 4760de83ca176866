"""Operators that move numbers around, and those that work out the shapes for it.

In a shape that the model works out, the number of samples is SAMPLES.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnntrain.exchange.onnx_in.draft import MOST_PLACES, Draft, Value
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.exchange.onnx_in.reading import reads
from cnntrain.network.graph import AT_INPUT
from cnntrain.types import Array, Shape

SAMPLES = -1
MOST_NUMBERS = 1_000  # in a constant that the model works out
INTEGERS = {6: np.int32, 7: np.int64}  # types of ONNX by number


@reads("Constant")
def constant(draft: Draft, op: Op) -> Array:
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        if name in op.attributes:
            return np.asarray(op.attribute(name), np.float32 if "float" in name else None)
    return op.refuse("this kind of constant is not supported")


@reads("Shape")
def shape(draft: Draft, op: Op) -> Array:
    value = draft.value(op)
    whole = np.array([SAMPLES, *value.shape], np.int64)
    return whole[op.attribute("start", 0) : op.attribute("end", len(whole))]


@reads("Gather")
def gather(draft: Draft, op: Op) -> Array:
    """Entries of a shape."""
    array, at = integers(draft, op, 0), integers(draft, op, 1)
    op.expect(axis=0)
    if array.ndim != 1 or (at >= len(array)).any() or (at < -len(array)).any():
        op.refuse("only entries of a shape can be taken out")
    return array[at]


@reads("Slice")
def part(draft: Draft, op: Op) -> Array:
    """A part of a shape."""
    array = integers(draft, op, 0)
    given = [
        op.attribute(name) if draft.optional(op, k) is None else draft.constant(op, k).tolist()
        for k, name in enumerate(("starts", "ends", "axes", "steps"), start=1)
    ]
    start, end, axes, steps = given
    if array.ndim != 1 or len(start) != 1 or (axes or [0]) != [0]:
        op.refuse("only a part of a shape can be taken out")
    return array[start[0] : end[0] : (steps or [1])[0]]


@reads("Cast")
def cast(draft: Draft, op: Op) -> Value | Array:
    """Between types of real numbers, which are all those of the network here; of shapes."""
    to = op.attribute("to")
    op.attribute("saturate")
    if op.inputs[0] in draft.values:
        if to not in (1, 11, "FLOAT", "DOUBLE"):
            op.refuse(f"to = {to}; values can only stay real numbers")
        return draft.value(op)
    if to not in INTEGERS:
        op.refuse(f"to = {to} is not supported for constants")
    return integers(draft, op, 0).astype(INTEGERS[to])


def integers(draft: Draft, op: Op, k: int) -> Array:
    """A constant of few integers."""
    array = draft.constant(op, k)
    if array.dtype.kind not in "iu" or array.size > MOST_NUMBERS:
        op.refuse(f"input {op.inputs[k]!r} is {array.dtype} {array.shape}, not a shape")
    return array


# --- values ----------------------------------------------------------------------------------


@reads("Reshape")
def reshape(draft: Draft, op: Op) -> Value:
    value = draft.value(op)
    given = draft.optional(op, 1)
    wanted = op.attribute("shape") if given is None else integers(draft, op, 1).tolist()
    whole = _resolved(draft, op, wanted or [], value, op.attribute("allowzero", 0))
    if value.at == AT_INPUT and draft.only_reader(op) and _only_of_ones(value.shape, whole):
        return _input(draft, whole)  # such as (H, W, 1) as (1, H, W): the same image
    return value.in_shape(whole)


def _resolved(draft: Draft, op: Op, wanted: Sequence[int], value: Value, as_is: int) -> Shape:
    """The shape of one sample, where -1 stands for the rest, and 0 for the size as it was."""
    before = (SAMPLES, *value.shape)
    sizes = [
        before[k] if size == 0 and not as_is and k < len(before) else size
        for k, size in enumerate(wanted)
    ]
    first, rest = (sizes[0], sizes[1:]) if sizes else (0, [])
    size = math.prod(value.shape)
    known = math.prod(s for s in rest if s != SAMPLES)
    if rest.count(SAMPLES) == 1 and known > 0 and size % known == 0:
        rest[rest.index(SAMPLES)] = size // known
    is_batch = first == SAMPLES or first == draft.graph.batch
    if not is_batch or not rest or min(rest) < 1 or math.prod(rest) != size:
        op.refuse(f"shape {list(wanted)} for samples {value.shape}: the samples must stay apart")
    return tuple(rest)


def _only_of_ones(before: Shape, after: Shape) -> bool:
    """Whether only axes of length 1 are elsewhere."""
    return [s for s in before if s != 1] == [s for s in after if s != 1]


def _input(draft: Draft, shape: Shape) -> Value:
    """The input itself in another shape: data are read with their channels first."""
    draft.in_shape = shape
    return Value(AT_INPUT, shape, shape)


@reads("Flatten")
def flatten(draft: Draft, op: Op) -> Value:
    value = draft.value(op)
    if op.attribute("axis", 1) % (len(value.shape) + 1) != 1:
        op.refuse(f"axis = {op.attribute('axis')}; the samples must stay apart (axis 1)")
    return value.in_shape((math.prod(value.shape),))


@reads("Transpose")
def transpose(draft: Draft, op: Op) -> Value:
    value = draft.value(op)
    rank = len(value.shape) + 1
    axes = list(op.attribute("perm") or reversed(range(rank)))
    if sorted(axes) != list(range(rank)) or axes[0] != 0:
        op.refuse(f"perm = {axes}; the samples must stay the first axis")
    moved = [axis - 1 for axis in axes[1:]]
    if value.at == AT_INPUT and draft.only_reader(op) and draft.scale is None:
        return _input(draft, tuple(value.shape[axis] for axis in moved))
    if math.prod(value.shape) > MOST_PLACES:
        op.refuse(f"more than {MOST_PLACES:,} numbers cannot be reordered")
    return value.transposed(moved)


@reads("Squeeze")
def squeeze(draft: Draft, op: Op) -> Value | Array:
    """Axes of length 1 go; of a shape that is one number, its axis."""
    given = draft.optional(op, 1)
    axes = op.attribute("axes") if given is None else given.tolist()
    if op.inputs[0] in draft.constants:
        return integers(draft, op, 0).squeeze()
    value = draft.value(op)
    rank = len(value.shape) + 1
    gone = {a % rank for a in axes or [k + 1 for k, s in enumerate(value.shape) if s == 1]}
    if 0 in gone or any(value.shape[axis - 1] != 1 for axis in gone):
        op.refuse(f"axes = {axes} of samples {value.shape}")
    kept: Any = [s for k, s in enumerate(value.shape, start=1) if k not in gone]
    return value.in_shape(tuple(kept))


@reads("Unsqueeze")
def unsqueeze(draft: Draft, op: Op) -> Value | Array:
    """New axes of length 1; a number becomes a shape."""
    given = draft.optional(op, 1)
    axes = op.attribute("axes") if given is None else given.tolist()
    if op.inputs[0] in draft.constants:
        return np.expand_dims(integers(draft, op, 0), tuple(axes))
    value = draft.value(op)
    rank = len(value.shape) + 1 + len(axes)
    new = sorted(axis % rank for axis in axes)
    if 0 in new:
        op.refuse(f"axes = {axes}; the samples must stay the first axis")
    sizes = list(value.shape)
    for axis in new:
        sizes.insert(axis - 1, 1)
    return value.in_shape(tuple(sizes))

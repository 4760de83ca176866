"""Padding and resizing of maps."""

import numpy as np

from cnntrain.exchange.onnx_in.draft import Draft, Value
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.exchange.onnx_in.reading import reads
from cnntrain.exchange.onnx_in.windows import Pair, image, shortest
from cnntrain.layers.padding import Pad2d, ZeroPad2d
from cnntrain.layers.upsample2d import Upsample2d

# where an input lies among its outputs: the two differ only where there is a single output
CENTRED = ("half_pixel", "pytorch_half_pixel")


@reads("Pad")
def pad(draft: Draft, op: Op) -> Value:
    value, mode = image(draft, op), op.attribute("mode", "constant")
    given = draft.optional(op, 1)
    pads = op.attribute("pads", op.attribute("paddings")) if given is None else given.tolist()
    filling = draft.optional(op, 2)
    number = op.attribute("value", 0.0) if filling is None else float(filling.item())
    if len(op.inputs) > 3 and op.inputs[3]:
        op.refuse("axes are not supported; give pads for all axes")
    if pads is None or len(pads) != 8 or any(pads[k] for k in (0, 1, 4, 5)) or min(pads) < 0:
        op.refuse(f"pads = {pads}; only rows and columns can be added")
    if mode not in ("constant", "edge", "reflect"):
        op.refuse(f"mode = {mode} is not supported")
    around = shortest((pads[2], pads[6], pads[3], pads[7]))
    if mode == "constant" and number == 0:
        return draft.add(op, ZeroPad2d(padding=around), value)
    return draft.add(op, Pad2d(padding=around, mode=mode, value=number), value)


@reads("Resize", "Upsample")
def resize(draft: Draft, op: Op) -> Value:
    """Upsampling by a whole number, as far as ``upsample2d`` does the same."""
    value, mode = image(draft, op), op.attribute("mode", "nearest")
    factor = _factor(draft, op, value)
    where = op.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = op.attribute("nearest_mode", "round_prefer_floor")
    op.expect(antialias=0, exclude_outside=0, keep_aspect_ratio_policy="stretch")
    for name in ("cubic_coeff_a", "extrapolation_value"):
        op.attribute(name)  # of other modes
    copies = mode == "nearest" and _copies(op.kind, where, rounding)
    is_centred = where in CENTRED and op.kind == "Resize"
    if not copies and not (mode == "linear" and is_centred):
        op.refuse(f"mode = {mode} with {where} and {rounding} is not supported")
    layer = Upsample2d(factor=shortest(factor), mode="nearest" if copies else "bilinear")
    return draft.add(op, layer, value)


def _copies(kind: str, where: str, rounding: str) -> bool:
    """Whether every output is the input in whose place it is."""
    if kind == "Upsample":
        return True
    if where == "asymmetric":
        return bool(rounding == "floor")
    return where in CENTRED and rounding.startswith("round")


def _factor(draft: Draft, op: Op, value: Value) -> Pair:
    """The whole numbers by which height and width grow."""
    if op.kind == "Upsample" or len(op.inputs) == 2:
        given = draft.optional(op, 1) if len(op.inputs) > 1 else None
        scales = op.attribute("scales") if given is None else given
    else:
        sizes, scales = draft.optional(op, 3), draft.optional(op, 2)
        if sizes is not None and sizes.size == 4:
            scales = [1, *(b / a for a, b in zip(value.shape, sizes[1:].tolist(), strict=True))]
    found = np.asarray(scales if scales is not None else [], float)
    whole = found.size == 4 and (found[:2] == 1).all() and (found >= 1).all()
    if not whole or (found != found.round()).any():
        op.refuse(
            f"scales = {found.tolist()}; only whole numbers for height and width are supported"
        )
    return int(found[2]), int(found[3])

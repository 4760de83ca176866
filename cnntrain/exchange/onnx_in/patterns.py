"""Activations that exporters write as several operators."""

import numpy as np

from cnntrain.exchange.onnx_in.fusing import Finder, Rule, near, one_for
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.layers.activations import Gelu


def gated(find: Finder, op: Op) -> Op | None:
    """x · σ(x), x · hard_sigmoid(x) and x · tanh(softplus(x))."""
    if op.kind != "Mul":
        return None
    for x, gate in (op.inputs, op.inputs[::-1]):
        if (sigmoid := find.maker(gate, "Sigmoid")) and sigmoid.inputs[0] == x:
            return one_for(op, "Swish", x)
        if (hard := find.maker(gate, "HardSigmoid")) and hard.inputs[0] == x:
            return one_for(op, "HardSwish", x) if _is_of_hard_swish(hard) else None
        if (row := find.makers(gate, "Tanh", "Softplus")) and row[-1].inputs[0] == x:
            return one_for(op, "Mish", x)
    return None


def _is_of_hard_swish(hard: Op) -> bool:
    alpha, beta = hard.attributes.get("alpha", 0.2), hard.attributes.get("beta", 0.5)
    return near(alpha, 1 / 6) and near(beta, 0.5)


def gelu(find: Finder, op: Op) -> Op | None:
    """½ x (1 + erf(x/√2)), or with the tanh that is near it; whichever product comes first."""
    if op.kind not in ("Erf", "Tanh"):
        return None
    inner, plus = find.by_output.get(op.inputs[0]), find.readers.get(op.outputs[0])
    if inner is None or plus is None or plus.kind != "Add":
        return None
    x = _in_erf(find, inner) if op.kind == "Erf" else _in_tanh(find, inner)
    added = find.with_number(plus)
    if x is None or added is None or not near(added[1], 1.0):
        return None
    last = _product(find, plus, x)
    kind = "none" if op.kind == "Erf" else "tanh"
    return None if last is None else one_for(last, "Gelu", x, approximate=kind)


def _in_erf(find: Finder, op: Op) -> str | None:
    """x, if the operator gives x/√2."""
    x, factor = find.with_number(op) or ("", 0.0)
    expected = {"Div": np.sqrt(2.0), "Mul": np.sqrt(0.5)}.get(op.kind)
    return x if expected is not None and near(factor, expected) else None


def _in_tanh(find: Finder, op: Op) -> str | None:
    """x, if the operator gives √(2/π) (x + 0.044715 x³)."""
    total, root = find.with_number(op) or ("", 0.0)
    plus = find.maker(total, "Add")
    if op.kind != "Mul" or plus is None or not near(root, Gelu.ROOT_2_OVER_PI):
        return None
    for x, term in (plus.inputs, plus.inputs[::-1]):
        scaled = find.maker(term, "Mul")
        cube, cubic = (scaled and find.with_number(scaled)) or ("", 0.0)
        if near(cubic, Gelu.CUBIC) and _is_cube(find, cube, x):
            return x
    return None


def _is_cube(find: Finder, name: str, x: str) -> bool:
    """Whether a value is x³, as a power or as two products."""
    if power := find.maker(name, "Pow"):
        return power.inputs[0] == x and find.number(power.inputs[1]) == 3.0
    times = find.maker(name, "Mul")
    rest = [factor for factor in times.inputs if factor != x] if times else []
    square = find.maker(rest[0], "Mul") if len(rest) == 1 else None
    return square is not None and square.inputs == (x, x)


def _product(find: Finder, op: Op, x: str) -> Op | None:
    """The multiplication by which x/2 times the value of ``op`` is complete."""
    factors: set[str] = set()
    for _ in range(2):
        top = find.readers.get(op.outputs[0])
        if top is None or top.kind != "Mul":
            return None
        others = [name for name in top.inputs if name != op.outputs[0]]
        factors |= {factor for name in others for factor in _factors(find, name)}
        if factors == {x, "½"}:
            return top
        op = top
    return None


def _factors(find: Finder, name: str) -> set[str]:
    """What a value is the product of: ½ for that number, and names."""
    inner = find.maker(name, "Mul")
    halved = find.with_number(inner) if inner else None
    if halved is not None and near(halved[1], 0.5):
        return {halved[0], "½"}
    return {"½"} if near(find.number(name) or 0.0, 0.5) else {name}


def yes_and_no(find: Finder, op: Op) -> Op | None:
    """[1 - p, p], as scikit-learn gives two classes: p alone says the same."""
    if op.kind != "Concat" or len(op.inputs) != 2:
        return None
    no, p = op.inputs
    minus = find.maker(no, "Sub")
    is_rest = minus and find.number(minus.inputs[0]) == 1.0 and minus.inputs[1] == p
    return one_for(op, "Identity", p) if is_rest else None


ACTIVATIONS: tuple[Rule, ...] = (gated, gelu, yes_and_no)

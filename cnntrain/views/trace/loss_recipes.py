"""From z to δ for every loss: only the terms that its options make it have."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cnntrain.losses.absolute import AbsoluteError, Huber
from cnntrain.losses.base import Loss, as_targets, is_labels
from cnntrain.losses.binary import BinaryCrossEntropy, Hinge, SquaredHinge
from cnntrain.losses.cross_entropy import CrossEntropy, KlDivergence
from cnntrain.losses.squared_error import SquaredError
from cnntrain.text import visible
from cnntrain.types import Array
from cnntrain.views.languages import say
from cnntrain.views.trace.recipe import Recipe

Lines = tuple[tuple[str, str], ...]
LARGE = 300.0  # e^z of larger numbers may overflow
NUDGE = 1e-5  # of an output, where a loss is known by its costs only

SOFTMAX: Lines = (("e", "exp(z[k])"), ("S", "sum(exp(z))"), ("p", "e / S"))
SHIFTED: Lines = (
    ("c", "largest(z)"),
    ("e", "exp(z[k] - c)"),
    ("S", "sum(exp(z - c))"),
    ("p", "e / S"),
)
SIGMOID: Lines = (("e", "exp(-z[k])"), ("p", "1 / (1 + e)"))
MARGIN: Lines = (("s", "2 * t[k] - 1"), ("margin", "1 - s * z[k]"))
SOFTPLUS = "(max(z, 0) + log1p(exp(-abs(z))))"


@dataclass(frozen=True)
class LossLines:
    """From outputs z and targets t of one sample to δ of its entry k, and to its cost."""

    lines: Lines
    cost: str
    constants: dict[str, Any] = field(default_factory=dict)


def loss_recipe(
    loss: Loss, z: Array, y: Array, at: int, weight: float, classes: Sequence[str] | None
) -> Recipe:
    """δ of the entry ``at`` (a flat position in z, batch last), with 1/m and the loss's weight."""
    m = z.shape[-1]
    place, sample = divmod(at, m)
    given: dict[str, Any] = {"z": _column(z, sample), "t": _column(as_targets(y, z), sample)}
    found = loss_lines(loss, z, y)
    lines, constants = (found.lines, found.constants) if found else _quotient(loss, z, y, at)
    given |= {"a": given["z"], "k": place, "m": m, "w_loss": weight}
    recipe = Recipe((*lines[:-1], ("δ", mean_of(lines[-1][1], m, weight))), given | constants)
    return replace(recipe, verdict=verdict_of(loss, z, y, sample, classes))


def mean_of(expression: str, m: int, weight: float) -> str:
    """An expression divided by m, unless m is 1, and times the weight, unless that is 1."""
    over = f"({expression}) / m" if m > 1 else expression
    return f"w_loss * ({over})" if weight != 1 else over


def verdict_of(loss: Loss, z: Array, y: Array, sample: int, classes: Sequence[str] | None) -> str:
    """``says 4 with 31 %, is 1``; nothing for a regression."""
    if not is_labels(y) or not loss.estimates_shares or z.ndim != 2:
        return ""
    shares, label = loss.estimate(z[:, sample : sample + 1])[:, 0], int(y[sample])

    def name(k: int) -> str:
        return visible(classes[k]) if classes and k < len(classes) else str(k)

    if len(shares) == 1:
        said, share = int(shares[0] > 0.5), max(float(shares[0]), 1 - float(shares[0]))
    else:
        said, share = int(np.argmax(shares)), float(np.max(shares))
    return say("trace.verdict", said=name(said), share=f"{100 * share:.4g}", truly=name(label))


def loss_lines(loss: Loss, z: Array, y: Array) -> LossLines | None:
    """The lines of a loss of this package; None for one of a plugin."""
    match loss:
        case CrossEntropy():
            return _cross_entropy(loss, z, y)
        case KlDivergence():
            return _kl_divergence(z, y)
        case BinaryCrossEntropy():
            return _binary(loss, z)
        case SquaredError():
            return LossLines((("δ", "a[k] - t[k]"),), "sum((a - t) ** 2) / 2")
        case AbsoluteError():
            return LossLines((("e", "a[k] - t[k]"), ("δ", "sign(e)")), "sum(abs(a - t))")
        case Huber():
            clipped = "max(-limit, min(limit, {}))"
            inside = clipped.format("a - t")
            lines = (("e", "a[k] - t[k]"), ("δ", clipped.format("e")))
            return LossLines(
                lines, f"sum({inside} * (a - t - {inside} / 2))", {"limit": loss.limit}
            )
        case Hinge():
            cost = "sum(max(0, 1 - (2 * t - 1) * z))"
            return LossLines((*MARGIN, ("δ", "-s * (0 < margin)")), cost)
        case SquaredHinge():
            cost = "sum(max(0, 1 - (2 * t - 1) * z) ** 2)"
            return LossLines((*MARGIN, ("δ", "-2 * s * max(0, margin)")), cost)
    return None


def _column(array: Array, sample: int) -> Array:
    return array[..., sample].ravel().astype(np.float64)


def _softmax(z: Array) -> tuple[Lines, str]:
    """The lines up to p, and log p of all classes."""
    if np.abs(z).max() > LARGE:
        return SHIFTED, "(z - c - log(S))"
    return SOFTMAX, "(z - log(S))"


def _cross_entropy(loss: CrossEntropy, z: Array, y: Array) -> LossLines:
    """Class weights, smoothing and ignored samples only where the options have them."""
    softmax, log_p = _softmax(z)
    lines, given, target = list(softmax), {}, "t"
    if loss.ignore_index is not None:
        given["kept"] = (np.arange(len(z)) != loss.ignore_index).astype(float)
        lines.append(("t_kept", "t * kept"))
        target = "t_kept"
    if loss.label_smoothing:
        given |= {"ε": loss.label_smoothing, "K": len(z)}
        lines.append(("t_smooth", f"(1 - ε) * {target} + sum({target}) * ε / K"))
        target = "t_smooth"
    if isinstance(loss.class_weight, tuple):
        given["w"] = np.array(loss.class_weight)
        lines.append(("t_weighted", f"w * {target}"))
        target = "t_weighted"
    cost = f"-sum({target} * {log_p})"
    if target == "t" and is_labels(y):
        return LossLines((*lines, ("δ", "p - t[k]")), cost)
    shown = ("t_k", f"{target}[k]")
    ending = (shown, ("T", f"sum({target})"), ("δ", "p * T - t_k"))
    return LossLines((*lines, *ending), cost, given)


def _kl_divergence(z: Array, y: Array) -> LossLines:
    softmax, log_p = _softmax(z)
    cost = f"sum(t * (log(max(t, tiny)) - {log_p}))"
    ending: Lines = (("T", "sum(t)"), ("δ", "p * T - t[k]"))
    return LossLines(
        (*softmax, *((("δ", "p - t[k]"),) if is_labels(y) else ending)),
        cost,
        {"tiny": float(np.finfo(np.float64).tiny)},
    )


def _binary(loss: BinaryCrossEntropy, z: Array) -> LossLines:
    given = {}
    for name, option in (("w", loss.weight), ("w_yes", loss.pos_weight)):
        if option != 1.0:
            per_output = np.array(option, float).reshape(-1, *(1,) * (z.ndim - 2))
            given[name] = np.broadcast_to(per_output, z.shape[:-1]).ravel()
    yes, w_yes = ("w_yes[k] * t[k]", "w_yes * ") if "w_yes" in given else ("t[k]", "")
    inner = f"(1 - t[k]) * p - {yes} * (1 - p)" if given else "p - t[k]"
    cost = f"(1 - t) * {SOFTPLUS} + {w_yes}t * ({SOFTPLUS} - z)"
    if "w" in given:
        inner, cost = f"w[k] * ({inner})", f"w * ({cost})"
    return LossLines((*SIGMOID, ("δ", inner)), f"sum({cost})", given)


def _quotient(loss: Loss, z: Array, y: Array, at: int) -> tuple[Lines, dict[str, Any]]:
    """For a loss of a plugin: how its cost changes when the output is nudged."""
    sides = {}
    for name, step in (("C_more", NUDGE), ("C_less", -NUDGE)):
        moved = z.astype(np.float64)
        moved.flat[at] += step
        sides[name] = loss.forward(moved, y)[0]
    return (("δ", "(C_more - C_less) / (2 * h)"),), sides | {"h": NUDGE}

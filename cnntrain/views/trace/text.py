"""A trace as text: forward, loss, backward, update."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from cnntrain.types import Array
from cnntrain.views.arrays import lines, number, shape
from cnntrain.views.trace.loss_recipes import verdict_of
from cnntrain.views.trace.recipe import Link
from cnntrain.views.trace.terms import Explanation, Factor, Term, explain_loss
from cnntrain.views.trace.trace import ArrayUpdate, LayerTrace, LossTrace, StepTrace, Trace

WIDTH = 100
MOST_TERMS = 12  # of a sum that is written out


def trace_text(found: Trace, only: Sequence[str] = ()) -> str:
    """All steps; ``only``: names of the layers to show."""
    return "\n".join(line for step in found.steps for line in _step(found, step, only))


def _step(found: Trace, step: StepTrace, only: Sequence[str]) -> Iterator[str]:
    chosen = [layer for layer in step.layers if not only or layer.name in only]
    samples = ", ".join(map(str, found.samples))
    word = "sample" if len(found.samples) == 1 else "samples"
    yield f"{found.name}: update {step.step + 1} on training {word} {samples}, η = {step.lr:g}"
    if found.augmented:
        yield "(samples as read from the data; training would augment them)"
    yield _rule("forward")
    if not only:
        yield from _array("input", step.input.array, batched=True)
    for layer in chosen:
        if not only or layer is not chosen[0]:
            yield ""
        yield from _forward(layer)
    yield _rule("loss")
    for loss in step.losses:
        yield from _loss(loss, found.classes)
    if step.penalty[0]:
        yield f"penalty{number(step.penalty[0]):>16}"
    yield f"C = {number(step.cost_before)}"
    yield _rule("backward")
    senders = _senders(step)
    for layer in reversed(chosen):
        if layer is not chosen[-1]:
            yield ""
        yield from _backward(layer, bool(only) or senders[layer.name] > 1)
    yield _rule("update")
    yield from _update_rule(step)
    derivatives = {d.of: d.array for layer in chosen for d in layer.to_params}
    for updated in step.updates:
        if updated.name in derivatives:
            yield ""
            yield from _update(updated, derivatives[updated.name])
    yield ""
    change = step.cost_after - step.cost_before
    yield (
        f"C before {number(step.cost_before)}   after {number(step.cost_after)}   "
        f"change {number(change)}"
    )
    if step is not found.steps[-1]:
        yield ""


def _rule(word: str) -> str:
    return f"\n--- {word} ".ljust(81, "-")


def _array(label: str, array: Array, batched: bool) -> Iterator[str]:
    """``label  shape  numbers``, with the numbers in a separate block if the lines get too long."""
    block = lines(array, batched)
    head = f"  {label:<10} {shape(array, batched):<9}"
    if len(head) + max(map(len, block)) > 100:
        yield head.rstrip()
        head = " " * 6
    for k, line in enumerate(block):
        yield f"{head if k == 0 else ' ' * len(head)} {line}".rstrip()


def _forward(layer: LayerTrace) -> Iterator[str]:
    read = " and ".join(quantity.name for quantity in layer.reads)
    yield f"{layer.name}: {layer.formula}    with {layer.reads[0].letter} = {read}"
    for quantity in layer.params:
        yield from _array(quantity.letter, quantity.array, batched=False)
    yield from _array(layer.gives.letter, layer.gives.array, batched=True)


def _loss(loss: LossTrace, classes: tuple[str, ...] | None) -> Iterator[str]:
    weight = f" (times {loss.weight:g})" if loss.weight != 1 else ""
    m = loss.output.array.shape[-1]
    yield f"{loss.kind}{weight}: {loss.formula}    of {loss.output.name}, m = {m}"
    if loss.targets.ndim == 1:
        names = [classes[label] if classes else str(label) for label in loss.targets.tolist()]
        yield f"  {'class':<10} {', '.join(names)}"
    else:
        yield from _array("t", loss.targets, batched=True)
    yield f"  {'cost':<10} {number(loss.weight * loss.cost)}"
    yield f"  {loss.delta_formula}"
    yield from _array("δ", loss.delta, batched=True)
    at = np.unravel_index(int(np.abs(loss.delta).argmax()), loss.delta.shape)
    found = explain_loss(loss, "δ", tuple(map(int, at)), classes)
    yield f"  written out for {found.entry}:"
    yield from link_lines(found.links)
    for sample in range(m if m <= MOST_TERMS else 0):
        told = verdict_of(loss.loss, loss.output.array, loss.targets, sample, classes)
        if told:
            yield f"  {'' if m == 1 else f'sample {sample} '}{told}"


def _senders(step: StepTrace) -> Counter[str]:
    """The number of sources of every layer's δ: its readers and losses."""
    readers = Counter(source for layer in step.layers for source in layer.inputs)
    return readers + Counter(loss.layer for loss in step.losses)


def _backward(layer: LayerTrace, with_delta: bool) -> Iterator[str]:
    """``with_delta``: show the incoming δ too; otherwise it was shown at its source."""
    letter = "∂C/∂a" if layer.gives.letter == "a" else "δ"
    yield f"{layer.name}: from {letter} = ∂C/∂{layer.gives.name}"
    if with_delta:
        yield from _array("", layer.delta, batched=True)
    for derivative in layer.to_params:
        yield f"  {derivative.formula}"
        yield from _array("", derivative.array, batched=False)
    for derivative in layer.to_inputs:
        yield f"  {derivative.formula}    (to {derivative.of})"
        yield from _array("", derivative.array, batched=True)


def _update_rule(step: StepTrace) -> Iterator[str]:
    yield f"W ← W + ΔW with {',  '.join(map(str, step.rule))},  g = ∂C/∂W,  η = {step.lr:g}"
    if step.l2:
        yield f"penalty: g = ∂C/∂W + λ/m W with λ/m = {step.l2:g}"
    if step.l1:
        yield f"penalty: g = ∂C/∂W + λ₁/m sign(W) with λ₁/m = {step.l1:g}"


def _update(updated: ArrayUpdate, derivative: Array) -> Iterator[str]:
    """The update of one array; g is shown if it differs from the layer's ``derivative`` ∂C/∂W."""
    if updated.gradient is None:
        yield f"{updated.name}: frozen"
        return
    yield f"{updated.name}"
    if not np.array_equal(updated.gradient, derivative):
        yield from _array("g", updated.gradient, batched=False)
    yield from _array("ΔW", updated.change, batched=False)
    yield from _array("after", updated.after, batched=False)


def explanation_text(found: Explanation) -> str:
    """The sum, one term per line; only the largest terms if there are many."""
    head = f"{_left_side(found)}: {found.formula}"
    links = list(link_lines(found.links))
    if not found.is_sum and not found.terms:
        verdict = [f"  {found.verdict}"] if found.verdict else []
        return "\n".join([head, *links, f"    = {number(found.value)}", *verdict])
    if not found.is_sum:
        depends = (_dependence(term) for term in found.terms)
        return "\n".join([head, f"    = {number(found.value)}", *depends])
    ranked = sorted(found.terms, key=lambda term: -abs(term.value))
    shown = set(map(id, ranked[:MOST_TERMS]))
    kept = [term for term in found.terms if id(term) in shown]
    rest = ranked[MOST_TERMS:]
    rows = [[_names(term), _values(term), number(term.value)] for term in kept]
    if rest:
        total = sum(term.value for term in rest)
        rows.append([f"{len(rest)} smaller terms", "", number(total)])
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    body = [
        f"  {'+' if k else ' '} {names:<{widths[0]}}  {'=' if values else ' '} "
        f"{values:<{widths[1]}}  = {value:>{widths[2]}}"
        for k, (names, values, value) in enumerate(rows)
    ]
    zero = [] if rows else ["  all terms are 0"]
    return "\n".join([head, *links, *body, *zero, f"  = {number(found.value)}"])


def link_lines(links: Sequence[Link]) -> Iterator[str]:
    """``p = e / S = 1.2 / 3.4 = 0.35``, aligned."""
    names = max((len(link.name) for link in links), default=0)
    words = max((len(link.expression) for link in links), default=0)
    for link in links:
        told, value = f"    {link.name:<{names}} = {link.expression:<{words}}", number(link.value)
        numbers = f"{link.written} = {value}"
        if link.written == value:
            yield f"{told} = {value}"
        elif len(told) + len(numbers) + 3 <= WIDTH:
            yield f"{told} = {numbers}"
        else:
            yield told.rstrip()
            yield f"    {'':<{names}} = {numbers}"


def _left_side(found: Explanation) -> str:
    if "forward" in found.meaning:
        return f"{found.entry} ({found.meaning})"
    if found.entry.partition("[")[0].endswith(".delta"):
        return f"{found.entry} = {found.meaning}"
    return f"{found.meaning} at {found.entry}"


def _dependence(term: Term) -> str:
    slope, read = term.factors
    return f"  from {read.name} = {number(read.value)}, where {slope.name} = {number(slope.value)}"


def _names(term: Term) -> str:
    return " · ".join(factor.name.strip("<>").replace(">.", ".") for factor in term.factors)


def _values(term: Term) -> str:
    return " · ".join(_signed(factor) for factor in term.factors)


def _signed(factor: Factor) -> str:
    text = number(factor.value)
    return f"({text})" if text.startswith("-") else text

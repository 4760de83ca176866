"""A trace as text: forward, loss, backward, update."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from cnntrain.text import columns, padded
from cnntrain.types import Array
from cnntrain.views.arrays import lines, number, shape
from cnntrain.views.languages import say
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
    head = "trace.on_sample" if len(found.samples) == 1 else "trace.on_samples"
    yield say(head, name=found.name, step=step.step + 1, samples=samples, lr=f"{step.lr:g}")
    if found.augmented:
        yield say("trace.not_augmented")
    yield _rule("trace.forward")
    if not only:
        yield from _array(say("trace.input"), step.input.array, batched=True)
    for layer in chosen:
        if not only or layer is not chosen[0]:
            yield ""
        yield from _forward(layer)
    yield _rule("trace.loss")
    for loss in step.losses:
        yield from _loss(loss, found.classes)
    if step.penalty[0]:
        yield f"{padded(say('trace.penalty'), 7)}{number(step.penalty[0]):>16}"
    yield f"C = {number(step.cost_before)}"
    yield _rule("trace.backward")
    senders = _senders(step)
    for layer in reversed(chosen):
        if layer is not chosen[-1]:
            yield ""
        yield from _backward(layer, bool(only) or senders[layer.name] > 1)
    yield _rule("trace.update")
    yield from _update_rule(step)
    derivatives = {d.of: d.array for layer in chosen for d in layer.to_params}
    for updated in step.updates:
        if updated.name in derivatives:
            yield ""
            yield from _update(updated, derivatives[updated.name])
    yield ""
    yield say(
        "trace.costs",
        before=number(step.cost_before),
        after=number(step.cost_after),
        change=number(step.cost_after - step.cost_before),
    )
    if step is not found.steps[-1]:
        yield ""


def _rule(key: str) -> str:
    word = say(key)
    return f"\n--- {word} {'-' * (75 - columns(word))}"


def _array(label: str, array: Array, batched: bool) -> Iterator[str]:
    """``label  shape  numbers``, with the numbers in a separate block if the lines get too long."""
    block = lines(array, batched)
    head = f"  {padded(label, 10)} {shape(array, batched):<9}"
    if columns(head) + max(map(columns, block)) > WIDTH:
        yield head.rstrip()
        head = " " * 6
    for k, line in enumerate(block):
        yield f"{head if k == 0 else ' ' * columns(head)} {line}".rstrip()


def _forward(layer: LayerTrace) -> Iterator[str]:
    read = say("trace.and").join(quantity.name for quantity in layer.reads)
    told = say("trace.reads", letter=layer.reads[0].letter, read=read)
    yield f"{layer.name}: {layer.formula}    {told}"
    for quantity in layer.params:
        yield from _array(quantity.letter, quantity.array, batched=False)
    yield from _array(layer.gives.letter, layer.gives.array, batched=True)


def _loss(loss: LossTrace, classes: tuple[str, ...] | None) -> Iterator[str]:
    weight = say("trace.times", weight=f"{loss.weight:g}") if loss.weight != 1 else ""
    m = loss.output.array.shape[-1]
    told = say("trace.of_output", output=loss.output.name, m=m)
    yield f"{loss.kind}{weight}: {loss.formula}    {told}"
    if loss.targets.ndim == 1:
        names = [classes[label] if classes else str(label) for label in loss.targets.tolist()]
        yield f"  {padded(say('trace.class'), 10)} {', '.join(names)}"
    else:
        yield from _array("t", loss.targets, batched=True)
    yield f"  {padded(say('trace.cost'), 10)} {number(loss.weight * loss.cost)}"
    yield f"  {loss.delta_formula}"
    yield from _array("δ", loss.delta, batched=True)
    at = np.unravel_index(int(np.abs(loss.delta).argmax()), loss.delta.shape)
    found = explain_loss(loss, "δ", tuple(map(int, at)), classes)
    yield f"  {say('trace.written_out', entry=found.entry)}"
    yield from link_lines(found.links)
    for sample in range(m if m <= MOST_TERMS else 0):
        told = verdict_of(loss.loss, loss.output.array, loss.targets, sample, classes)
        if told:
            yield f"  {'' if m == 1 else say('trace.one_sample', sample=sample)}{told}"


def _senders(step: StepTrace) -> Counter[str]:
    """The number of sources of every layer's δ: its readers and losses."""
    readers = Counter(source for layer in step.layers for source in layer.inputs)
    return readers + Counter(loss.layer for loss in step.losses)


def _backward(layer: LayerTrace, with_delta: bool) -> Iterator[str]:
    """``with_delta``: show the incoming δ too; otherwise it was shown at its source."""
    letter = "∂C/∂a" if layer.gives.letter == "a" else "δ"
    yield say("trace.from_delta", layer=layer.name, letter=letter, output=layer.gives.name)
    if with_delta:
        yield from _array("", layer.delta, batched=True)
    for derivative in layer.to_params:
        yield f"  {derivative.formula}"
        yield from _array("", derivative.array, batched=False)
    for derivative in layer.to_inputs:
        yield f"  {derivative.formula}    {say('trace.to_input', name=derivative.of)}"
        yield from _array("", derivative.array, batched=True)


def _update_rule(step: StepTrace) -> Iterator[str]:
    yield say("trace.rule", rule=",  ".join(map(str, step.rule)), lr=f"{step.lr:g}")
    if step.l2:
        yield say("trace.l2", strength=f"{step.l2:g}")
    if step.l1:
        yield say("trace.l1", strength=f"{step.l1:g}")


def _update(updated: ArrayUpdate, derivative: Array) -> Iterator[str]:
    """The update of one array; g is shown if it differs from the layer's ``derivative`` ∂C/∂W."""
    if updated.gradient is None:
        yield say("trace.frozen", name=updated.name)
        return
    yield f"{updated.name}"
    if not np.array_equal(updated.gradient, derivative):
        yield from _array("g", updated.gradient, batched=False)
    yield from _array("ΔW", updated.change, batched=False)
    yield from _array(say("trace.after"), updated.after, batched=False)


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
        rows.append([say("trace.smaller_terms", count=len(rest)), "", number(total)])
    widths = [max((columns(row[k]) for row in rows), default=0) for k in range(3)]
    body = [
        f"  {'+' if k else ' '} {padded(names, widths[0])}  {'=' if values else ' '} "
        f"{values:<{widths[1]}}  = {value:>{widths[2]}}"
        for k, (names, values, value) in enumerate(rows)
    ]
    zero = [] if rows else [f"  {say('trace.all_zero')}"]
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
        elif columns(told) + columns(numbers) + 3 <= WIDTH:
            yield f"{told} = {numbers}"
        else:
            yield told.rstrip()
            yield f"    {'':<{names}} = {numbers}"


def _left_side(found: Explanation) -> str:
    if not found.meaning.startswith(("∂", "Δ")):
        return f"{found.entry} ({found.meaning})"
    if found.entry.partition("[")[0].endswith(".delta"):
        return f"{found.entry} = {found.meaning}"
    return say("trace.at", meaning=found.meaning, entry=found.entry)


def _dependence(term: Term) -> str:
    slope, read = term.factors
    told = say(
        "trace.depends",
        name=read.name,
        value=number(read.value),
        slope_name=slope.name,
        slope=number(slope.value),
    )
    return f"  {told}"


def _names(term: Term) -> str:
    return " · ".join(factor.name.strip("<>").replace(">.", ".") for factor in term.factors)


def _values(term: Term) -> str:
    return " · ".join(_signed(factor) for factor in term.factors)


def _signed(factor: Factor) -> str:
    text = number(factor.value)
    return f"({text})" if text.startswith("-") else text

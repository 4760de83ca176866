"""Objective and update rule of an experiment, with its own values in the formulas."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from cnntrain.config.plan import Plan
from cnntrain.losses import Loss
from cnntrain.network.graph import Node
from cnntrain.network.network import Network
from cnntrain.network.objective import Objective
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Clock
from cnntrain.registry import to_tree
from cnntrain.text import columns, padded, wrapped
from cnntrain.views.explain.summary import exceptions
from cnntrain.views.formula import Formula
from cnntrain.views.languages import say


@dataclass(frozen=True)
class Line:
    """A formula with its values, and their meaning."""

    formula: Formula
    text: str


@dataclass(frozen=True)
class Rule:
    """Objective and update rule of one experiment, in the order of application."""

    name: str
    objective: tuple[Line, ...]
    gradient: tuple[Line, ...]
    change: tuple[Line, ...]
    learning_rate: tuple[Line, ...]
    after: tuple[Line, ...]
    exceptions: tuple[str, ...]  # arrays that are trained differently


def training_rule(
    plan: Plan, network: Network, objective: Objective, samples: int | None, clock: Clock | None
) -> Rule:
    """The rule of a plan; ``samples`` m and ``clock`` are None if the data is not available."""
    return Rule(
        name=plan.name,
        objective=(*_losses(network, objective), *_penalties(plan, network, samples)),
        gradient=tuple(_gradient(plan)),
        change=tuple(_change(plan)),
        learning_rate=tuple(_learning_rate(plan, clock)),
        after=tuple(_after(plan)),
        exceptions=tuple(_exceptions(network)),
    )


def _losses(network: Network, objective: Objective) -> Iterator[Line]:
    heads = (network.nodes[k] for k in network.heads)
    terms = [(objective.main, network.nodes[-1])]
    terms += zip(objective.on_heads, heads, strict=True)
    for term, node in terms:
        formula = term.loss.equation()
        if term.weight != 1:
            left, _, right = formula.partition(" = ")
            formula = rf"{left} = {term.weight:g} \cdot ({right})"
        told = say("rule.loss_of", loss=_with_options(term.loss), output=_output(node))
        yield Line(Formula(formula), told)


def _output(node: Node) -> str:
    return f"{node.name}.{node.layer.gives}"


def _with_options(chosen: Loss) -> str:
    """``cross_entropy (label_smoothing 0.1)``: the kind and its options that are not defaults."""
    differing = [
        f"{field.name} {to_tree(getattr(chosen, field.name))}"
        for field in fields(chosen)  # type: ignore[arg-type]
        if getattr(chosen, field.name) != field.default
    ]
    return f"{chosen.kind} ({', '.join(differing)})" if differing else chosen.kind


def _penalties(plan: Plan, network: Network, samples: int | None) -> Iterator[Line]:
    counted = [name for name, param in network.params.items() if param.decay_mult]
    m = say("rule.m_samples", m=f"{samples:,}") if samples else say("rule.samples")
    for strength, latex, symbol in (
        (plan.train.l2, r"\frac{{{0}}}{{2 m}} \sum W^2", "λ/m"),
        (plan.train.l1, r"\frac{{{0}}}{{m}} \sum |W|", "λ₁/m"),
    ):
        if strength:
            value = f", {symbol} = {strength / samples:.6g}" if samples else ""
            formula = Formula("+ " + latex.format(f"{strength:g}"))
            yield Line(formula, f"{m}{value}{say('rule.over', arrays=', '.join(counted))}")


def _gradient(plan: Plan) -> Iterator[Line]:
    modes = {"batch": "rule.all_samples", "sgd": "rule.one_sample"}
    batch = say(modes.get(plan.train.mode, "rule.batch"), size=plan.train.batch_size)
    yield Line(Formula(r"g = \frac{\partial C}{\partial W}"), batch)
    clip = plan.train.clip
    if clip.value is not None:
        limit = f"{clip.value:g}"
        yield Line(
            Formula(rf"g \leftarrow \min(\max(g, -{limit}), {limit})"), say("rule.every_entry")
        )
    if clip.norm is not None:
        formula = rf"g \leftarrow g \cdot \min(1, \frac{{{clip.norm:g}}}{{\lVert{{g}}\rVert}})"
        yield Line(Formula(formula), say("rule.all_gradients"))


def _change(plan: Plan) -> Iterator[Line]:
    optimizer: Optimizer = plan.optimizer
    for latex in optimizer.rule():
        yield Line(Formula(latex), say("rule.counts") if "^t" in latex else "")
    if optimizer.weight_decay:
        formula = rf"\Delta W \leftarrow \Delta W - \eta \cdot {optimizer.weight_decay:g} W"
        yield Line(Formula(formula), say("rule.decoupled"))
    yield Line(Formula(r"W \leftarrow W + \Delta W"), optimizer.kind)


def _learning_rate(plan: Plan, clock: Clock | None) -> Iterator[Line]:
    lr, schedule = f"{plan.optimizer.lr:g}", plan.schedule
    if schedule.kind == "constant" and not schedule.warmup_epochs:
        yield Line(Formula(rf"\eta = {lr}"), say("rule.constant"))
        return
    if clock is None:
        text = say("rule.unknown_length", kind=schedule.kind)
        yield Line(Formula(rf"\eta = {lr} \cdot \text{{factor}}"), text)
        return
    warmup = schedule.warmup_steps(clock)
    if warmup:
        formula = Formula(rf"\eta = {lr} \cdot {schedule.warmup_curve(clock)}")
        yield Line(formula, say("rule.warmup", last=f"{warmup - 1:,}"))
    told = say(
        "rule.updates_after" if warmup else "rule.updates",
        kind=schedule.kind,
        last=f"{clock.total_steps - warmup - 1:,}",
        each=f"{clock.steps_per_epoch:,}",
    )
    yield Line(Formula(rf"\eta = {lr} \cdot {schedule.curve(clock)}"), told)


def _after(plan: Plan) -> Iterator[Line]:
    train = plan.train
    if train.max_norm is not None:
        formula = rf"W_k \leftarrow W_k \min(1, \frac{{{train.max_norm:g}}}{{\lVert{{W_k}}\rVert}})"
        yield Line(Formula(formula), say("rule.every_unit"))
    if train.average is not None:
        keep, add = f"{train.average:g}", f"{1 - train.average:g}"
        formula = rf"\hat{{W}} \leftarrow {keep} \hat{{W}} + {add} W"
        yield Line(Formula(formula), say("rule.average"))


def _exceptions(network: Network) -> Iterator[str]:
    for node in network.nodes:
        for letter, param in node.params.items():
            if not param.is_buffer:
                notes = ", ".join(exceptions(param, is_weight=letter == "W"))
                yield from [f"{node.name}.{letter}: {notes}"] if notes else []


def as_text(found: Rule) -> str:
    """The rule as text, with a section for each nonempty part."""
    sections: list[tuple[str, tuple[Any, ...]]] = [
        (say("rule.minimized"), found.objective),
        (say("rule.gradient"), found.gradient),
        (say("rule.change"), found.change),
        (say("rule.learning_rate"), found.learning_rate),
        (say("rule.after"), found.after),
    ]
    lines = [found.name]
    for title, rows in sections:
        if rows:
            lines += ["", title]
            for row in rows:
                lines += _row(row)
    if found.exceptions:
        lines += ["", say("rule.exceptions"), *(f"  {note}" for note in found.exceptions)]
    return "\n".join(lines)


def _row(row: Line) -> list[str]:
    formula = f"  {row.formula}"
    if not row.text:
        return [formula]
    if columns(formula) <= 46 and columns(row.text) <= 50:
        return [f"{padded(formula, 48)}{row.text}"]
    return [formula, *(f"      {line}" for line in wrapped(row.text, 92).splitlines())]

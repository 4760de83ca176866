"""The data of a trace page: names, indices of formulas and sums, and arrays in a pool.

Arrays are stored as base64, each content once: the output of a layer is the input of the next, and
the new weights are the old ones of the next update. Arrays that are too large for a page are
truncated after their first rows (maps, units, filters), which the page states.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnntrain.errors import ConfigError
from cnntrain.network.graph import INPUT
from cnntrain.types import Array
from cnntrain.views.formula import Formula
from cnntrain.views.languages import language, texts_of
from cnntrain.views.trace.loss_recipes import loss_lines, mean_of
from cnntrain.views.trace.page_rules import page_rule
from cnntrain.views.trace.recipe import as_lists, encoded
from cnntrain.views.trace.trace import (
    ArrayUpdate,
    Derivative,
    LayerTrace,
    LossTrace,
    Quantity,
    StepTrace,
    Trace,
)
from cnntrain.views.trace.update_recipes import SLOT_NAMES, update_lines

MOST_NUMBERS = (65_536, 32_768, 16_384, 8_192, 4_096, 1_024)  # per array: the largest that ...
GOOD_SIZE = 2_800_000  # ... keeps the arrays below this size in bytes
LARGEST_SIZE = 16_000_000  # beyond this size there is no page


@dataclass
class Pool:
    """Array contents and formulas, each stored once and referred to by index."""

    most: int  # numbers per array
    contents: dict[tuple[str, bytes], int] = field(default_factory=dict)
    formulas: dict[str, int] = field(default_factory=dict)
    size: int = 0  # bytes in the page

    def array(self, array: Array) -> dict[str, Any]:
        """The shape of an array and the index of its content (its first rows, if it is large)."""
        rows = len(array)
        kept = rows if array.size <= self.most else max(1, self.most * rows // array.size)
        kind = "f4" if array.dtype == np.float32 else "f8"
        content = (kind, np.ascontiguousarray(array[:kept], f"<{kind}").tobytes())
        if content not in self.contents:
            self.size += len(content[1]) * 4 // 3
            self.contents[content] = len(self.contents)
        return {"shape": list(array.shape), "content": self.contents[content]}

    def formula(self, formula: Formula) -> int:
        return self.formulas.setdefault(formula.latex, len(self.formulas))

    def encoded(self) -> list[dict[str, str]]:
        """All contents in the order of their indices."""
        return [
            {"type": kind, "base64": base64.b64encode(raw).decode()} for kind, raw in self.contents
        ]


def page_data(found: Trace, only: Sequence[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """(data of the page for JSON, its formulas in LaTeX); ``only``: the layers to show.

    Raises ``ConfigError`` if there are too many updates or samples for a usable page.
    """
    for most in MOST_NUMBERS:
        pool = Pool(most)
        steps = [_step(pool, step, only) for step in found.steps]
        if pool.size <= GOOD_SIZE:
            break
    if pool.size > LARGEST_SIZE:
        raise ConfigError(
            f"--html: the page would take {pool.size / 1e6:.0f} MB; "
            "choose fewer --steps, fewer samples, or layers with --layer"
        )
    first = found.steps[0]
    nodes = [(INPUT, INPUT, first.input.array.shape[:-1])]
    nodes += [(layer.name, layer.kind, layer.out_shape) for layer in first.layers]
    whole = {
        "name": found.name,
        "samples": found.samples,
        "classes": found.classes,
        "augmented": found.augmented,
        "nodes": [{"name": n, "kind": kind, "shape": shape} for n, kind, shape in nodes],
        "edges": found.edges,
        "steps": steps,
        "contents": pool.encoded(),
        "texts": texts_of("page.", language()),
    }
    return whole, list(pool.formulas)


def _step(pool: Pool, step: StepTrace, only: Sequence[str]) -> dict[str, Any]:
    layers = [layer for layer in step.layers if not only or layer.name in only]
    of_layers = {quantity.name for layer in layers for quantity in layer.params}
    derivatives = {d.of: d.array for layer in layers for d in layer.to_params}
    return {
        "step": step.step,
        "lr": step.lr,
        "input": _quantity(pool, step.input) | {"delta": pool.array(step.input_delta)},
        "layers": [_layer(pool, layer) for layer in layers],
        "losses": [_loss(pool, loss) for loss in step.losses],
        "updates": [
            _update(pool, step, updated, derivatives.get(updated.name))
            for updated in step.updates
            if updated.name in of_layers
        ],
        "rule": [pool.formula(formula) for formula in step.rule],
        "penalty": {"value": step.penalty[0], "l2": step.l2, "l1": step.l1},
        "clip": {"value": step.clip.value, "norm": step.clip.norm},
        "limited": step.max_norm is not None,
        "cost": [step.cost_before, step.cost_after],
    }


def _quantity(pool: Pool, quantity: Quantity) -> dict[str, Any]:
    return {
        "name": quantity.name,
        "letter": quantity.letter,
        "array": pool.array(quantity.array),
    }


def _derivative(pool: Pool, derivative: Derivative) -> dict[str, Any]:
    return {
        "of": derivative.of,
        "formula": pool.formula(derivative.formula),
        "array": pool.array(derivative.array),
    }


def _layer(pool: Pool, layer: LayerTrace) -> dict[str, Any]:
    rule, slope = page_rule(layer)
    return {
        "name": layer.name,
        "kind": layer.kind,
        "formula": pool.formula(layer.formula),
        "reads": [_quantity(pool, quantity) for quantity in layer.reads],
        "params": [_quantity(pool, quantity) for quantity in layer.params],
        "gives": _quantity(pool, layer.gives),
        "delta": pool.array(layer.delta),
        "to_inputs": [_derivative(pool, derivative) for derivative in layer.to_inputs],
        "to_params": [_derivative(pool, derivative) for derivative in layer.to_params],
        "rule": rule,
        "slope": None if slope is None else pool.array(slope),
    }


def _loss(pool: Pool, loss: LossTrace) -> dict[str, Any]:
    targets = loss.targets
    return {
        "kind": loss.kind,
        "layer": loss.layer,
        "weight": loss.weight,
        "formula": pool.formula(loss.formula),
        "delta_formula": pool.formula(loss.delta_formula),
        "output": _quantity(pool, loss.output),
        "labels": targets.tolist() if targets.ndim == 1 else None,
        "targets": None if targets.ndim == 1 else pool.array(targets),
        "cost": loss.cost * loss.weight,
        "delta": pool.array(loss.delta),
        **_loss_recipe(loss),
    }


def _loss_recipe(loss: LossTrace) -> dict[str, Any]:
    """The lines from z to δ, those to the cost of a sample, and the numbers in them."""
    z = loss.output.array
    found = loss_lines(loss.loss, z, loss.targets)
    if found is None:
        return {"lines": None}
    last = mean_of(found.lines[-1][1], z.shape[-1], loss.weight)
    return {
        "lines": encoded((*found.lines[:-1], ("δ", last))),
        "cost_lines": encoded((*found.lines[:-1], ("C", found.cost))),
        "constants": as_lists(found.constants),
    }


def _update(
    pool: Pool, step: StepTrace, updated: ArrayUpdate, derivative: Array | None
) -> dict[str, Any]:
    """The update of one array; the gradient is included where it differs from ``derivative``."""
    gradient = updated.gradient
    shared = {
        "name": updated.name,
        "before": pool.array(updated.before),
        "decay_mult": step.decay_mult[updated.name],
    }
    if gradient is None:
        return {"frozen": True, **shared}
    found = update_lines(step, updated)
    same = derivative is not None and np.array_equal(gradient, derivative)
    return {
        "frozen": False,
        **shared,
        "gradient": pool.array(gradient),
        "as_is": same,
        "after": pool.array(updated.after),
        "lr": updated.lr,
        "lines": None if found is None else encoded(found[0]),
        "constants": {} if found is None else found[1],
        "memory": {
            name: pool.array(updated.memory[slot])
            for slot, name in SLOT_NAMES.items()
            if slot in updated.memory
        },
    }

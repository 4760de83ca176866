"""How one entry of an array is computed: the sum behind it, written out term by term.

For layers with weights (z = W · a + b), their own forward and backward functions are run on arrays
that hold positions instead of values, so that each product identifies its two factors. For every
other layer, the derivatives ∂y_o/∂x_i come from its own backward function on a δ with a single 1.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnntrain.errors import ConfigError
from cnntrain.layers.base import Context, WeightedLayer
from cnntrain.network.graph import INPUT
from cnntrain.network.network import Pass
from cnntrain.registry import did_you_mean
from cnntrain.types import Array, Params
from cnntrain.views.formula import Formula
from cnntrain.views.languages import say
from cnntrain.views.trace.layer_recipes import layer_recipe
from cnntrain.views.trace.loss_recipes import loss_recipe
from cnntrain.views.trace.recipe import Link, Recipe, work_out
from cnntrain.views.trace.trace import ArrayUpdate, LayerTrace, LossTrace, Quantity, StepTrace
from cnntrain.views.trace.update_recipes import update_recipe

Index = tuple[int, ...]
EVALUATION: Context = Pass().context(0)
ENTRY = re.compile(r"(\w+)\.(\w+)\[([\d, ]*)\]")


@dataclass(frozen=True)
class Factor:
    """A named number in a term; a name in angle brackets belongs to no array."""

    name: str
    value: float


@dataclass(frozen=True)
class Term:
    """A product of named numbers."""

    factors: tuple[Factor, ...]

    @property
    def value(self) -> float:
        product = 1.0
        for factor in self.factors:
            product *= factor.value
        return product


@dataclass(frozen=True)
class Explanation:
    """An entry, its meaning (``∂C/∂W``), its formula, and the terms whose sum it is.

    ``is_sum`` is false for a forward value that is not a sum, such as a sigmoid: the terms then
    hold the values it depends on, each with its derivative. ``links``: what is computed first, or
    instead of a sum, line by line; ``verdict``: what the result means.
    """

    entry: str
    meaning: str
    formula: Formula
    value: float
    terms: tuple[Term, ...]
    is_sum: bool = True
    links: tuple[Link, ...] = ()
    verdict: str = ""


def explain_entry(step: StepTrace, entry: str, classes: Sequence[str] | None = None) -> Explanation:
    """Explain ``conv1.W[0,0,1,1]`` (∂C/∂W), ``dense1.z[0]`` or ``relu1.a[0]``, ``dense1.delta[0]``,
    ``loss.delta[0]``, or ``conv1.ΔW[0,0,1,1]``: the update of a weight.

    The last index of an activation is the sample; trailing axes of length 1 may be omitted.
    """
    found = ENTRY.fullmatch(entry.strip())
    if not found:
        raise ConfigError(f"--explain {entry}: write it as conv1.W[0,0,1,1] or dense1.delta[0]")
    name, letter, numbers = found.groups()
    if (name, letter) == ("loss", "delta"):
        loss = step.losses[0]
        return explain_loss(loss, "loss.delta", _index(entry, numbers, loss.delta), classes)
    names = [INPUT, *(layer.name for layer in step.layers)]
    if name not in names:
        raise ConfigError(f"--explain {entry}: no layer {name!r}{did_you_mean(name, names)}")
    if letter == "delta":
        delta = step.input_delta if name == INPUT else step.layer(name).delta
        return _delta(step, name, delta, _index(entry, numbers, delta), classes)
    known = ["delta"]
    if name != INPUT:
        layer = step.layer(name)
        params = {quantity.letter: quantity for quantity in layer.params}
        changed = _change_of(step, name, letter)
        if changed is not None:
            return _update(step, changed, _index(entry, numbers, changed.before))
        if letter in ("z", "a", "y"):
            return _forward(layer, _index(entry, numbers, layer.gives.array))
        if letter in layer.watched.grads:
            return _gradient(step, layer, letter, _index(entry, numbers, params[letter].array))
        known += [layer.gives.letter, *layer.watched.grads]
        known += [f"Δ{letter}" for letter in layer.watched.grads]
    raise ConfigError(f"--explain {entry}: {name} has no {letter!r}{did_you_mean(letter, known)}")


def _index(entry: str, numbers: str, array: Array) -> Index:
    """The checked index given by ``numbers``; trailing axes of length 1 may be missing."""
    given = tuple(int(word) for word in numbers.replace(" ", "").split(",") if word)
    index = given + (0,) * (array.ndim - len(given))
    free = array.shape[len(given) :]
    fits = len(index) == array.ndim and all(size == 1 for size in free)
    if not fits or any(i >= size for i, size in zip(index, array.shape, strict=True)):
        told = array.shape[:-1] if array.shape[-1] == 1 and array.ndim > 1 else array.shape
        raise ConfigError(
            f"--explain {entry}: the array has the shape {told}, and indices count from 0"
        )
    return index


def _entry(name: str, array: Array, at: int) -> Factor:
    """The entry at a flat position, named without the last axis if there is a single sample."""
    index = np.unravel_index(at, array.shape)
    shown = index[:-1] if array.shape[-1] == 1 and len(index) > 1 else index
    return Factor(f"{name}[{','.join(map(str, shown))}]", float(array[index]))


def _delta_entry(layer: LayerTrace, at: int) -> Factor:
    return _entry(f"{layer.name}.delta", layer.delta, at)


def _param(layer: LayerTrace, letter: str) -> Quantity:
    return next(quantity for quantity in layer.params if quantity.letter == letter)


def _flat(index: Index, array: Array) -> int:
    return int(np.ravel_multi_index(index, array.shape))


def _one(shape: tuple[int, ...], at: int) -> Array:
    array = np.zeros(shape)
    array.flat[at] = 1
    return array


def _positions(array: Array) -> Array:
    """1, 2, 3, ... in the shape of the array: each value is a position, 0 means none."""
    return np.arange(1.0, array.size + 1).reshape(array.shape)


def _zeros(layer: LayerTrace, **given: Array) -> Params:
    """Parameters that are all 0 except for those given."""
    return {q.letter: given.get(q.letter, np.zeros(q.array.shape)) for q in layer.params}


def _places(found: Array) -> Iterator[tuple[int, int]]:
    """(index, position stored there) of all entries that are not 0."""
    flat = np.rint(found).astype(np.int64).ravel()
    return ((int(k), int(flat[k]) - 1) for k in np.flatnonzero(flat))


# z = W · a + b -----------------------------------------------------------------------------------


def _products(layer: LayerTrace, index: Index) -> Iterator[Term]:
    """z of a layer with weights: W · a for every weight that reads an input, plus b."""
    kernel, W, a = layer.watched.layer, _param(layer, "W"), layer.reads[0]
    params = {q.letter: q.array.astype(np.float64) for q in layer.params}
    _, cache = kernel.forward(params, _positions(a.array), EVALUATION)
    delta = _one(layer.gives.array.shape, _flat(index, layer.gives.array))
    _, grads = kernel.backward(params, cache, delta, need_dx=False)
    for weight, place in _places(grads["W"]):
        factors = (_named(W.name, W.array, weight), _entry(a.name, a.array, place))
        yield Term(factors)
    for at in np.flatnonzero(grads.get("b", 0)):
        yield Term((_named(f"{layer.name}.b", _param(layer, "b").array, int(at)),))


def _named(name: str, array: Array, at: int) -> Factor:
    """An entry of a parameter, without the last axis of length 1 of vectors."""
    index = np.unravel_index(at, array.shape)
    shown = index[:1] if array.ndim == 2 and array.shape[1] == 1 and array.size > 1 else index
    shown = index[:1] if array.size == 1 and array.ndim == 2 and name.endswith(".b") else shown
    return Factor(f"{name}[{','.join(map(str, shown))}]", float(array[index]))


def _weight_products(layer: LayerTrace, letter: str, index: Index) -> Iterator[Term]:
    """∂C/∂W = Σ δ · a, and ∂C/∂b = Σ δ, over the outputs that depend on the entry."""
    a, array = layer.reads[0], _param(layer, letter).array
    only = _zeros(layer, **{letter: _one(array.shape, _flat(index, array))})
    seen, _ = layer.watched.layer.forward(only, _positions(a.array), EVALUATION)
    for at, place in _places(seen):
        delta = _delta_entry(layer, at)
        factors = (delta, _entry(a.name, a.array, place)) if letter == "W" else (delta,)
        yield Term(factors)


def _weights_above(reader: LayerTrace, at: int) -> Iterator[Term]:
    """∂C/∂a = Σ W · δ over the outputs of ``reader`` that read the entry ``at``."""
    W = _param(reader, "W")
    params = _zeros(reader, W=_positions(W.array))
    seen, _ = reader.watched.layer.forward(
        params, _one(reader.reads[0].array.shape, at), EVALUATION
    )
    for output, weight in _places(seen):
        yield Term((_named(W.name, W.array, weight), _delta_entry(reader, output)))


# all other layers --------------------------------------------------------------------------------


def _support(probe: Callable[[Sequence[int]], float], outputs: Sequence[int]) -> Iterator[int]:
    """The outputs that matter, found by bisection: ``probe`` is 0 for a set without any."""
    if not len(outputs) or probe(outputs) == 0:
        return
    if len(outputs) == 1:
        yield outputs[0]
        return
    half = len(outputs) // 2
    yield from _support(probe, outputs[:half])
    yield from _support(probe, outputs[half:])


def _derivatives(
    layer: LayerTrace, pick: Callable[[object, Params], float]
) -> Iterator[tuple[int, float]]:
    """(output o, ∂y_o/∂entry) of all outputs with δ ≠ 0, from the layer's own backward function.

    ``pick`` extracts the entry from (∂C/∂x, grads).
    """
    watched = layer.watched
    params = watched.params_used
    mix = np.random.default_rng(0).uniform(1, 2, layer.delta.size)  # no two terms cancel

    def probe(outputs: Sequence[int]) -> float:
        delta = np.zeros_like(layer.delta)
        delta.flat[outputs] = mix[outputs] if len(outputs) > 1 else 1
        return pick(*watched.layer.backward(params, watched.cache, delta))

    for output in _support(probe, np.flatnonzero(layer.delta)):  # type: ignore[arg-type]
        yield int(output), probe([int(output)])


def _chain(
    layer: LayerTrace, pick: Callable[[object, Params], float], below: str
) -> Iterator[Term]:
    """Σ_o δ_o · ∂y_o/∂entry."""
    letter = layer.gives.letter
    for output, slope in _derivatives(layer, pick):
        delta = _delta_entry(layer, output)
        name = delta.name.replace(".delta[", f".{letter}[")
        yield Term((Factor(f"∂{name}/∂{below}", slope), delta))


# the three questions -----------------------------------------------------------------------------


def _forward(layer: LayerTrace, index: Index) -> Explanation:
    """Explain an entry of the output of a layer."""
    y = layer.gives
    entry, value = _entry(y.name, y.array, _flat(index, y.array)).name, float(y.array[index])
    meaning = say("trace.forward_of", kind=layer.kind)
    if recipe := layer_recipe(layer, _flat(index, y.array), backward=False):
        return _worked_out(Explanation(entry, meaning, layer.formula, value, ()), recipe)
    if isinstance(layer.watched.layer, WeightedLayer):
        terms = tuple(_products(layer, index))
        return Explanation(entry, meaning, layer.formula, value, terms)
    watched = layer.watched
    delta = _one(y.array.shape, _flat(index, y.array)).astype(y.array.dtype)
    dx, _ = watched.layer.backward(watched.params_used, watched.cache, delta)
    parts = dx if watched.layer.joins else (dx,)
    terms = tuple(
        Term(
            (Factor(f"∂{y.letter}/∂{x.letter}", float(part.flat[at])), _entry(x.name, x.array, at))
        )
        for x, part in zip(layer.reads, parts, strict=True)
        for at in map(int, np.flatnonzero(part))
    )
    total = sum(term.value for term in terms)
    is_sum = abs(total - value) <= 1e-5 * max(1e-30, abs(value))
    if not is_sum and not terms:  # an inactive unit: its input explains why
        x = layer.reads[0]
        if x.array.shape == y.array.shape:
            at = _flat(index, x.array)
            terms = (Term((Factor(f"∂{y.letter}/∂{x.letter}", 0.0), _entry(x.name, x.array, at))),)
    return Explanation(entry, meaning, layer.formula, value, terms, is_sum)


def _gradient(step: StepTrace, layer: LayerTrace, letter: str, index: Index) -> Explanation:
    """Explain an entry of ∂C/∂W, including penalties."""
    name = f"{layer.name}.{letter}"
    W, at = _param(layer, letter).array, _flat(index, _param(layer, letter).array)
    found = next(derivative for derivative in layer.to_params if derivative.of == name)
    entry = _named(name, W, at)
    if isinstance(layer.watched.layer, WeightedLayer):
        terms = list(_weight_products(layer, letter, index))
    else:
        terms = list(_chain(layer, lambda _, grads: float(grads[letter][index]), entry.name))
    penalties = list(_penalties(step, name, entry))
    value = float(found.array[index]) + sum(term.value for term in penalties)
    return Explanation(entry.name, f"∂C/∂{letter}", found.formula, value, tuple(terms + penalties))


def _penalties(step: StepTrace, name: str, weight: Factor) -> Iterator[Term]:
    mult = step.decay_mult[name]
    if step.l2 and mult:
        yield Term((Factor("<λ/m>", step.l2 * mult), weight))
    if step.l1 and mult:
        sign = Factor(f"sign({weight.name})", float(np.sign(weight.value)))
        yield Term((Factor("<λ₁/m>", step.l1 * mult), sign))


def _worked_out(found: Explanation, recipe: Recipe) -> Explanation:
    return replace(found, links=work_out(recipe), verdict=recipe.verdict, is_sum=False)


def _change_of(step: StepTrace, name: str, letter: str) -> ArrayUpdate | None:
    """The update that ``conv1.ΔW`` means, or ``conv1.change_W`` for keyboards without Δ."""
    array = f"{name}.{letter.removeprefix('Δ').removeprefix('change_')}"
    is_change = letter.startswith(("Δ", "change_"))
    return next((u for u in step.updates if is_change and u.name == array), None)


def _update(step: StepTrace, updated: ArrayUpdate, index: Index) -> Explanation:
    """Explain the change of one weight, with what the optimizer remembers of it."""
    at = _flat(index, updated.before)
    entry, letter = _named(updated.name, updated.before, at).name, updated.name.rpartition(".")[2]
    value = float(updated.change[index])
    found = Explanation(entry, f"Δ{letter}", step.rule[-1], value, (), is_sum=False)
    recipe = update_recipe(step, updated, at)
    return found if recipe is None else _worked_out(found, recipe)


def explain_loss(
    loss: LossTrace, name: str, index: Index, classes: Sequence[str] | None
) -> Explanation:
    """Explain an entry of the δ that a loss sends: from the output to the difference."""
    at = _flat(index, loss.delta)
    recipe = loss_recipe(loss.loss, loss.output.array, loss.targets, at, loss.weight, classes)
    entry, value = _entry(name, loss.delta, at).name, float(loss.delta[index])
    meaning = f"∂C/∂{_entry(loss.output.name, loss.output.array, at).name}"
    return _worked_out(Explanation(entry, meaning, loss.delta_formula, value, ()), recipe)


def _delta(
    step: StepTrace, name: str, delta: Array, index: Index, classes: Sequence[str] | None
) -> Explanation:
    """Explain an entry of δ: the contributions of every reader of this output and of losses."""
    at = _flat(index, delta)
    entry = _entry(f"{name}.delta", delta, at)
    output = INPUT if name == INPUT else step.layer(name).gives.name
    terms: list[Term] = []
    formulas: list[Formula] = []
    links: tuple[Link, ...] = ()
    senders = sum(source == name for reader in step.layers for source in reader.inputs)
    for loss in (loss for loss in step.losses if loss.layer == name):
        found = explain_loss(loss, f"{name}.delta", index, classes)
        if not senders and len(step.losses) == 1:
            return found
        links += found.links
        terms.append(Term((replace(_entry("<loss>.delta", loss.delta, at)),)))
        formulas.append(loss.delta_formula)
    for reader in step.layers:
        for k, source in enumerate(reader.inputs):
            if source != name:
                continue
            formulas.append(reader.to_inputs[k].formula)
            recipe = layer_recipe(reader, at, backward=True)
            if recipe and senders == 1 and not links:
                meaning, formula = f"∂C/∂{output}", formulas[0]
                found = Explanation(entry.name, meaning, formula, float(delta[index]), ())
                return _worked_out(found, recipe)
            if isinstance(reader.watched.layer, WeightedLayer):
                terms += _weights_above(reader, at)
            else:
                below = _entry(output, delta, at).name
                terms += _chain(reader, _input_entry(reader, k, at), below)
    return Explanation(
        entry.name,
        f"∂C/∂{output}",
        formulas[0],
        float(delta[index]),
        tuple(terms),
        links=links,
    )


def _input_entry(reader: LayerTrace, k: int, at: int) -> Callable[[object, Params], float]:
    def pick(dx: object, _: Params) -> float:
        part: Array = dx[k] if reader.watched.layer.joins else dx  # type: ignore[assignment,index]
        return float(part.flat[at])

    return pick

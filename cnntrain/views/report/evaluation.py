"""Evaluation of a trained network on a split: its mistakes, filters and feature maps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnntrain.data.prepare import SplitName
from cnntrain.layers import Layer
from cnntrain.layers.activations import Activation
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.metrics.base import metric_values
from cnntrain.metrics.sums import ClassFigures, labels_of, per_class, predicted, r_squared
from cnntrain.metrics.yes_no import LabelFigures, per_label
from cnntrain.network.network import Pass
from cnntrain.ops.stable import sigmoid, softmax
from cnntrain.training.evaluate import evaluate
from cnntrain.training.experiment import Experiment
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays

WRONG_SHOWN = 24
POINTS_SHOWN = 500  # of a decision boundary,
GRID = 160  # and points along each axis
MAPS_SHOWN = 3  # layers


@dataclass(frozen=True)
class Mistake:
    """A misclassified sample, and the probability given to the predicted class.

    ``place``: where it is found in the data, such as "test.csv, row 12".
    """

    taken_for: str
    truly: str
    share: float
    place: str


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of one split; what does not apply (no classes, no images) is None or empty."""

    split: SplitName
    samples: int
    metrics: dict[str, float]  # of the whole split, such as accuracy
    labels: tuple[str, ...] = ()
    confusion: Array | None = None
    classes: list[ClassFigures] = field(default_factory=list)
    yes_no: list[LabelFigures] = field(default_factory=list)  # of labels that hold or not
    wrong: Array | None = None  # (C, H, W, N)
    wrong_as: list[Mistake] = field(default_factory=list)
    filters: Array | None = None  # (F, C, KH, KW)
    filters_of: str = ""
    maps: dict[str, Array] = field(default_factory=dict)
    sample_label: str = ""
    predicted: Array | None = None  # (N, targets) of a regression, in the units of the data
    true: Array | None = None
    r2: float | None = None
    boundary: "Boundary | None" = None


@dataclass(frozen=True)
class Boundary:
    """What a network of two inputs says about a grid of points around the data."""

    x: Array  # (columns,) and
    y: Array  # (rows,): the values of the inputs
    classes: Array  # (rows, columns): the predicted class
    points: Array  # (N, 2): some samples
    labels: Array  # (N,): their classes


def look(experiment: Experiment, params: Arrays, workers: Workers) -> Evaluation:
    """Evaluate the network on its test split, or else the validation or training split."""
    splits = experiment.data.splits
    name: SplitName = next(n for n in ("test", "val", "train") if n in splits)
    outputs: dict[int, tuple[Array, Array]] = {}  # by the first sample of each part

    is_numbers = experiment.task == "numbers"

    def keep(part: slice, z: Array, y: Array) -> None:
        if experiment.data.classes is not None:
            outputs[part.start] = z, labels_of(z, y)
        elif is_numbers:
            outputs[part.start] = z, y

    sums = evaluate(experiment, params, name, workers, detail=True, see=keep)
    metrics = metric_values(sums, experiment.chosen)
    filters_of, filters = _filters(experiment, params)
    shown: dict[str, Any] = {
        "filters": filters,
        "filters_of": filters_of,
        "maps": dict(_maps(experiment, params, name)),
        "sample_label": _label(experiment, name, 0),
    }
    if experiment.task == "yes_no":
        shown["yes_no"] = per_label(sums, experiment.label_names)
    if is_numbers:
        shown |= _as_numbers(experiment, outputs) | {"r2": r_squared(sums)}
    if experiment.data.classes is None:
        return Evaluation(name, len(splits[name]), metrics, **shown)
    shown["boundary"] = _boundary(experiment, params, name)
    z, labels = _joined(outputs)
    classes, confusion = experiment.data.classes, sums["confusion"]
    names = (*classes, *(f"output {k}" for k in range(len(classes), len(confusion))))
    wrong, wrong_as = _mistakes(experiment, name, z, labels, names)
    return Evaluation(
        split=name,
        samples=len(splits[name]),
        metrics=metrics,
        labels=names,
        confusion=confusion,
        classes=per_class(confusion, names),
        wrong=wrong,
        wrong_as=wrong_as,
        **shown,
    )


def certainty(z: Array) -> Array:
    """Probability of the predicted class, with the outputs taken as logits."""
    if len(z) == 1:
        yes = sigmoid(z[0].astype(np.float64))
        return np.maximum(yes, 1 - yes)
    shares: Array = softmax(z.astype(np.float64)).max(axis=0)
    return shares


def _mistakes(
    experiment: Experiment,
    name: SplitName,
    z: Array,
    labels: Array,
    names: tuple[str, ...],
    most: int = WRONG_SHOWN,
) -> tuple[Array | None, list[Mistake]]:
    """The misclassified samples with the highest confidence, as pictures if they are images."""
    taken, shares = predicted(z), certainty(z)
    wrong = np.flatnonzero(taken != labels)
    worst = wrong[np.argsort(-shares[wrong], kind="stable")][:most]
    told = [
        Mistake(
            names[taken[k]], names[labels[k]], float(shares[k]), place_of(experiment, name, int(k))
        )
        for k in worst
    ]
    if not told or not is_image(experiment):
        return None, told
    return np.moveaxis(experiment.data.splits[name].gather(worst), 0, -1), told


def confident_mistakes(
    experiment: Experiment, params: Arrays, name: SplitName, workers: Workers, most: int
) -> list[Mistake]:
    """The misclassified samples of a split, the most confident first."""
    outputs: dict[int, tuple[Array, Array]] = {}

    def keep(part: slice, z: Array, y: Array) -> None:
        outputs[part.start] = z, labels_of(z, y)

    evaluate(experiment, params, name, workers, see=keep)
    z, labels = _joined(outputs)
    classes = experiment.data.classes or ()
    names = (*classes, *(f"output {k}" for k in range(len(classes), max(len(z), 2))))
    return _mistakes(experiment, name, z, labels, names, most)[1]


def place_of(experiment: Experiment, name: SplitName, sample: int) -> str:
    """Where a sample of a split is in the data: its file and row, or its number there."""
    rows = experiment.data.splits[name].rows
    row = sample if rows is None else int(rows[sample])
    return experiment.plan.data.source.place(name, row)


def _joined(outputs: dict[int, tuple[Array, Array]]) -> tuple[Array, Array]:
    zs, ys = zip(*(outputs[start] for start in sorted(outputs)), strict=True)
    return np.concatenate(zs, axis=-1), np.concatenate(ys, axis=-1)


def _as_numbers(
    experiment: Experiment, outputs: dict[int, tuple[Array, Array]]
) -> dict[str, Array | None]:
    """Predicted and true targets (N, targets), in the units of the data."""
    z, y = _joined(outputs)
    normalizer = experiment.data.normalizer.of_targets
    said = experiment.objective.main.loss.estimate(z) if normalizer is None else normalizer.undo(z)
    true = y if normalizer is None else normalizer.undo(y)
    return {key: a.reshape(-1, a.shape[-1]).T for key, a in (("predicted", said), ("true", true))}


def _boundary(experiment: Experiment, params: Arrays, name: SplitName) -> Boundary | None:
    """The predicted classes around the samples of a split; None unless there are two inputs."""
    if experiment.data.sample_shape != (2,):
        return None
    split = experiment.data.splits[name]
    some = np.linspace(0, len(split) - 1, min(len(split), POINTS_SHOWN)).astype(int)
    points = split.gather(some).astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.1 * (high - low) + 1e-9
    x, y = (np.linspace(low[k] - margin[k], high[k] + margin[k], GRID) for k in (0, 1))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    plan = experiment.plan
    batch = experiment.data.normalizer.gather(grid, np.arange(len(grid)), plan.numpy_dtype)
    z, _ = experiment.network.forward(params, batch, Pass())
    return Boundary(x, y, predicted(z).reshape(GRID, GRID), points, split.labels[some])


def is_image(experiment: Experiment) -> bool:
    """Whether samples can be shown as images: one channel or three."""
    shape = experiment.data.sample_shape
    return len(shape) == 3 and shape[0] in (1, 3)


def _filters(experiment: Experiment, params: Arrays) -> tuple[str, Array | None]:
    """The weights of the first weighted layer, if they can be shown as images."""
    for node in experiment.network.nodes:
        layer: Layer = node.layer
        W = params.get(f"{node.name}.W")
        if isinstance(layer, Conv2d) and W is not None and min(W.shape[2:]) > 1:
            return node.name, W
        if isinstance(layer, Dense) and W is not None and is_image(experiment):
            return node.name, W.reshape(len(W), *experiment.data.sample_shape)
        if W is not None:
            break
    return "", None


def _maps(experiment: Experiment, params: Arrays, name: SplitName) -> Iterator[tuple[str, Array]]:
    """Feature maps of the first sample after up to three activations, evenly spread."""
    if not is_image(experiment):
        return
    x, _ = experiment.batches(name).take(np.arange(1))
    found = [
        (node.name, a[..., 0])
        for node, a in experiment.network.trace(params, x, Pass())
        if isinstance(node.layer, Activation) and a.ndim == 4
    ]
    places = np.linspace(0, len(found) - 1, min(MAPS_SHOWN, len(found))).round().astype(int)
    for k in dict.fromkeys(places.tolist()):
        yield found[k]


def _label(experiment: Experiment, name: SplitName, sample: int) -> str:
    classes = experiment.data.classes
    if classes is None:
        return str(sample)
    return classes[int(experiment.data.splits[name].labels[sample])]

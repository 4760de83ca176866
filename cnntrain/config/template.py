"""A first config for some data: text with comments, to be read and changed by a person."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cnntrain.config.read import inline
from cnntrain.errors import ConfigError
from cnntrain.text import counted
from cnntrain.types import Shape

Template = Literal["linear", "mlp", "cnn"]

LEAST_SIDE = 8  # pixels; smaller images are taken as vectors
SMALLEST_MAP = 7  # pixels, to which maps are pooled
MOST_FILTERS = 64
UPDATES = 3000  # which train such networks well,
LEAST_EPOCHS, MOST_EPOCHS = 5, 200  # within these limits
LEAST_SPLIT = 20  # samples, of which some are held out
COMMENT_AT = 42  # column


@dataclass(frozen=True)
class Facts:
    """What is known of the data: ``outputs`` are its classes, or its real-valued targets."""

    shape: Shape
    samples: int
    outputs: int
    has_classes: bool
    has_test: bool
    has_validation: bool

    @property
    def is_image(self) -> bool:
        """Whether a convolution has something to look at."""
        return len(self.shape) == 3 and min(self.shape[1:]) >= LEAST_SIDE


def config_text(name: str, data: Mapping[str, Any], facts: Facts, wanted: Template | None) -> str:
    """The config as YAML; ``data``: the keys of its source."""
    template = wanted or ("cnn" if facts.is_image else "mlp")
    if template == "cnn" and not facts.is_image:
        shape = "x".join(map(str, facts.shape))
        raise ConfigError(
            f"cnn: samples of shape {shape} are no images of {LEAST_SIDE} pixels or more; use mlp"
        )
    parts = [
        _head(name, facts), _data(data, facts), _network(template, facts), _training(facts),
    ]  # fmt: skip
    return "\n".join(line for part in parts for line in (*part, "")).rstrip() + "\n"


def _line(text: str, comment: str) -> str:
    """A line with its comment, all comments in one column."""
    return f"{text:<{COMMENT_AT - 1}} # {comment}"


def _head(name: str, facts: Facts) -> Iterator[str]:
    what = "classes" if facts.has_classes else "target" if facts.outputs == 1 else "targets"
    shape = "x".join(map(str, facts.shape))
    yield f"# {counted(facts.samples, 'sample')} of shape {shape}, {facts.outputs} {what}."
    train = f"#   cnntrain fit {name}"
    width = max(len(train), 20) + 4
    yield f"{train:<{width}}trains it; --check looks for mistakes first"
    yield f"{'#   cnntrain list':<{width}}everything that could stand here"
    yield ""
    yield _line(f"input: {inline(list(facts.shape))}", "shape of a sample")


def _data(data: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    yield "data:"
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield f"  {key}:"
            yield from (f"    {name}: {inline(inner)}" for name, inner in value.items())
        else:
            yield f"  {key}: {inline(value)}"
    if facts.samples >= LEAST_SPLIT:
        part = 0.1 if facts.samples >= 2000 else 0.2
        if not facts.has_test:
            yield _line(f"  test_split: {part}", "kept for 'cnntrain eval'")
        if not facts.has_validation:
            yield _line(f"  validation: {part}", "decides which epoch is best")
    kind = "per_channel" if len(facts.shape) == 3 else "per_feature"
    yield _line(f"  normalize: {kind}", "mean 0 and deviation 1 in the training samples")
    if not facts.has_classes:
        yield _line("  normalize_targets: standardize", "metrics stay in the units of the data")
    if facts.is_image:
        yield _line("  # augment: [{shift: {pixels: 2}}]", "more variety, if samples are few")


def _network(template: Template, facts: Facts) -> Iterator[str]:
    yield "network:"
    if template == "cnn":
        yield from _convolutions(facts)
    if len(facts.shape) > 1:
        yield "  - flatten"
    if template != "linear":
        yield _line("  - dense: {units: 64, activation: relu}", "hidden units")
    if template == "mlp":
        yield "  - dense: {units: 64, activation: relu}"
    what = "one output per class" if facts.has_classes else "one output per target"
    yield _line(f"  - dense: {{units: {facts.outputs}}}", what)
    yield ""
    loss = "cross_entropy" if facts.has_classes else "squared_error"
    why = "contains the softmax" if facts.has_classes else "or absolute_error, huber"
    yield _line(f"loss: {loss}", why)


def _convolutions(facts: Facts) -> Iterator[str]:
    """Convolutions and pooling until the maps are small, with twice as many filters each time."""
    sides, filters = facts.shape[1:], 16
    while min(sides) > SMALLEST_MAP:
        yield f"  - conv2d: {{filters: {filters}, kernel: 3, padding: same, activation: relu}}"
        yield _line("  - max_pool2d: {size: 2}", f"{sides[0]}x{sides[1]} -> half of it")
        sides = tuple(side // 2 for side in sides)
        filters = min(2 * filters, MOST_FILTERS)


def _training(facts: Facts) -> Iterator[str]:
    batch = 32 if facts.samples < 10_000 else 64
    epochs = math.ceil(UPDATES * batch / facts.samples)
    epochs = min(max(epochs, LEAST_EPOCHS), MOST_EPOCHS)
    yield _line("optimizer: {adam: {lr: 0.002}}", "a smaller lr, if the loss jumps")
    yield _line("schedule: {cosine: {warmup_epochs: 0.5}}", "lr rises shortly, then falls to 0")
    yield ""
    yield "train:"
    yield f"  batch_size: {batch}"
    yield f"  epochs: {epochs}"
    yield _line("  l2: 1", "penalty on large weights; more, if val is worse than train")
    if facts.samples >= LEAST_SPLIT:
        yield _line(f"  stop: {{patience: {max(5, epochs // 4)}}}", "epochs without improvement")

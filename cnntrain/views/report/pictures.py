"""Pictures of a trained network and its training, drawn with matplotlib."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnntrain.text import columns
from cnntrain.types import Array
from cnntrain.views.languages import say
from cnntrain.views.report.curves import COLOURS, STYLE, label_of, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES_IN_NUMBERS = 20  # larger confusion matrices are shown in colour only
MOST_MAPS = 32
TILE_IN = 1.0  # side of a small picture, in inches
PANELS_ACROSS = 6
MOST_TARGETS = 3
SIGNED = "RdBu_r"  # diverging, white at 0, colour-blind safe


def figure(width: float, height: float) -> "Figure":
    """An empty figure in the common style."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def confusion_picture(confusion: Array, labels: Sequence[str]) -> "Figure":
    """Share of each true class (row) predicted as each class (column), with counts."""
    k = len(confusion)
    names = [label_of(label) for label in labels]
    longest = max(map(columns, names))
    side = min(9.0, 2.0 + 0.42 * k + 0.1 * max(longest - 3, 0))
    made = figure(side + 0.8, side)
    axis = made.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if k <= MOST_CLASSES_IN_NUMBERS:
        for row, column in np.argwhere(confusion):
            colour = "white" if shares[row, column] > 0.5 else "black"
            count = f"{confusion[row, column]:,}"
            axis.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
        axis.set_xticks(range(k), names, rotation=45 if longest > 3 else 0)
        axis.set_yticks(range(k), names)
    axis.set_xlabel(say("picture.predicted_class"))
    axis.set_ylabel(say("picture.true_class"))
    axis.grid(False)
    made.colorbar(image, ax=axis, shrink=0.8, label=say("picture.share"))
    return made


def image_grid(
    images: Array, titles: Sequence[str], columns: int = 8, signed: bool = False
) -> "Figure":
    """Images (C, H, W, N) side by side; ``signed``: one common scale with white at 0."""
    n = images.shape[-1]
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    lines = 1 + max(title.count("\n") for title in titles)
    made = figure(TILE_IN * 1.15 * columns + signed, TILE_IN * (1.1 + 0.25 * lines) * rows)
    axes = made.subplots(rows, columns, squeeze=False).ravel()
    low, high = float(images.min()), float(images.max())
    reach = max(abs(low), abs(high)) or 1.0
    shown: Any = None
    for k, axis in enumerate(axes):
        axis.set_axis_off()
        if k >= n:
            continue
        picture = images[..., k]
        if len(picture) == 3 and not signed:
            scaled = (np.moveaxis(picture, 0, -1) - low) / ((high - low) or 1)
            axis.imshow(scaled, interpolation="nearest")
        else:
            colours = (
                {"cmap": SIGNED, "vmin": -reach, "vmax": reach}
                if signed
                else {"cmap": "gray", "vmin": low, "vmax": high}
            )
            shown = axis.imshow(picture.mean(axis=0), interpolation="nearest", **colours)
        axis.set_title(plain(titles[k]), fontsize=8)
    if signed and shown is not None:
        made.colorbar(shown, ax=list(axes), shrink=0.8, aspect=30)
    return made


def filter_picture(W: Array) -> "Figure":
    """The kernels of a first convolution (F, C, KH, KW), averaged over its channels."""
    kernels = np.moveaxis(W[:MOST_MAPS], 0, -1)  # (C, KH, KW, F)
    titles = [str(f) for f in range(kernels.shape[-1])]
    return image_grid(kernels.mean(axis=0, keepdims=True), titles, signed=True)


def maps_picture(a: Array) -> "Figure":
    """The feature maps (C, H, W) of one sample."""
    maps = np.moveaxis(a[:MOST_MAPS], 0, -1)[None]  # (1, H, W, C)
    return image_grid(maps, [str(c) for c in range(maps.shape[-1])], signed=bool((a < 0).any()))


QUANTITIES = {  # name: (words, colour)
    "norm": ("‖W‖", COLOURS[0]),
    "gradient_norm": ("‖∂C/∂W‖", COLOURS[1]),
    "update_ratio": ("‖ΔW‖ / ‖W‖", COLOURS[2]),
}


def history_picture(stats: Sequence[Mapping[str, Any]]) -> "Figure":
    """A small panel for every weight array and every layer whose units can die, by step."""
    from matplotlib import rc_context

    arrays = [key for key in stats[0]["arrays"] if not key.endswith(".b")]
    dying = [key for key in stats[0]["outputs"] if any(_dead(line, key) for line in stats)]
    count = len(arrays) + len(dying)
    columns = min(PANELS_ACROSS, max(count, 1))
    rows = math.ceil(count / columns)
    with rc_context(STYLE):
        made = figure(11.5, 0.9 + 1.7 * rows)
        axes = made.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for axis, key in zip(axes, arrays, strict=False):
            _array_panel(axis, stats, key)
        for axis, key in zip(axes[len(arrays) :], dying, strict=False):
            _dead_panel(axis, stats, key)
        for axis in axes[count:]:
            axis.set_axis_off()
        handles, words = axes[0].get_legend_handles_labels()
        made.legend(handles, words, loc="outside upper center", ncols=4, frameon=False)
        made.supxlabel(say("picture.step"), fontsize=9)
    return made


def _array_panel(axis: "Axes", stats: Sequence[Mapping[str, Any]], key: str) -> None:
    """Norms of an array and of its gradient, and how much an update changes it."""
    for name, (words, colour) in QUANTITIES.items():
        known = [(line["step"], line["arrays"].get(key, {}).get(name)) for line in stats]
        points = [(step, value) for step, value in known if value]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, label=words, lw=1.2)
    axis.set_yscale("log")
    axis.set_title(label_of(key), fontsize=8)
    axis.tick_params(labelsize=7)


def _dead(line: Mapping[str, Any], key: str) -> float | None:
    share: float | None = line["outputs"].get(key, {}).get("dead_share")
    return share


def _dead_panel(axis: "Axes", stats: Sequence[Mapping[str, Any]], key: str) -> None:
    """The share of units that are 0 for all samples."""
    points = [(line["step"], 100 * (_dead(line, key) or 0)) for line in stats]
    axis.plot(*zip(*points, strict=True), color=COLOURS[3], lw=1.2)
    axis.set_ylim(-2, 102)
    axis.set_title(say("picture.dead", layer=label_of(key)), fontsize=8)
    axis.tick_params(labelsize=7)


def regression_picture(true: Array, predicted: Array, names: Sequence[str]) -> "Figure":
    """Predicted against true values, and the residuals, of up to three targets."""
    count = min(true.shape[1], MOST_TARGETS)
    made = figure(9.0, 3.6 * count)
    for k, (left, right) in enumerate(made.subplots(count, 2, squeeze=False)):
        t, p = true[:, k], predicted[:, k]
        low, high = float(min(t.min(), p.min())), float(max(t.max(), p.max()))
        left.plot([low, high], [low, high], color="#888888", lw=1)
        left.plot(t, p, ".", color=COLOURS[0], alpha=0.5, markersize=4)
        left.set_xlabel(say("picture.true_target", target=label_of(names[k])))
        left.set_ylabel(say("picture.predicted"))
        right.hist(p - t, bins=40, color=COLOURS[0])
        right.axvline(0, color="#888888", lw=1)
        right.set_xlabel(say("picture.residual"))
        right.set_ylabel(say("picture.samples"))
    return made


def boundary_picture(seen: Any, names: Sequence[str], inputs: Sequence[str]) -> "Figure":
    """The predicted class over the plane of two inputs, and some samples."""
    made = figure(6.2, 5.2)
    axis = made.subplots()
    for k, name in enumerate(names):
        colour = COLOURS[k % len(COLOURS)]
        inside = (seen.classes == k).astype(float)
        if inside.any():
            axis.contourf(seen.x, seen.y, inside, levels=[0.5, 1.5], colors=[colour], alpha=0.25)
        own = seen.points[seen.labels == k]
        axis.plot(own[:, 0], own[:, 1], ".", color=colour, markersize=5, label=label_of(name))
    axis.set_xlabel(label_of(inputs[0]))
    axis.set_ylabel(label_of(inputs[1]))
    axis.legend(frameon=False, fontsize=8, loc="upper right")
    axis.grid(False)
    return made

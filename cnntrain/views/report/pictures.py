"""Pictures of a trained network and its training, drawn with matplotlib."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnntrain.types import Array
from cnntrain.views.report.curves import COLOURS, STYLE, label_of, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES_IN_NUMBERS = 20  # larger confusion matrices are shown in colour only
MOST_MAPS = 32
TILE_IN = 1.0  # side of a small picture, in inches
SIGNED = "RdBu_r"  # diverging, white at 0, colour-blind safe


def figure(width: float, height: float) -> "Figure":
    """An empty figure in the common style."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def confusion_picture(confusion: Array, labels: Sequence[str]) -> "Figure":
    """Share of each true class (row) predicted as each class (column), with counts."""
    k = len(confusion)
    names = [label_of(label) for label in labels]
    longest = max(map(len, names))
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
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    axis.grid(False)
    made.colorbar(image, ax=axis, shrink=0.8, label="share of the true class")
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


def history_picture(stats: Sequence[Mapping[str, Any]]) -> "Figure":
    """Norms, gradients, update-to-weight ratios and dead units of every layer by step."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        made = figure(11.5, 7.0)
        axes = made.subplots(2, 2).ravel()
        panels = [
            ("arrays", "norm", "norm of the weights ‖W‖"),
            ("arrays", "gradient_norm", "norm of the gradient ‖∂C/∂W‖"),
            ("arrays", "update_ratio", "update to weight ‖ΔW‖ / ‖W‖"),
            ("outputs", "dead_share", "dead units (%)"),
        ]
        for axis, (family, name, label) in zip(axes, panels, strict=True):
            _history(axis, stats, family, name)
            axis.set_xlabel("step")
            axis.set_ylabel(label)
        axes[2].axhspan(3e-4, 3e-3, color="#009E73", alpha=0.12, linewidth=0)
        axes[2].text(
            0.01, 1e-3, " usual: about 1/1000", transform=axes[2].get_yaxis_transform(),
            fontsize=8, color="#00664a", va="center",
        )  # fmt: skip
    return made


def _history(axis: "Axes", stats: Sequence[Mapping[str, Any]], family: str, name: str) -> None:
    """A line for every weight array, or for every layer whose units can die."""
    keys = [key for key in stats[0][family] if family == "outputs" or not key.endswith(".b")]
    drawn = 0
    for key in keys:
        known = [(line["step"], line[family].get(key, {}).get(name)) for line in stats]
        points = [(step, value) for step, value in known if value is not None]
        if not points:
            continue
        steps, values = zip(*points, strict=True)
        scaled = [100 * value for value in values] if name == "dead_share" else values
        style = ("-", "--", ":")[drawn // len(COLOURS) % 3]
        axis.plot(steps, scaled, style, color=COLOURS[drawn % len(COLOURS)], label=key, lw=1.4)
        drawn += 1
    if name == "dead_share":
        axis.set_ylim(-2, 102)
    else:
        axis.set_yscale("log")
    if drawn:
        axis.legend(frameon=False, fontsize=7, ncols=1 + drawn // 8)
    else:
        axis.text(0.5, 0.5, "no activation layers", transform=axis.transAxes, ha="center")

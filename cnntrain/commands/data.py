"""``cnntrain data``: what the network will be fed, as text or as a picture."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cnntrain.config.read import read_config
from cnntrain.data.description import described
from cnntrain.data.locate import DataFolders
from cnntrain.data.prepare import Prepared, SplitName, overlaps
from cnntrain.errors import DataError, ExitCode
from cnntrain.rng import Purpose, stream
from cnntrain.runs.names import config_of
from cnntrain.text import printable, table
from cnntrain.training.experiment import Experiment
from cnntrain.training.opening import open_experiment
from cnntrain.types import Array

MOST_FED = 10_000  # samples whose fed values are looked at
PREVIEW_SAMPLES = 8  # columns of the picture
PREVIEW_DRAWS = 5  # rows: the original, then augmented ones


def run_data(
    path: Path, settings: Sequence[str], data_dir: Path | None, preview: Path | None
) -> ExitCode:
    """Print the summary, or write the picture."""
    path = config_of(path)
    config = read_config(path, settings)
    with config.places():
        experiment = open_experiment(config.plan, DataFolders.of(data_dir, path.parent).find)
    if preview is None:
        print(printable(report(experiment)))
    else:
        save_preview(experiment, preview)
        print(printable(f"{preview}: {PREVIEW_SAMPLES} training samples, original and augmented"))
    return ExitCode.DONE


def report(experiment: Experiment) -> str:
    """Shapes, ranges as read and as fed, counts per class and split, overlaps and fingerprint."""
    data = experiment.data
    shape = "x".join(map(str, data.sample_shape))
    understood = "\n".join(described(data))
    parts = [understood, f"samples {shape}, fingerprint {data.fingerprint[:16]}"]
    parts += [_ranges(data), _fed(experiment)]
    if data.classes is not None:
        parts.append(_counts(data, data.classes))
    parts.append(_overlap_lines(data))
    return "\n\n".join(parts)


def _ranges(data: Prepared) -> str:
    rows = [["split", "samples", "least", "mean", "largest"]]
    for name, split in data.splits.items():
        lows, sums, highs = zip(
            *((c.min(), c.sum(dtype=np.float64), c.max()) for c in split.chunks()), strict=True
        )
        mean = sum(sums) / (len(split) * np.prod(split.sample_shape))
        figures = (min(lows), mean, max(highs))
        rows.append([name, f"{len(split):,}", *(f"{float(value):.4g}" for value in figures)])
    return table(rows)


def _fed(experiment: Experiment) -> str:
    """The values that the network gets, after normalization, beside those that were read."""
    how = experiment.plan.data.normalize
    rows = [["split", "least", "mean", "largest", "deviation"]]
    for name in experiment.data.splits:
        x = _some_fed(experiment, name).astype(np.float64)
        figures = (x.min(), x.mean(), x.max(), x.std())
        rows.append([name, *(f"{float(value):.4g}" for value in figures)])
    return f"as fed to the network (normalize: {how}):\n{table(rows)}"


def _some_fed(experiment: Experiment, name: SplitName) -> Array:
    """Samples of a split as the network gets them: all, or a part evenly spread over it."""
    n = len(experiment.data.splits[name])
    plain = replace(experiment.batches(name), augmentations=())
    return plain.take(np.linspace(0, n - 1, min(n, MOST_FED)).astype(int))[0]


def _counts(data: Prepared, classes: Sequence[str]) -> str:
    names = list(data.splits)
    counts = [np.bincount(split.labels, minlength=len(classes)) for split in data.splits.values()]
    rows = [[label, *(str(count[k]) for count in counts)] for k, label in enumerate(classes)]
    return table([["class", *names], *rows])


def _overlap_lines(data: Prepared) -> str:
    lines = [
        f"Warning: {count} samples of {b} also appear in {a}"
        for (a, b), count in overlaps(data.splits).items()
        if count
    ]
    return "\n".join(lines) or "no sample appears in more than one split"


def save_preview(experiment: Experiment, path: Path) -> None:
    """Training images in the first row, augmented versions below."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise DataError(
            "the picture needs matplotlib; install it with: pip install 'cnntrain[plot]'"
        ) from None
    if len(experiment.data.sample_shape) != 3:
        raise DataError(f"samples {experiment.data.sample_shape} are not images")
    indices = np.linspace(0, len(experiment.data.train) - 1, PREVIEW_SAMPLES).astype(int)
    rows = [_images(experiment, indices, draw) for draw in range(PREVIEW_DRAWS)]
    figure = Figure(figsize=(1.1 * PREVIEW_SAMPLES, 1.2 * PREVIEW_DRAWS), layout="constrained")
    axes = figure.subplots(PREVIEW_DRAWS, PREVIEW_SAMPLES, squeeze=False)
    low, high = float(rows[0].min()), float(rows[0].max())
    for row, images in enumerate(rows):
        for column in range(PREVIEW_SAMPLES):
            axis, image = axes[row][column], images[..., column]
            shown = image[0] if len(image) != 3 else np.moveaxis(image, 0, -1)
            scaled = np.clip((shown - low) / ((high - low) or 1), 0, 1)
            axis.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
        axes[row][0].set_ylabel("original" if row == 0 else f"draw {row}", fontsize=9)
    if experiment.data.classes is not None:
        for column, label in enumerate(experiment.data.train.labels[indices]):
            axes[0][column].set_title(experiment.data.classes[label], fontsize=9)
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:  # a format that matplotlib does not know
        raise DataError(f"{path}: {error}") from None


def _images(experiment: Experiment, indices: Array, draw: int) -> Array:
    """(C, H, W, N) in the units of the source: the originals for draw 0, else augmented."""
    batches, seed = experiment.batches("train"), experiment.plan.seed
    x, y = np.moveaxis(batches.split.gather(indices), 0, -1), batches.split.y[indices]
    x = x.astype(np.float32)
    for k, augmentation in enumerate(batches.augmentations if draw else ()):
        rng = stream(seed, Purpose.AUGMENT, draw, 0, k)
        x, y = augmentation.apply(x, y, batches.classes, rng)
    return x

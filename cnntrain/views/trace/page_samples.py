"""Samples as pictures of a page: colour images as photos, points of a plane."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnntrain.training.experiment import Experiment
from cnntrain.types import Array

Photo = dict[str, Any]  # width, height, and the colours of its pixels, row by row, as base64

MOST_POINTS = 400  # of the training samples beside a decision boundary


def pictures_of(experiment: Experiment, samples: Sequence[int]) -> dict[str, Any]:
    """The photos of these samples, and the points of the training samples, where they are such."""
    return {"photos": photos_of(experiment, samples), "points": points_of(experiment)}


def points_of(experiment: Experiment) -> dict[str, Any] | None:
    """The first training samples of a network that reads two numbers, with their classes."""
    if experiment.network.in_shape != (2,) or experiment.data.classes is None:
        return None
    first = np.arange(min(MOST_POINTS, len(experiment.data.train)))
    x, labels = experiment.batches("train").take(first)
    return {"x": x.T.tolist(), "labels": labels.tolist()} if labels.ndim == 1 else None


def photos_of(experiment: Experiment, samples: Sequence[int]) -> list[Photo]:
    """The photos of training samples; none where the inputs are not images of three channels."""
    if len(experiment.network.in_shape) != 3 or experiment.network.in_shape[0] != 3:
        return []
    x, _ = experiment.batches("train").take(np.array(samples))
    original = experiment.data.normalizer.undo(x)
    return [_photo(pixels) for pixels in np.moveaxis(_bytes(original), -1, 0)]


def _bytes(x: Array) -> Array:
    """Values of 0..1 or 0..255 as bytes; others from their minimum to their maximum."""
    low, high = min(0.0, float(x.min())), float(x.max())
    most = next((limit for limit in (1, 255) if low > -1e-3 and high < limit + 1e-3), high)
    scaled = (x - low) / ((most - low) or 1)
    return np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)


def _photo(pixels: Array) -> Photo:
    _, height, width = pixels.shape
    raw = np.ascontiguousarray(np.moveaxis(pixels, 0, -1)).tobytes()
    return {"width": width, "height": height, "base64": base64.b64encode(raw).decode()}

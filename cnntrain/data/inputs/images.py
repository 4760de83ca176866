"""Image files, prepared as the training images were."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from cnntrain.data.inputs.portion import Portion, Wanted
from cnntrain.data.sources.folder import Folder, image_files, read_image
from cnntrain.data.sources.labelled_images import LabelledImages
from cnntrain.errors import DataError
from cnntrain.types import Array

Report = Callable[[str], None]
Named = tuple[str, Path]  # what an image is called in the output, and its file


def images_in(folder: Path) -> list[Named]:
    """All images below a folder, called by their path within it."""
    images, _ = image_files(folder, recursive=True)
    if not images:
        raise DataError(f"{folder}: holds no images; there is nothing to predict")
    return [(path.relative_to(folder).as_posix(), path) for path in images]


def image_portions(images: Sequence[Named], wanted: Wanted, report: Report) -> Iterator[Portion]:
    """Image files in portions; each that cannot be used is reported and left out."""
    if len(wanted.shape) != 3 or wanted.shape[0] not in (1, 3):
        shape = "x".join(map(str, wanted.shape))
        raise DataError(
            f"{images[0][1]}: the network takes samples of shape {shape}, not images of 1 or 3 "
            "channels; give a table or an array"
        )
    for start in range(0, len(images), wanted.at_once):
        read = [
            (name, pixels)
            for name, path in images[start : start + wanted.at_once]
            if (pixels := _pixels(path, wanted, report)) is not None
        ]
        if read:
            yield Portion([n for n, _ in read], np.stack([p for _, p in read]), len(images))


def _pixels(path: Path, wanted: Wanted, report: Report) -> Array | None:
    """The image as the network takes it; None, once it is reported, if it cannot be."""
    source, mode = wanted.source, "gray" if wanted.shape[0] == 1 else "rgb"
    size = source.size if isinstance(source, Folder | LabelledImages) else None
    try:
        pixels = read_image(path, mode, size)
        if pixels.shape != wanted.shape:
            found, needed = ("x".join(map(str, s[1:])) for s in (pixels.shape, wanted.shape))
            raise DataError(
                f"{path}: {found} pixels, but the network takes {needed} (height x width), and "
                "was trained without resizing; resize the image"
            )
    except DataError as error:
        report(str(error))
        return None
    return pixels

"""Images in folders, one sub-folder per class; needs Pillow (extra ``images``)."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find, check_has_an_end
from cnntrain.data.sources.base import Source, readable
from cnntrain.errors import DataError
from cnntrain.types import Array, Count, Shape

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
MOST_PIXELS = 50_000_000  # of one file; a "decompression bomb" declares more,
MOST_PIXELS_OF_SMALL = 6_000_000  # even in a small file:
SMALL_FILE = 1 << 20  # bytes
LONGEST_SIDE = 100_000  # pixels; resizing takes memory for each pixel of a side


def pillow() -> ModuleType:
    """Pillow's Image module; raises a ``DataError`` that explains how to install it."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            "reading images needs Pillow; install it with: pip install 'cnntrain[images]'"
        ) from None
    return Image


def read_image(path: Path, mode: str, size: tuple[int, int] | None) -> Array:
    """(C, H, W) bytes: rotated by EXIF, transparency on black, resized if requested."""
    image_module = pillow()
    from PIL import ImageOps

    check_has_an_end(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with image_module.open(path) as opened:
                _check_size(path, opened.width, opened.height)
                upright = _in_mode(ImageOps.exif_transpose(opened), mode)
            if size is not None:
                upright = upright.resize((size[1], size[0]), image_module.Resampling.BILINEAR)
            pixels = np.asarray(upright, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, image_module.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable image ({error})") from None
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _check_size(path: Path, width: int, height: int) -> None:
    """Refuse what would take more memory than its file suggests."""
    if max(width, height) > LONGEST_SIDE:
        raise DataError(
            f"{path}: {width}x{height} pixels; a side may have up to {LONGEST_SIDE:,}: cut the "
            "image into parts"
        )
    small = path.stat().st_size <= SMALL_FILE
    if width * height > (MOST_PIXELS_OF_SMALL if small else MOST_PIXELS):
        raise DataError(
            f"{path}: {width}x{height} pixels are too many"
            f"{' for such a small file' if small else ''}; make the image smaller"
        )


def _in_mode(image: Any, mode: str) -> Any:
    """Grey or RGB bytes of an image of any mode; 16-bit grey is scaled, not clipped.

    Real pixels are rounded down to bytes; ``ValueError`` if that would lose more than fractions.
    """
    if image.mode == "F":
        low, high = (float(limit(np.asarray(image))) for limit in (np.min, np.max))
        if not (low >= 0 and high < 256):  # nor if they are NaN
            raise ValueError(f"pixels from {low:g} to {high:g}, not 0 to 255: save it as bytes")
    if image.mode.startswith("I"):
        wide = np.array(image, dtype=np.float32)
        wide /= 257
        image = pillow().fromarray(wide.clip(0, 255, out=wide).astype(np.uint8))
    if image.mode in ("P", "LA", "RGBA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        black = pillow().new("RGBA", layered.size, (0, 0, 0, 255))
        image = pillow().alpha_composite(black, layered)
    return image.convert("L" if mode == "gray" else "RGB")


@dataclass(frozen=True, kw_only=True)
class Folder(Source, kind="folder"):
    """Image files in one folder per class.

    Options: ``train``, ``test`` and ``val``, folders with one sub-folder of images per class;
    ``mode``: rgb or gray; ``size``: [height, width] to which all are resized (needed if they
    differ).

    Samples (C, H, W), values 0..255, decoded once and kept in memory as bytes. Classes are the
    sorted names of the sub-folders of ``train``.
    """

    train: str
    test: str | None = None
    val: str | None = None
    mode: Literal["rgb", "gray"] = "rgb"
    size: tuple[Count, Count] | None = None

    def sample_shape(self, find: Find) -> Shape:
        channels = 3 if self.mode == "rgb" else 1
        if self.size is not None:
            return (channels, *self.size)
        root = find(self.train)
        first = next(iter(_images(root / _class_names(root)[0])))
        return read_image(first, self.mode, None).shape

    def load(self, find: Find, seed: int) -> Dataset:
        classes = _class_names(find(self.train))
        train = self._read(find(self.train), classes)
        test, val = (
            self._read(find(name), classes) if name else None for name in (self.test, self.val)
        )
        return Dataset(train, test, classes, val)

    def _read(self, root: Path, classes: tuple[str, ...]) -> Split:
        if extra := set(_class_names(root)) - set(classes):
            raise DataError(f"{root}: class {min(extra)!r} has no folder in {self.train}")
        found = [
            (path, label)
            for label, name in enumerate(classes)
            if (root / name).is_dir()
            for path in _images(root / name)
        ]
        images = [read_image(path, self.mode, self.size) for path, _ in found]
        for image, (path, _) in zip(images, found, strict=True):
            if image.shape != images[0].shape:
                raise DataError(
                    f"{path}: {image.shape[1]}x{image.shape[2]} pixels, but the first image has "
                    f"{images[0].shape[1]}x{images[0].shape[2]}; set 'size' to resize them all"
                )
        return Split(np.stack(images), np.array([label for _, label in found], np.int64))


def _class_names(root: Path) -> tuple[str, ...]:
    if not root.is_dir():
        raise DataError(f"{root}: not a folder; give one with a sub-folder of images per class")
    with readable(root):
        names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not names:
        raise DataError(f"{root}: no sub-folders; create one per class, containing its images")
    return tuple(names)


def _images(folder: Path) -> Iterable[Path]:
    with readable(folder):
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{folder}: no images ({', '.join(sorted(SUFFIXES))})")
    return found

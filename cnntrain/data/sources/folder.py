"""Images in folders, one sub-folder per class; needs Pillow (extra ``images``)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

import numpy as np

from cnntrain.data.by_index import (
    Blocks,
    Identity,
    Stored,
    check_unchanged,
    identity_of,
    stored,
)
from cnntrain.data.dataset import Schema, Split
from cnntrain.data.locate import Find, check_has_an_end
from cnntrain.data.sources.base import FileSource, Part, readable
from cnntrain.errors import DataError
from cnntrain.registry import listed
from cnntrain.text import counted
from cnntrain.types import Array, Count, Shape

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm",
    ".ppm",
}  # fmt: skip
NOT_OURS = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # left by systems, skipped like hidden files
SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "val": "val",
    "valid": "val", "validation": "val",
}  # fmt: skip
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
        if 0 < high <= 1:
            raise ValueError("pixels from 0 to 1: multiply them by 255 and save them as bytes")
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
class Folder(FileSource, kind="folder"):
    """Image files in one folder per class.

    Options: ``train``, ``test`` and ``val``, folders with one sub-folder of images per class (or
    ``train`` alone, the parent of folders called train, test and val); ``mode``: rgb or gray;
    ``size``: [height, width] to which all are resized (needed if they differ); ``recursive``:
    whether images in deeper folders belong to the class (true).

    Samples (C, H, W), values 0..255, decoded once and kept in memory as bytes; of more than
    256 MiB the last ones used are kept. Classes are the sorted names of the sub-folders of
    ``train``. Hidden files are skipped, files that are not images are counted.
    """

    train: str
    test: str | None = None
    val: str | None = None
    mode: Literal["rgb", "gray"] = "rgb"
    size: tuple[Count, Count] | None = None
    recursive: bool = True

    def sample_shape(self, find: Find) -> Shape:
        channels = 3 if self.mode == "rgb" else 1
        if self.size is not None:
            return (channels, *self.size)
        root = find(self.parts(find)["train"])
        first = _class_names(root)[0]
        images, _ = image_files(root / first, self.recursive)
        if not images:
            raise _no_images(root / first)
        return read_image(images[0], self.mode, None).shape

    def evaluated_on(self, path: str) -> Self:
        return replace(self, test=path)

    def parts(self, find: Find) -> dict[str, Any]:
        """The folders of the splits; a parent of all of them is recognized."""
        given = super().parts(find)
        names = _sub_folders(find(self.train))
        splits = {SPLITS[name.lower()]: name for name in names if name.lower() in SPLITS}
        if given["test"] or given["val"] or len(splits) != len(names) or "train" not in splits:
            return given
        return {
            split: str(Path(self.train) / splits[split]) if split in splits else None
            for split in given
        }

    def read(self, given: str, find: Find, schema: Schema | None) -> Part:
        root = find(given)
        names = _class_names(root)
        classes = names if schema is None else (schema.classes or ())
        if extra := set(names) - set(classes):
            raise DataError(f"{root}: class {min(extra)!r} has no folder in the training data")
        if schema is None and len(names) < 2:
            raise DataError(
                f"{root}: only one class ({names[0]!r}); there must be a sub-folder per class, and "
                "at least two of them"
            )
        listed_files = {name: image_files(root / name, self.recursive) for name in names}
        for name, (images, _) in listed_files.items():
            if not images:
                raise _no_images(root / name)
        found = [
            (path, classes.index(n)) for n, (images, _) in listed_files.items() for path in images
        ]
        x = images_by_index([path for path, _ in found], self.mode, self.size)
        left_out = [path for _, others in listed_files.values() for path in others]
        split = Split(x, np.array([label for _, label in found], np.int64))
        return Part(split, schema or Schema(classes), (_note(root, len(found), left_out),))


def images_by_index(paths: Sequence[Path], mode: str, size: tuple[int, int] | None) -> Stored:
    """The images of these files, which must be of one size, as bytes (N, C, H, W)."""
    shape = read_image(paths[0], mode, size).shape
    known = np.array([identity_of(path.stat()) for path in paths])

    def image(k: int) -> Array:
        identity: Identity = tuple(known[k].tolist())
        check_unchanged(paths[k], identity)
        found = read_image(paths[k], mode, size)
        if found.shape != shape:
            raise DataError(
                f"{paths[k]}: {found.shape[1]}x{found.shape[2]} pixels, but the first image has "
                f"{shape[1]}x{shape[2]}; set 'size' to resize them all"
            )
        return found[None]

    return stored(Blocks(np.arange(1, len(paths) + 1), shape, np.dtype(np.uint8), image))


def _note(root: Path, images: int, left_out: Sequence[Path]) -> str:
    """``pictures: 38 images; 2 of 40 files left out: suffix .txt``."""
    note = f"{root}: {counted(images, 'image')}"
    if not left_out:
        return note
    deeper = sum(path.suffix.lower() in SUFFIXES for path in left_out)
    suffixes = sorted({path.suffix or path.name for path in left_out} - SUFFIXES)
    reasons = [f"suffix {listed(suffixes)}"] if suffixes else []
    reasons += [f"{deeper} in deeper folders (recursive: true reads them)"] if deeper else []
    return (
        f"{note}; {len(left_out)} of {images + len(left_out)} files left out: {', '.join(reasons)}"
    )


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".") and path.name not in NOT_OURS


def _sub_folders(root: Path) -> tuple[str, ...]:
    if not root.is_dir():
        raise DataError(f"{root}: not a folder; give one with a sub-folder of images per class")
    with readable(root):
        return tuple(sorted(p.name for p in root.iterdir() if p.is_dir() and _is_visible(p)))


def _class_names(root: Path) -> tuple[str, ...]:
    names = _sub_folders(root)
    if not names:
        raise DataError(f"{root}: no sub-folders; create one per class, containing its images")
    return names


def image_files(folder: Path, recursive: bool) -> tuple[list[Path], list[Path]]:
    """(images of a folder, files that are left out), sorted; hidden files are neither."""
    images: list[Path] = []
    others: list[Path] = []
    with readable(folder):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_dir() or not all(_is_visible(Path(part)) for part in inside.parts):
                continue
            fits = path.suffix.lower() in SUFFIXES and (recursive or len(inside.parts) == 1)
            (images if fits else others).append(path)
    return images, others


def _no_images(folder: Path) -> DataError:
    return DataError(f"{folder}: no images ({', '.join(sorted(SUFFIXES))})")

"""Compiled twins of ``layers/joining.py``."""

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def joined(parts: tuple[Array, ...]) -> Array:
    """The parts behind each other along the first axis."""
    first = parts[0]
    if any(part.shape[1:] != first.shape[1:] for part in parts):
        raise ValueError(f"{[part.shape for part in parts]} differ in more than the first axis")
    out = empty((sum(map(len, parts)), *first.shape[1:]), first.dtype)
    at = 0
    for part in parts:
        kernel("copied", part)(out[at : at + len(part)], solid(part), part.size)
        at += len(part)
    return out

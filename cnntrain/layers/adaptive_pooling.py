"""Pooling to a given size, whatever the size of the map: the windows adapt, and may overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from cnntrain.layers.base import Context, Example, Layer, View
from cnntrain.layers.upsample2d import Resampling
from cnntrain.ops.shapes import require_image
from cnntrain.types import Array, Arrays, CountPair, Params, Shape, as_pair

Window = tuple[slice, slice]  # rows and columns


def spans(length: int, out: int) -> list[slice]:
    """The inputs of each output: from floor(o·L/out) up to, not including, ceil((o + 1)·L/out)."""
    return [slice(o * length // out, -(-(o + 1) * length // out)) for o in range(out)]


@lru_cache(maxsize=64)
def averaging(length: int, out: int) -> Array:
    """The matrix (out, length) whose rows take the means of the spans."""
    matrix = np.zeros((out, length))
    for row, span in zip(matrix, spans(length, out), strict=True):
        row[span] = 1 / (span.stop - span.start)
    return matrix


def max_of_windows(x: Array, windows: Sequence[Window]) -> tuple[Array, Array]:
    """(y, winner) of (C, len(windows), N): the maximum of each window, and which of its inputs it
    is, row by row. Ties go to the first; NaN wins over every number."""
    c, n = len(x), x.shape[-1]
    y = np.empty((c, len(windows), n), x.dtype)
    winner = np.empty((c, len(windows), n), np.intp)
    for o, window in enumerate(windows):
        values = x[(slice(None), *window)].reshape(c, -1, n)
        winner[:, o] = values.argmax(axis=1)
        y[:, o] = np.take_along_axis(values, winner[:, o][:, None], 1)[:, 0]
    return y, winner


def max_of_windows_backward(
    dy: Array, winner: Array, windows: Sequence[Window], in_shape: Shape
) -> Array:
    """∂C/∂x (C, H, W, N): each δ goes to the input that won its window."""
    dx = np.zeros(in_shape, dy.dtype)
    for o, window in enumerate(windows):
        target = dx[(slice(None), *window)]
        share = np.zeros((len(dy), target.shape[1] * target.shape[2], dy.shape[-1]), dy.dtype)
        np.put_along_axis(share, winner[:, o][:, None], dy[:, o][:, None], 1)
        target += share.reshape(target.shape)
    return dx


@dataclass(frozen=True, kw_only=True)
class AdaptivePool2d(Layer):
    """Base: (C, H, W) -> (C, OH, OW) with ``size`` = OH, or [OH, OW]."""

    size: CountPair

    def view(self, in_shape: Shape) -> tuple[View, View]:
        vertical, horizontal = (
            View(-(-length // out), length / out)
            for length, out in zip(in_shape[1:], as_pair(self.size), strict=True)
        )
        return vertical, horizontal

    def out_shape(self, in_shape: Shape) -> Shape:
        require_image(in_shape)
        return (in_shape[0], *as_pair(self.size))

    def flops(self, in_shape: Shape) -> int:
        return int(np.prod(in_shape))

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(size=2), (2, 4, 6)),
            Example(cls(size=(2, 3)), (1, 5, 4)),
            Example(cls(size=(3, 1)), (2, 2, 3), batch=1),
        ]


@dataclass(frozen=True, kw_only=True)
class AdaptiveAvgPool2d(Resampling, AdaptivePool2d, kind="adaptive_avg_pool2d"):
    """y = the mean of each of OH x OW windows that together cover the map.

    (C, H, W) -> (C, OH, OW). Option: ``size``, OH = OW or [OH, OW]. Output o of an axis of length L
    sees the inputs from floor(o·L/OH) up to, not including, ceil((o + 1)·L/OH), as in PyTorch.
    """

    def matrices(self, shape: Shape, dtype: np.dtype) -> list[Array]:
        """V and H of the formula: each row takes a mean."""
        sizes = zip(shape[1:3], as_pair(self.size), strict=True)
        return [averaging(*each).astype(dtype) for each in sizes]


class Cache(NamedTuple):
    """Values of the forward pass that the backward pass needs."""

    winner: Array
    in_shape: Shape


@dataclass(frozen=True, kw_only=True)
class AdaptiveMaxPool2d(AdaptivePool2d, kind="adaptive_max_pool2d"):
    """y = the maximum of each of OH x OW windows that together cover the map; ties go to the first.

    (C, H, W) -> (C, OH, OW). Option and windows as for ``adaptive_avg_pool2d``.
    """

    formula: ClassVar[str] = r"y = \max_{\text{window}} x"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\frac{\partial C}{\partial x} = \sum \delta \;\text{of the windows that}\; x "
            r"\;\text{won}"
        ),
    }
    takes_largest: ClassVar[bool] = True

    def windows(self, in_shape: Shape) -> list[Window]:
        """Rows and columns of every window, row by row."""
        rows, columns = map(spans, in_shape[1:3], as_pair(self.size))
        return [(down, across) for down in rows for across in columns]

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        y, winner = max_of_windows(x, self.windows(x.shape))
        return y.reshape(*self.out_shape(x.shape[:3]), x.shape[-1]), Cache(winner, x.shape)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        winner, in_shape = cache
        flat = dy.reshape(winner.shape)
        return max_of_windows_backward(flat, winner, self.windows(in_shape), in_shape), {}

"""Layers that put a border around each map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer
from cnntrain.ops.shapes import require_image
from cnntrain.types import Array, Arrays, NaturalSides, Params, Shape, as_sides


@dataclass(frozen=True, kw_only=True)
class Padding2d(Layer):
    """Base: (C, H, W) -> (C, top + H + bottom, left + W + right)."""

    padding: NaturalSides

    def sides(self) -> tuple[int, int, int, int]:
        """(top, bottom, left, right)."""
        return as_sides(self.padding)

    def border(self) -> tuple[tuple[int, int], ...]:
        """Numbers before and after along every axis of (C, H, W, N)."""
        top, bottom, left, right = self.sides()
        return (0, 0), (top, bottom), (left, right), (0, 0)

    def out_shape(self, in_shape: Shape) -> Shape:
        require_image(in_shape)
        top, bottom, left, right = self.sides()
        return (in_shape[0], top + in_shape[1] + bottom, left + in_shape[2] + right)

    def inside(self, dy: Array, in_shape: Shape) -> Array:
        """The part of an output that lies within the border."""
        top, _, left, _ = self.sides()
        _, h, w, _ = in_shape
        return np.ascontiguousarray(dy[:, top : top + h, left : left + w])


@dataclass(frozen=True, kw_only=True)
class ZeroPad2d(Padding2d, kind="zero_pad2d"):
    """Zeros around each map: (C, H, W) -> (C, top + H + bottom, left + W + right).

    Option: ``padding``, a number, [vertical, horizontal] or [top, bottom, left, right].
    """

    formula: ClassVar[str] = r"y = x \;\text{with zeros around it}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \delta \;\text{without its border}",
    }

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        return np.pad(x, self.border()), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return self.inside(dy, cache), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(padding=1), (2, 2, 3)),
            Example(cls(padding=(0, 2)), (1, 3, 2)),
            Example(cls(padding=(1, 0, 2, 3)), (2, 2, 2), batch=1),
        ]


def sources(length: int, before: int, after: int, mode: Any) -> Array:
    """The input that each output of an axis copies."""
    return np.pad(np.arange(length), (before, after), mode=mode)


def collected(dy: Array, source: Array, length: int, axis: int) -> Array:
    """The sum of all δ whose outputs copied the same input, along one axis."""
    by_axis = np.moveaxis(dy, axis, 0)
    dx = np.zeros((length, *by_axis.shape[1:]), dy.dtype)
    np.add.at(dx, source, by_axis)
    return np.moveaxis(dx, 0, axis)


@dataclass(frozen=True, kw_only=True)
class Pad2d(Padding2d, kind="pad2d"):
    """A border around each map: (C, H, W) -> (C, top + H + bottom, left + W + right).

    Options: ``padding``, a number, [vertical, horizontal] or [top, bottom, left, right]; ``mode``:
    ``constant`` (the number ``value``), ``edge`` (the nearest value) or ``reflect`` (mirrored at
    the outermost value, which is not repeated). Raises ``ShapeError`` if ``reflect`` needs more
    rows or columns than there are.
    """

    formula: ClassVar[str] = r"y = x \;\text{with a border of constants or of values of}\; x"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \sum \delta \;\text{of all copies of}\; x",
    }

    mode: Literal["constant", "edge", "reflect"] = "constant"
    value: float = 0.0

    def out_shape(self, in_shape: Shape) -> Shape:
        found = super().out_shape(in_shape)
        top, bottom, left, right = self.sides()
        for length, most in ((in_shape[1], max(top, bottom)), (in_shape[2], max(left, right))):
            if self.mode == "reflect" and most >= length:
                raise ShapeError(
                    f"reflect can add {length - 1} to a side of length {length}, not {most}",
                    ("padding",),
                )
        return found

    def _sources(self, in_shape: Shape) -> tuple[Array, Array]:
        _, rows, columns, _ = self.border()
        return (
            sources(in_shape[1], *rows, self.mode),
            sources(in_shape[2], *columns, self.mode),
        )

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        if self.mode == "constant":
            return np.pad(x, self.border(), constant_values=self.value), x.shape
        rows, columns = self._sources(x.shape)
        return np.ascontiguousarray(x[:, rows][:, :, columns]), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        if self.mode == "constant":
            return self.inside(dy, cache), {}
        rows, columns = self._sources(cache)
        by_row = collected(dy, rows, cache[1], 1)
        return np.ascontiguousarray(collected(by_row, columns, cache[2], 2)), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(padding=1, value=0.5), (2, 2, 3)),
            Example(cls(padding=(1, 0, 2, 3), mode="edge"), (2, 2, 2)),
            Example(cls(padding=(2, 1), mode="reflect"), (1, 3, 2), batch=1),
        ]

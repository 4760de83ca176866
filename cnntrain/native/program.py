"""Calls of kernels noted once, and made again without Python between them.

While a ``Recorder`` is at work, every kernel runs as usual and is noted with the addresses of its
arrays. New arrays come from its arena, which hands a block out again as soon as nothing refers to
the array in it; so the calls, made again in the same order, never overwrite what a later one reads.
"""

import importlib
import math
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from cnntrain.types import Array, Shape

LINE = 64  # bytes of a cache line
WASTE = 4  # times the memory that an array needs

Program = bytes  # noted calls, one after the other


class Block(NamedTuple):
    """Memory and its address. No ndarray: an array in it is then itself the base of its views, and
    lives as long as they do."""

    memory: bytearray
    start: int


class Arena:
    """Blocks of memory for the arrays of a program."""

    def __init__(self, blocks: Sequence[Block] = ()) -> None:
        self._free: list[Block] = list(blocks)
        self.blocks: list[Block] = list(blocks)  # all of them

    def anew(self) -> "Arena":
        """The same memory, all of it free: whoever uses it destroys what the arrays hold."""
        return Arena(self.blocks)

    @property
    def nbytes(self) -> int:
        """The memory that it holds."""
        return sum(len(block.memory) for block in self.blocks)

    def empty(self, shape: Shape, dtype: "np.dtype[Any]") -> Array:
        """A new array, on a cache line, in the smallest free block that holds it."""
        block = self._block_of(math.prod(shape) * dtype.itemsize + LINE)
        array: Array = np.ndarray(shape, dtype, block.memory, -block.start % LINE)
        weakref.finalize(array, self._free.append, block).atexit = False
        return array

    def holds(self, array: Array) -> bool:
        """Whether the memory of an array is in one of the blocks."""
        at = array.ctypes.data
        return any(block.start <= at < block.start + len(block.memory) for block in self.blocks)

    def _block_of(self, size: int) -> Block:
        """A free block not wastefully larger, lest a few numbers occupy the place of a map."""
        sizes = {k: len(block.memory) for k, block in enumerate(self._free)}
        fitting = [k for k, held in sizes.items() if size <= held <= WASTE * size]
        if fitting:
            return self._free.pop(min(reversed(fitting), key=sizes.__getitem__))
        memory = bytearray(size)
        block = Block(memory, np.frombuffer(memory, np.uint8).ctypes.data)
        self.blocks.append(block)
        return block


class Recorder:
    """Notes calls of kernels, in parts, each of which becomes a program."""

    def __init__(self, arena: Arena | None = None) -> None:
        self.arena = arena or Arena()
        self._parts: list[list[Program]] = [[]]
        self._kept: list[Any] = []  # arrays that are not in the arena, such as weights
        self.layer = 0  # that is at work now
        self.rows: Array | None = None  # numbers of the samples that are gathered, if they are
        self.stored: Array | None = None  # those samples, if others will lie elsewhere
        self.given: Array | None = None  # targets that the losses are asked about
        self.targets: list[Array] = []  # copies of them, if the losses read them as they are
        self.costs: list[tuple[Array, float]] = []  # Σ cost of every loss, and a factor
        self.streams: list[tuple[int, Array]] = []  # random streams, by layer: drawn anew each time

    @property
    def programs(self) -> tuple[Program, ...]:
        """The calls of every part."""
        return tuple(b"".join(part) for part in self._parts)

    @property
    def parts(self) -> int:
        """How many there are."""
        return len(self._parts)

    def begin_part(self) -> None:
        """What is noted from now on is another program."""
        self._parts.append([])

    def note_stream(self, stream: Array) -> None:
        """This array says which random numbers are drawn; another pass has other numbers."""
        self.streams.append((self.layer, stream))

    def note_stored(self, samples: Array) -> Array:
        """A copy of the samples that a kernel gathers; another pass has others."""
        self.stored = np.array(samples, order="C")
        return self.stored

    def note_rows(self, rows: Array) -> Array:
        """A copy of the numbers of samples that a kernel gathers; another pass has others."""
        self.rows = np.array(rows, np.int64)
        return self.rows

    def note_targets(self, y: Array, dtype: "np.dtype[Any]") -> Array:
        """A copy of the targets that a loss reads; another pass has others."""
        copy: Array = np.array(y, dtype, order="C")
        if y is self.given:
            self.targets.append(copy)
        return copy

    @property
    def calls(self) -> int:
        """Of this part so far."""
        return len(self._parts[-1])

    def forget_from(self, call: int) -> None:
        """Drop the calls of this part from that number on."""
        del self._parts[-1][call:]

    def noting(self, kernel: Callable[..., None]) -> Callable[..., None]:
        """The same kernel; its calls are noted."""

        def run(*args: Any) -> None:
            kernel(*args)
            self._parts[-1].append(_kernels().noted(kernel, *args))
            arrays = (arg for arg in args if isinstance(arg, np.ndarray))
            self._kept += [array for array in arrays if not self.arena.holds(array)]

        return run


class _Active(threading.local):
    recorder: Recorder | None = None


_active = _Active()


def recorder() -> Recorder | None:
    """The one at work in this thread."""
    return _active.recorder


@contextmanager
def recording(by: Recorder | None) -> Iterator[None]:
    """Note the kernels that this thread calls; with None, do not."""
    before, _active.recorder = _active.recorder, by
    try:
        yield
    finally:
        _active.recorder = before


def run_programs(*rounds: Sequence[Program]) -> None:
    """Run the programs of a round side by side, each on a thread (``use_threads``); then those of
    the next round."""
    _kernels().run(tuple(map(tuple, rounds)))


@cache
def _kernels() -> Any:
    return importlib.import_module("cnntrain.native._kernels")

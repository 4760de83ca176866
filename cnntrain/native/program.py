"""Calls of kernels noted once, and made again without Python between them.

While a ``Recorder`` is at work, every kernel runs as usual and is noted with the addresses of its
arrays. New arrays come from its arena, which gives their memory to others as soon as nothing refers
to them; so the calls, made again in the same order, never overwrite what a later one reads.
"""

import bisect
import importlib
import math
import mmap
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import numpy as np

from cnntrain.types import Array, Shape

LINE = 64  # bytes of a cache line
LEAST_CHUNK = 1 << 16  # bytes

Program = bytes  # noted calls, one after the other


class Chunk:
    """A piece of memory, and the holes between the arrays in it: (start, end), in order.

    No ndarray: an array in it is then itself the base of its views, and lives as long as they do.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self.memory = memory
        self.address = np.frombuffer(memory, np.uint8).ctypes.data
        self.used = 0  # bytes up to the end of the last array that there has been
        self.holes = [(0, len(memory))]

    def take(self, hole: int, size: int) -> int:
        """The beginning of that hole, which is so much smaller now."""
        start, end = self.holes.pop(hole)
        if start + size < end:
            self.holes.insert(hole, (start + size, end))
        self._use(start + size)
        return start

    def _use(self, end: int) -> None:
        """Write to the pages up to there for the first time, in random order.

        One after the other, they would be neighbours in physical memory too, and the rows of maps
        that are 2^k bytes apart in a few sets of the second-level cache.
        """
        first, stop = (-(-place // mmap.PAGESIZE) for place in (self.used, end))
        if first < stop:
            pages = np.frombuffer(self.memory, np.uint8)[:: mmap.PAGESIZE]
            pages[first + np.random.default_rng(0).permutation(stop - first)] = 0
        self.used = max(self.used, end)

    def give(self, start: int, size: int) -> None:
        """A new hole, one with those beside it."""
        end = start + size
        at = bisect.bisect(self.holes, (start, end))
        if at < len(self.holes) and self.holes[at][0] == end:
            end = self.holes.pop(at)[1]
        if at and self.holes[at - 1][1] == start:
            at -= 1
            start = self.holes.pop(at)[0]
        self.holes.insert(at, (start, end))


def _memory(size: int) -> mmap.mmap:
    """Pages that take no memory until something is written; small ones, as rows of maps in large
    ones share sets of a cache."""
    try:
        memory = mmap.mmap(-1, size, access=mmap.ACCESS_COPY)  # a child has its own
    except OSError as error:
        raise MemoryError(f"{size} bytes for the arrays of a pass") from error
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory


class Arena:
    """Memory for the arrays of a program: the less of it, the more of it stays in the caches."""

    def __init__(self, chunks: Sequence[Chunk] = ()) -> None:
        self.chunks = list(chunks)
        self._returned: list[tuple[Chunk, int, int]] = []  # by arrays that are no more

    def anew(self) -> "Arena":
        """The same memory, all of it free: whoever uses it destroys what the arrays hold."""
        return Arena([Chunk(chunk.memory) for chunk in self.chunks])

    @property
    def nbytes(self) -> int:
        """The memory that arrays have taken; the rest of a chunk is never touched."""
        return sum(chunk.used for chunk in self.chunks)

    def empty(self, shape: Shape, dtype: "np.dtype[Any]") -> Array:
        """A new array, on a cache line, in the smallest hole that holds it."""
        while self._returned:  # by any thread, at any time
            chunk, *place = self._returned.pop()
            chunk.give(*place)
        # a line more, or maps of 2^k numbers would all begin at the same place of a page
        size = (math.prod(shape) * dtype.itemsize // LINE + 2) * LINE
        chunk, hole = self._hole_of(size)
        start = chunk.take(hole, size)
        array: Array = np.ndarray(shape, dtype, chunk.memory, start)
        weakref.finalize(array, self._returned.append, (chunk, start, size)).atexit = False
        return array

    def holds(self, array: Array) -> bool:
        """Whether the memory of an array is in one of the chunks."""
        at = array.ctypes.data
        return any(0 <= at - chunk.address < len(chunk.memory) for chunk in self.chunks)

    def _hole_of(self, size: int) -> tuple[Chunk, int]:
        fitting = [
            (end - start, k, hole)
            for k, chunk in enumerate(self.chunks)
            for hole, (start, end) in enumerate(chunk.holes)
            if end - start >= size
        ]
        if fitting:
            _, k, hole = min(fitting)
            return self.chunks[k], hole
        held = sum(len(chunk.memory) for chunk in self.chunks)
        self.chunks.append(Chunk(_memory(max(LEAST_CHUNK, held, size))))
        return self.chunks[-1], 0


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

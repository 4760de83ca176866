"""Forward passes for evaluation and prediction: recorded ones, once these are proved equal.

As in ``passes``: the first pass of a size is noted while it is made, with the second the noted
calls must give the same bits, and from the third on they stand alone.
"""

from collections.abc import Hashable, Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np

from cnntrain.layers import alone
from cnntrain.native import Program, Recorder, current, recording, run_programs
from cnntrain.network.network import Network, Pass, by_numpy
from cnntrain.network.recorded import Input, Inputs
from cnntrain.types import Array, Arrays

Batch = tuple[Inputs, Hashable]  # and what those have in common for which one pass is noted
MOST_SIZES = 4  # of batches, for which calls are kept


class Outputs(NamedTuple):
    """Of the last layer, and by their numbers of those that have losses of their own."""

    z: Array
    heads: dict[int, Array]


class Forwards:
    """Forward passes of a network whose weights stay as they are, from any number of threads.

    ``often``: whether it pays to record them.
    """

    def __init__(self, network: Network, params: Arrays, often: bool = True) -> None:
        self._network, self._params = network, params
        self.is_recorded = often and current().can_note and not by_numpy(network)
        self._idle: dict[Hashable, list[RecordedForward]] = {}
        self._lock = Lock()

    def outputs(self, *batches: Batch) -> list[Outputs]:
        """Of batches that run side by side."""
        if not self.is_recorded:
            with np.errstate(all="ignore"):  # what overflows is found in the outputs
                return [plain(self._network, self._params, samples) for samples, _ in batches]
        passes = [self._taken(key) for _, key in batches]
        found = _side_by_side(passes, [samples for samples, _ in batches])
        with self._lock:
            for one, (_, key) in zip(passes, batches, strict=True):
                self._idle.setdefault(key, []).append(one)
        return found

    def _taken(self, key: Hashable) -> "RecordedForward":
        with self._lock:
            if idle := self._idle.get(key):
                return idle.pop()
            if len(self._idle) >= MOST_SIZES:
                self._idle.clear()
        return RecordedForward(self._network, self._params)


def plain(network: Network, params: Arrays, samples: Inputs) -> Outputs:
    """The outputs of a pass in Python."""
    return _passed(network, params, samples.load()[0])


def _passed(network: Network, params: Arrays, x: Array) -> Outputs:
    z, caches = alone(network.forward_steps(params, x, Pass()))
    return Outputs(z, caches.heads)


class RecordedForward:
    """The forward pass of a certain number of samples; its arrays keep their places."""

    def __init__(self, network: Network, params: Arrays) -> None:
        self._network, self._params = network, params
        self._recorder = Recorder()
        self._input = Input(self._recorder)
        self._program: Program = b""
        self._places: Outputs | None = None  # None: not yet noted
        self.is_proved: bool | None = None  # None: not yet compared

    def outputs(self, samples: Inputs) -> Outputs:
        """Of a pass that is noted, or compared with the noted one."""
        if self._places is None:
            x, _ = self._input.read(samples)
            with recording(self._recorder):
                self._places = _passed(self._network, self._params, x)
            (self._program,) = self._recorder.programs
            return _copied(self._places)
        expected = plain(self._network, self._params, samples)
        if self.is_proved is None:
            run_programs([self.begin(samples)])
            self.is_proved = _same(self.end(), expected)
        return expected

    def begin(self, samples: Inputs) -> Program:
        """The calls that work on these samples."""
        self._input.renew(samples)
        return self._program

    def end(self) -> Outputs:
        """What these calls have left behind."""
        assert self._places is not None
        return _copied(self._places)


def _side_by_side(passes: Sequence[RecordedForward], batches: Sequence[Inputs]) -> list[Outputs]:
    if not all(one.is_proved for one in passes):
        with np.errstate(all="ignore"):
            return [one.outputs(samples) for one, samples in zip(passes, batches, strict=True)]
    run_programs([one.begin(samples) for one, samples in zip(passes, batches, strict=True)])
    return [one.end() for one in passes]


def _copied(outputs: Outputs) -> Outputs:
    return Outputs(outputs.z.copy(), {k: z.copy() for k, z in outputs.heads.items()})


def _same(a: Outputs, b: Outputs) -> bool:
    pairs = [(a.z, b.z), *((z, b.heads[k]) for k, z in a.heads.items())]
    return all(one.tobytes() == other.tobytes() for one, other in pairs)

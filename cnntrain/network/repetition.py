"""Recorded passes of all shards of a batch, made again and again, side by side."""

from collections.abc import Callable, Sequence

import numpy as np

from cnntrain.layers import BatchSums
from cnntrain.native import Program, Recorder, recording, run_programs
from cnntrain.native.sums import put
from cnntrain.network.network import Pass
from cnntrain.network.objective import Outcome
from cnntrain.network.recorded import Exchange, RecordedPass, Samples
from cnntrain.ops.sums import added
from cnntrain.ops.tree_sum import pairwise_sum
from cnntrain.types import Arrays, Params

Add = Callable[[Sequence[BatchSums]], BatchSums]


class Repetition:
    """The programs of all shards, part by part. Where a part ends with sums, they are added up.

    If all shards are here (``is_whole``), that is noted too: the next part of every shard begins
    with it, and parts between which Python has nothing to do are one call.
    """

    def __init__(self, passes: Sequence[RecordedPass], is_whole: bool) -> None:
        self._passes, self._is_whole = passes, is_whole
        programs = [[one.program(part) for one in passes] for part in passes[0].parts]
        self.recorders = [Recorder() for _ in passes]  # of the sums over shards
        for part in passes[0].parts if is_whole else ():
            exchanges = self._exchanges(part)
            for k, exchange in enumerate(exchanges):
                before = _noted_sums(self.recorders[k], exchanges, exchange)
                programs[part + 1][k] = before + programs[part + 1][k]
        stops = [part for part in passes[0].parts if self._stops_after(part)]
        starts = [0, *(stop + 1 for stop in stops)]
        self._runs = [(programs[a : b + 1], b) for a, b in zip(starts, stops, strict=False)]

    def _stops_after(self, part: int) -> bool:
        """Whether Python has something to do before the next part."""
        if part == self._passes[0].parts[-1] or any(one.needs_python(part) for one in self._passes):
            return True
        return not self._is_whole and bool(self._exchanges(part))

    def _exchanges(self, part: int) -> list[Exchange]:
        return [found for one in self._passes if (found := one.exchange(part)) is not None]

    def outcomes(
        self,
        shards: Sequence[Samples],
        runs: Sequence[Pass],
        params: Arrays,
        add: Add,
        ready: Callable[[int, Params], object] | None = None,
    ) -> list[Outcome]:
        """Of other samples. ``ready`` is told the number of a shard and final gradients of it."""
        passes = self._passes
        for recorded, samples, run in zip(passes, shards, runs, strict=True):
            recorded.begin(samples, run)
        passes[0].renew_averages(params)  # what the others make of theirs is not read
        for rounds, part in self._runs:
            run_programs(*rounds)
            if not self._is_whole:
                self._add_up(part, add)
            for recorded, samples, run in zip(passes, shards, runs, strict=True):
                recorded.turn(part, samples.targets)
                if ready is not None and (grads := recorded.leaving(part)):
                    ready(run.shard, grads)
        buffers = passes[0].buffers()
        return [recorded.outcome(buffers) for recorded in passes]

    def _add_up(self, part: int, add: Add) -> None:
        exchanges = self._exchanges(part)
        if not exchanges:
            return
        total = add([exchange.own for exchange in exchanges])
        for exchange in exchanges:
            for name, place in exchange.total.items():
                np.copyto(place, total[name])


def _noted_sums(recorder: Recorder, exchanges: Sequence[Exchange], into: Exchange) -> Program:
    """The calls that give one shard the totals; numbers that are no arrays never change."""
    recorder.begin_part()
    with recording(recorder):
        for name, place in into.total.items():
            if isinstance(into.own[name], np.ndarray):
                put(place, pairwise_sum([each.own[name] for each in exchanges], added))
    return recorder.programs[-1]

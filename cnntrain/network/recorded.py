"""A training pass noted once and made again without Python: the calls of its kernels, in order.

The forward and the backward pass of a shard are programs (``native/program.py``), cut where the
shards of a batch exchange sums. Losses that prepare the targets stay in Python between them. What
no kernel does is not noted, so a recorded pass must be compared with a plain one before it is
relied on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import is_
from typing import Any, Protocol, TypeVar

import numpy as np

from cnntrain.layers import BatchSums, Context, Steps, within
from cnntrain.native import Program, Recorder, recording
from cnntrain.native.dropout import stream_of
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import (
    Objective,
    Outcome,
    forward_backward_steps,
    loss_and_delta,
)
from cnntrain.types import Array, Arrays, Params

T = TypeVar("T")
Leaves = Callable[[Params], bool]  # told final gradients; whether all that it was told leave now


class Inputs(Protocol):
    """What a pass reads: arrays, or, if a kernel gathers them, the numbers of stored samples."""

    def load(self) -> tuple[Array, Array]: ...
    @property
    def rows(self) -> Array: ...
    @property
    def stored(self) -> Array | None: ...  # samples that lie elsewhere each time


class Samples(Inputs, Protocol):
    """What a pass in training reads."""

    @property
    def targets(self) -> Array: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True)
class NotedPass(Pass):
    """A pass that tells the recorder which layer is at work."""

    recorder: Recorder | None = None

    def context(self, layer: int) -> Context:
        if self.recorder is not None:
            self.recorder.layer = layer
        return super().context(layer)


@dataclass(frozen=True)
class Exchange:
    """The sums of a shard at the end of a part, and those over all shards, for the next part."""

    own: BatchSums
    total: BatchSums


class Input:
    """Where the calls of a recorder find their samples: with every pass others."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._x: Array | None = None

    def read(self, samples: Inputs) -> tuple[Array, Array]:
        """Inputs and targets; inputs that no kernel has gathered get a place of their own."""
        with recording(self._recorder):
            x, y = samples.load()
        if self._recorder.rows is not None:
            return x, y
        self._x = np.array(x, order="C")
        return self._x, y

    def renew(self, samples: Inputs) -> None:
        """Put other samples in the place of the last ones."""
        recorder = self._recorder
        if self._x is not None:
            with np.errstate(all="ignore"):
                np.copyto(self._x, samples.load()[0])
        elif recorder.stored is not None and samples.stored is not None:
            np.copyto(recorder.stored, samples.stored)
        elif recorder.rows is not None:
            np.copyto(recorder.rows, samples.rows)


class RecordedPass:
    """The pass of one shard; its arrays keep their places, so that the calls can be repeated."""

    def __init__(self, network: Network, objective: Objective, with_losses: bool = True) -> None:
        self.network, self.objective = network, objective
        self.has_losses = with_losses  # as calls of kernels
        self._recorder = Recorder()
        self._input = Input(self._recorder)
        self._exchanges: dict[int, Exchange] = {}  # by the part that they end
        self._leaving: dict[int, Params] = {}  # gradients that are final, alike
        self._final: Params = {}  # those that have not yet left

    def record(
        self, samples: Samples, run: Pass, m: int, params: Arrays, ready: Leaves | None = None
    ) -> Steps[Outcome]:
        """``forward_backward_steps``, noted; where gradients leave, a part ends."""
        declared = self.network.params
        self._read = {n: W for n, W in params.items() if not declared[n].is_buffer}
        self._averages = {n: W.copy() for n, W in params.items() if declared[n].is_buffer}
        params = self._read | self._averages
        run = NotedPass(run.training, run.seed, run.step, run.shard, self._recorder)
        x, y = self._input.read(samples)
        self._z, caches = yield from self._noted(self.network.forward_steps(params, x, run))
        del x  # its memory is free for other arrays when no layer needs it any more
        self._heads, self._m, self._forward_parts = caches.heads, m, self._recorder.parts
        with recording(self._recorder):
            self._buffers = self.network.buffers(params, caches)
        delta, *rest = self._note_losses(y)
        heads = dict(zip(self._heads, rest, strict=True))
        told = None if ready is None else partial(self._note_leaving, ready)
        _, self._grads = yield from self._noted(
            self.network.backward_steps(params, caches, delta, head_deltas=heads, ready=told)
        )
        self._programs = self._recorder.programs
        return self.outcome(self.buffers())

    def _note_losses(self, y: Array) -> list[Array]:
        """δ at the output and the heads. Losses that prepare the targets stay in Python."""
        recorder, terms = self._recorder, len(self.objective.terms)
        before, recorder.given = recorder.calls, y
        with recording(recorder):
            self._total, deltas = self._losses(y)
        if self.has_losses and len(recorder.costs) == len(recorder.targets) == terms:
            return deltas
        self.has_losses = False
        recorder.forget_from(before)
        recorder.begin_part()
        self._deltas = [np.array(delta, order="C") for delta in deltas]
        return self._deltas

    def _losses(self, y: Array) -> tuple[float, list[Array]]:
        """Σ cost, and δ at the output and at the heads."""
        of = (self.objective, self._z, self._heads)
        total, delta, of_heads = loss_and_delta(*of, y, self._m)
        return total, [delta, *of_heads.values()]

    def _note_leaving(self, ready: Leaves, grads: Params) -> None:
        self._final |= grads
        if ready(grads):
            self._leaving[self._recorder.parts - 1], self._final = self._final, {}
            self._recorder.begin_part()

    def plainly(self, x: Array, y: Array, run: Pass, m: int, params: Arrays) -> Steps[Outcome]:
        """The same pass in Python, in the memory of the recorded one, which it destroys."""
        aside = Recorder(self._recorder.arena.anew())
        steps = forward_backward_steps(self.network, self.objective, params, x=x, y=y, run=run, m=m)
        return within(lambda: recording(aside), steps)

    def _noted(self, steps: Steps[T]) -> Steps[T]:
        """These steps, noted; every exchange of sums ends a part."""
        steps = within(lambda: recording(self._recorder), steps)
        total: Any = None
        while True:
            try:
                own = steps.send(total)
            except StopIteration as stop:
                result: T = stop.value
                return result
            found = yield own
            total = {name: np.array(value) for name, value in found.items()}
            self._exchanges[self._recorder.parts - 1] = Exchange(own, total)
            self._recorder.begin_part()

    @property
    def parts(self) -> range:
        """The numbers of its programs."""
        return range(len(self._programs))

    def reads(self, params: Arrays) -> bool:
        """Whether its calls read these very arrays; running averages are copied."""
        return all(map(is_, self._read.values(), map(params.get, self._read)))

    def program(self, part: int) -> Program:
        """The calls of one part."""
        return self._programs[part]

    def begin(self, samples: Samples, run: Pass) -> None:
        """Put other samples and other random numbers in the place of the last ones."""
        self._input.renew(samples)
        for place in self._recorder.targets if self.has_losses else ():
            np.copyto(place, samples.targets)
        for layer, stream in self._recorder.streams:
            np.copyto(stream, stream_of(run.context(layer).generator()))

    def renew_averages(self, params: Arrays) -> None:
        """Put these running averages in the place of the last ones."""
        for name, place in self._averages.items():
            np.copyto(place, params[name])

    def exchange(self, part: int) -> Exchange | None:
        """The sums that end a part, if any."""
        return self._exchanges.get(part)

    def leaving(self, part: int) -> Params:
        """The gradients that leave at the end of a part."""
        return self._leaving.get(part, {})

    def needs_python(self, part: int) -> bool:
        """Whether there is something to do in Python at the end of a part, beside exchanges."""
        return self._losses_follow(part) or part in self._leaving

    def _losses_follow(self, part: int) -> bool:
        return not self.has_losses and part == self._forward_parts - 1

    def turn(self, part: int, y: Array) -> None:
        """The losses that are worked out in Python, once the forward pass has been made."""
        if not self._losses_follow(part):
            return
        self._total, deltas = self._losses(y)
        for place, delta in zip(self._deltas, deltas, strict=True):
            np.copyto(place, delta)

    def buffers(self) -> Params:
        """Copies of the new running averages, which are those of all shards."""
        return {name: array.copy() for name, array in self._buffers.items()}

    def outcome(self, buffers: Params) -> Outcome:
        """What the programs have left in the arrays, which the next pass overwrites."""
        total = self._noted_total() if self.has_losses else self._total
        return Outcome(self._z, total, dict(self._grads), buffers, None)

    def _noted_total(self) -> float:
        """Σ cost of all losses, each with its weight, added up as the objective does."""
        objective, recorded = self.objective, self._recorder.costs
        costs = [factor * float(cost[0]) for cost, factor in recorded]
        terms = (objective.main, *objective.on_heads)
        return sum(term.weight * cost for term, cost in zip(terms, costs, strict=True))

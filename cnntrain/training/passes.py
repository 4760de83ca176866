"""The passes of a training: plain ones at first, then recorded ones, once these are proved equal.

The first batch of a size is recorded while it is trained; with the second, the recorded passes must
give the same bits as plain ones. So a layer that does something outside of its kernels costs speed,
never a wrong gradient.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from cnntrain.layers import BatchSums, Steps
from cnntrain.native import Engine, current
from cnntrain.network.network import Network, Pass, by_numpy
from cnntrain.network.objective import Objective, Outcome, forward_backward_steps
from cnntrain.network.recorded import RecordedPass, Samples
from cnntrain.network.repetition import Repetition
from cnntrain.types import Array, Arrays, Params

MOST_SHARDS = 8  # recorded passes keep the memory of all shards


class Together(Protocol):
    """How shards run side by side, here and, if samples are coupled, on other ranks."""

    def plain(self, passes: Sequence[Steps[Outcome]]) -> list[Outcome]:
        """The outcomes of passes in Python."""

    @property
    def has_all_shards(self) -> bool:
        """Whether there are none on other ranks."""

    def total(self, parts: Sequence[BatchSums]) -> BatchSums:
        """The sums over all shards."""

    def agreed(self, answers: Sequence[bool]) -> bool:
        """Whether the answer of every shard is yes."""


@dataclass(frozen=True)
class Batch:
    """What the passes of a batch of m samples have in common.

    ``leaves`` is told the number of a shard and gradients of it as soon as they are final; it says
    whether all that it was told leave now.
    """

    network: Network
    objective: Objective
    params: Arrays
    m: int
    leaves: Callable[[int, Params], bool] | None = None

    def plain(self, x: Array, y: Array, run: Pass) -> Steps[Outcome]:
        """The pass of one shard, in Python."""
        of = (self.network, self.objective, self.params)
        ready = self.leaves_of(run)
        return forward_backward_steps(*of, x=x, y=y, run=run, m=self.m, ready=ready)

    def leaves_of(self, run: Pass) -> Callable[[Params], bool] | None:
        """The same of one shard."""
        return None if self.leaves is None else partial(self.leaves, run.shard)


class Recorded:
    """The recorded passes of a batch of one size."""

    def __init__(self, batch: Batch, shards: int, with_losses: bool = True) -> None:
        of = (batch.network, batch.objective, with_losses)
        self.passes = [RecordedPass(*of) for _ in range(shards)]
        self.is_noted = False
        self.is_proved: bool | None = None  # None: not yet compared
        self.repetition: Repetition | None = None

    def fits(self, batch: Batch) -> bool:
        """Whether it is of this network, with these very arrays."""
        first = self.passes[0]
        same = first.network is batch.network and first.objective is batch.objective
        return same and first.reads(batch.params)

    def noted(
        self, batch: Batch, shards: Sequence[Samples], runs: Sequence[Pass], together: Together
    ) -> list[Outcome]:
        """The outcomes of plain passes, which are noted."""
        self.is_noted = True
        triples = zip(self.passes, shards, runs, strict=True)
        return together.plain(
            [
                one.record(shard, run, batch.m, batch.params, batch.leaves_of(run))
                for one, shard, run in triples
            ]
        )

    def proved(
        self, batch: Batch, shards: Sequence[Samples], runs: Sequence[Pass], together: Together
    ) -> list[Outcome]:
        """The outcomes of plain passes, after a look whether the recorded ones give the same."""
        self.repetition = Repetition(self.passes, together.has_all_shards)
        again = self.repetition.outcomes(shards, runs, batch.params, together.total)
        digests = list(map(_digest, again))  # of arrays that the plain passes overwrite
        triples = zip(self.passes, shards, runs, strict=True)
        expected = together.plain(
            [
                one.plainly(*s.load(), run=run, m=batch.m, params=batch.params)
                for one, s, run in triples
            ]
        )
        pairs = zip(digests, map(_digest, expected), strict=True)
        self.is_proved = together.agreed([a == b for a, b in pairs])
        return expected


class Passes:
    """Forward and backward passes of whole batches."""

    def __init__(self) -> None:
        self._recorded: dict[tuple[int, ...], Recorded] = {}  # by the sizes of batch and shards
        self._last: tuple[Network | None, Engine | None, bool] = (None, None, False)

    def can_record(self, network: Network, shards: int) -> bool:
        """``can_record``, with the answer for a network kept."""
        network_before, engine, answer = self._last
        if network is not network_before or current() is not engine:
            answer = can_record(network, 1)
            self._last = network, current(), answer
        return answer and shards <= MOST_SHARDS

    def outcomes(
        self, batch: Batch, shards: Sequence[Samples], runs: Sequence[Pass], together: Together
    ) -> list[Outcome]:
        """The outcome of every shard."""
        key = (batch.m, *map(len, shards))
        known = self._recorded.get(key)
        if known is None or (known.is_noted and not known.fits(batch)):
            self._recorded.pop(key, None)  # its memory is free before other passes are noted
            known = self._recorded[key] = Recorded(batch, len(shards))
        if not known.is_noted:
            return known.noted(batch, shards, runs, together)
        if known.is_proved is None:
            found = known.proved(batch, shards, runs, together)
            self._after_failure(key, known, batch)
            return found
        if known.is_proved and known.repetition is not None:
            of = (shards, runs, batch.params)
            return known.repetition.outcomes(*of, together.total, batch.leaves)
        return together.plain(
            [batch.plain(*s.load(), run=run) for s, run in zip(shards, runs, strict=True)]
        )

    def _after_failure(self, key: tuple[int, ...], known: Recorded, batch: Batch) -> None:
        """If a proof has failed: another, with the losses in Python, or none."""
        if known.is_proved:
            return
        if known.passes[0].has_losses:
            self._recorded[key] = Recorded(batch, len(known.passes), with_losses=False)
        else:
            known.passes = known.passes[:1]  # the memory of the others is free again
            known.repetition = None


def can_record(network: Network, shards: int) -> bool:
    """Whether compiled kernels do all the work of the layers, and there are not too many shards."""
    return current().can_note and shards <= MOST_SHARDS and not by_numpy(network)


def _digest(outcome: Outcome) -> bytes:
    """Of all its bits: the arrays themselves are overwritten by the next pass."""
    found = hashlib.sha256(np.float64(outcome.loss).tobytes())
    for name, array in [("z", outcome.z), *outcome.grads.items(), *outcome.buffers.items()]:
        found.update(name.encode())
        found.update(np.ascontiguousarray(array).data)
    return found.digest()

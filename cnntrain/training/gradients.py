"""The gradients of a batch: every rank runs its shards, and the tree adds up those of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import and_
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import numpy as np

from cnntrain.data.batches import Reading
from cnntrain.layers import BatchSums, Steps, alone, within
from cnntrain.metrics.sums import Sums, add_sums
from cnntrain.network.network import Pass
from cnntrain.network.objective import Outcome
from cnntrain.ops.tree_sum import pairwise_sum
from cnntrain.training.experiment import Experiment
from cnntrain.training.feed import Shard, dealt_groups, reading, shard_slices
from cnntrain.training.messenger import Departures, Messenger, add_gradients
from cnntrain.training.passes import MOST_SHARDS, Batch
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays, Params

T = TypeVar("T")


class ShardResult(NamedTuple):
    """What is summed over shards; the buffers are equal in all of them."""

    grads: Params
    buffers: Params
    sums: Sums


def gradients(
    experiment: Experiment,
    params: Arrays,
    indices: Array,
    step: int,
    workers: Workers,
    loaded: Mapping[int, Shard] = MappingProxyType({}),
) -> ShardResult:
    """∂C/∂W of every array, C the mean loss over the samples ``indices``, and the batch's sums.

    Each shard runs forward and backward on its own samples (``loaded``, or read when needed); the
    tree adds them up. The next call may use the same arrays again.
    """
    batch = Batch(experiment.fast_network, experiment.objective, params, len(indices))
    parts = shard_slices(experiment, len(indices))
    work = _Work(experiment, indices, step, workers, loaded, parts)
    if workers.messenger is not None and work.runs_at_once:
        return work.leaving_early(batch, workers.messenger)
    if batch.network.couples_samples:
        return pairwise_sum(work.coupled(batch), _add_shards)
    return workers.team.tree_sum(work.own(batch), len(work.parts), _add_shards)


@dataclass(frozen=True)
class _Work:
    """The shards of a batch, by number."""

    experiment: Experiment
    indices: Array
    step: int
    workers: Workers
    loaded: Mapping[int, Shard]
    parts: list[slice]  # the samples of every shard

    @property
    def runs_at_once(self) -> bool:
        """Whether no rank has so many shards that the gradients of all of them take much memory."""
        is_whole = self.experiment.plan.train.accumulate == 1
        return is_whole and self.workers.team.largest_share(len(self.parts)) <= MOST_SHARDS

    def leaving_early(self, batch: Batch, messenger: Messenger) -> ShardResult:
        """The sum over all ranks, to which gradients leave layer by layer, during the passes."""
        team, shards = self.workers.team, len(self.parts)
        own = team.share(shards)
        departures = Departures(messenger, own, shards)
        of = shards if batch.network.couples_samples else None
        leaving = replace(batch, leaves=departures.ready)
        found = list(self.results(leaving, own, is_last=True, of=of))
        grads = departures.total({k: each.grads for k, each in zip(own, found, strict=True)})
        light = (each._replace(grads={}) for each in found)
        total = team.tree_sum(light, shards, _add_shards)
        return total._replace(grads=team.spread(grads, shards))

    def own(self, batch: Batch) -> Iterator[ShardResult]:
        """The results of this rank's shards, in order; with ``accumulate``, some at a time."""
        own = self.workers.team.share(len(self.parts))
        each = -(-len(self.parts) // self.experiment.plan.train.accumulate)
        for start in range(0, len(own), each):
            yield from self.results(batch, own[start : start + each], is_last=len(own) <= each)

    def coupled(self, batch: Batch) -> Iterator[ShardResult]:
        """The sums of every group of shards; samples of a group have common statistics."""
        dealt = dealt_groups(self.experiment, batch.m)
        first, team = 0, self.workers.team
        for group in dealt:
            own = range(first, first + len(group))
            share = team.share(len(group))
            results = self.results(
                batch, own[share.start : share.stop], len(dealt) == 1, len(group)
            )
            total = team.tree_sum(results, len(group), _add_shards)
            batch = replace(batch, params={**batch.params, **total.buffers})
            first += len(group)
            yield total

    def results(
        self, batch: Batch, numbers: range, is_last: bool, of: int | None = None
    ) -> Iterator[ShardResult]:
        """The results of shards that run side by side, ``of`` so many on all ranks.

        Those of recorded passes are copied unless they are the last that are needed.
        """
        shards = [self._shard(k) for k in numbers]
        runs = [self._run(k) for k in numbers]
        if shards and self._can_record(batch, len(shards) if of is None else of):
            with np.errstate(all="ignore"):
                found = self._recorded(batch, shards, runs, of)
            yield from found if is_last else map(_copied, found)
            return
        steps = [
            silenced(_passed(self.experiment, batch, shard, run))
            for shard, run in zip(shards, runs, strict=True)
        ]
        if batch.network.couples_samples:
            yield from self.workers.together(steps, add_sums, of)
        else:
            yield from self.workers.results(lambda k: alone(steps[k - numbers.start]), numbers)

    def _can_record(self, batch: Batch, shards: int) -> bool:
        """Whether passes can be recorded: by all ranks that exchange sums, or by none."""
        is_shared = batch.network.couples_samples
        most = self.workers.team.largest_share(shards) if is_shared else shards
        return self.workers.passes.can_record(batch.network, most)

    def _shard(self, k: int) -> Reading:
        part = self.indices[self.parts[k]]
        return reading(self.experiment, part, self.step, k, self.loaded.get(k))

    def _run(self, k: int) -> Pass:
        return Pass(training=True, seed=self.experiment.plan.seed, step=self.step, shard=k)

    def _recorded(
        self, batch: Batch, shards: Sequence[Reading], runs: Sequence[Pass], of: int | None
    ) -> list[ShardResult]:
        together = SideBySide(self.workers, of)
        outcomes = self.workers.passes.outcomes(batch, shards, runs, together)
        return [
            _result(self.experiment, out, shard.targets)
            for out, shard in zip(outcomes, shards, strict=True)
        ]


@dataclass(frozen=True)
class SideBySide:
    """Shards that run side by side, with ``of`` on all ranks if these are coupled."""

    workers: Workers
    of: int | None

    def plain(self, passes: Sequence[Steps[Outcome]]) -> list[Outcome]:
        """The outcomes of passes in Python."""
        return self.workers.together([silenced(steps) for steps in passes], add_sums, self.of)

    @property
    def has_all_shards(self) -> bool:
        """Whether there are none on other ranks."""
        return self.workers.team.size == 1

    def total(self, parts: Sequence[BatchSums]) -> BatchSums:
        """The sums over all shards."""
        shards = len(parts) if self.of is None else self.of
        return self.workers.team.tree_sum(iter(parts), shards, add_sums, for_all=False)

    def agreed(self, answers: Sequence[bool]) -> bool:
        """Whether the answer of every shard is yes."""
        if self.of is None:
            return all(answers)
        return self.workers.team.tree_sum(iter(answers), self.of, and_, for_all=False)


def _passed(experiment: Experiment, batch: Batch, shard: Reading, run: Pass) -> Steps[ShardResult]:
    x, y = shard.take()
    out = yield from batch.plain(x, y, run)
    return _result(experiment, out, y)


def _result(experiment: Experiment, out: Outcome, y: Array) -> ShardResult:
    return ShardResult(out.grads, out.buffers, experiment.sums(out.loss, out.z, y))


def _copied(result: ShardResult) -> ShardResult:
    return result._replace(grads={name: grad.copy() for name, grad in result.grads.items()})


def silenced(steps: Steps[T]) -> Steps[T]:
    """Steps without overflow warnings: an overflow is found in the sums, and located.

    Warning filters belong to a thread, and steps may change threads where they yield.
    """
    return within(lambda: np.errstate(all="ignore"), steps)


def _add_shards(a: ShardResult, b: ShardResult) -> ShardResult:
    return ShardResult(add_gradients(a.grads, b.grads), a.buffers, add_sums(a.sums, b.sums))

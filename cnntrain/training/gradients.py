"""The gradients of a batch: every rank runs its shards, and the tree adds up those of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from cnntrain.layers import Steps, alone, within
from cnntrain.metrics.sums import Sums, add_sums
from cnntrain.network.network import Pass
from cnntrain.network.objective import Outcome
from cnntrain.training.experiment import Experiment
from cnntrain.training.feed import Reading, Shard, dealt_groups, shard_slices
from cnntrain.training.passes import Batch
from cnntrain.training.tree_sum import pairwise_sum
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
    work = _Work(experiment, indices, step, workers, loaded)
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

    @cached_property
    def parts(self) -> list[slice]:
        """The samples of every shard."""
        return shard_slices(self.experiment, len(self.indices))

    def own(self, batch: Batch) -> Iterator[ShardResult]:
        """The results of this rank's shards, in order; with ``accumulate``, some at a time."""
        own = self.workers.team.share(len(self.parts))
        each = -(-len(self.parts) // self.experiment.plan.train.accumulate)
        for start in range(0, len(own), each):
            yield from self._results(batch, own[start : start + each], is_last=len(own) <= each)

    def coupled(self, batch: Batch) -> Iterator[ShardResult]:
        """The sums of every group of shards; samples of a group have common statistics."""
        dealt = dealt_groups(self.experiment, batch.m)
        first, team = 0, self.workers.team
        for group in dealt:
            own = range(first, first + len(group))
            share = team.share(len(group))
            results = self._results(
                batch, own[share.start : share.stop], len(dealt) == 1, len(group)
            )
            total = team.tree_sum(results, len(group), _add_shards)
            batch = replace(batch, params={**batch.params, **total.buffers})
            first += len(group)
            yield total

    def _results(
        self, batch: Batch, numbers: range, is_last: bool, of: int | None = None
    ) -> Iterator[ShardResult]:
        """The results of shards that run side by side, ``of`` so many on all ranks.

        Those of recorded passes are copied unless they are the last that are needed.
        """
        shards = [self._shard(k) for k in numbers]
        runs = [self._run(k) for k in numbers]
        if self._can_record(batch, len(numbers)):
            with np.errstate(all="ignore"):
                found = self._recorded(batch, shards, runs)
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
        """Recorded passes exchange sums within a process."""
        is_shared = batch.network.couples_samples and self.workers.team.size > 1
        can = self.workers.passes.can_record(batch.network, shards)
        return shards > 0 and can and not is_shared

    def _shard(self, k: int) -> Reading:
        part = self.indices[self.parts[k]]
        return Reading(self.experiment, part, self.step, k, self.loaded.get(k))

    def _run(self, k: int) -> Pass:
        return Pass(training=True, seed=self.experiment.plan.seed, step=self.step, shard=k)

    def _recorded(
        self, batch: Batch, shards: Sequence[Reading], runs: Sequence[Pass]
    ) -> list[ShardResult]:
        def together(passes: Sequence[Any]) -> list[Any]:
            return self.workers.together([silenced(steps) for steps in passes], add_sums)

        outcomes = self.workers.passes.outcomes(batch, shards, runs, together)
        return [
            _result(self.experiment, out, shard.targets)
            for out, shard in zip(outcomes, shards, strict=True)
        ]


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
    for name, grad in a.grads.items():
        grad += b.grads[name]
    return ShardResult(a.grads, a.buffers, add_sums(a.sums, b.sums))

"""The samples of each step, and their arrays, prepared one step ahead."""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Self

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.data import batches
from cnntrain.data.batches import Reading, epoch_order, part_of_order
from cnntrain.data.by_index import ByIndex
from cnntrain.optimizers.schedules import Clock
from cnntrain.rng import Purpose, stream
from cnntrain.training.experiment import Experiment
from cnntrain.training.team import ALONE, Team
from cnntrain.types import Array

Shard = tuple[Array, Array]  # inputs and targets, batch last
Loaded = dict[int, Shard]  # by number
MOST_AHEAD = 1024  # samples per step: larger batches are read shard by shard, to bound memory


@lru_cache(maxsize=2)
def _epoch_order(samples: int, seed: int, epoch: int, shuffle: bool) -> Array:
    return epoch_order(samples, seed, epoch, shuffle)


def batch_indices(plan: Plan, samples: int, step: int, clock: Clock) -> Array:
    """The training samples of ``step`` (from 0)."""
    size = plan.train.samples_per_step(samples)
    epoch, batch = divmod(step, clock.steps_per_epoch)
    shuffle = plan.train.shuffle and plan.train.mode != "batch"
    places = slice(batch * size, (batch + 1) * size)
    if samples <= batches.MOST_LISTED:
        return _epoch_order(samples, plan.seed, epoch, shuffle)[places]
    if not shuffle:
        return np.arange(*places.indices(samples))
    return part_of_order(samples, plan.seed, epoch, places)


def shard_slices(experiment: Experiment, samples: int) -> list[slice]:
    """How a batch of ``samples`` samples is cut."""
    return [part for group in experiment.shard_groups(samples) for part in group]


def own_shards(experiment: Experiment, samples: int, team: Team) -> list[int]:
    """The numbers of the shards of this rank."""
    found, first = [], 0
    for group in dealt_groups(experiment, samples):
        found += [first + k for k in team.share(len(group))]
        first += len(group)
    return found


def dealt_groups(experiment: Experiment, samples: int) -> list[list[slice]]:
    """What is dealt to the ranks: the whole batch, or, if samples are coupled, group by group."""
    found = experiment.shard_groups(samples)
    if experiment.network.couples_samples:
        return found
    return [[part for group in found for part in group]]


def load_shard(experiment: Experiment, indices: Array, step: int, k: int) -> Shard:
    """The k-th shard of a batch: gathered, augmented, normalized, with the batch axis last."""
    part = indices[shard_slices(experiment, len(indices))[k]]
    return reading(experiment, part, step, k).take()


def reading(
    experiment: Experiment, part: Array, step: int, k: int, ready: Shard | None = None
) -> Reading:
    """The samples ``part`` as the k-th shard of a step; ``ready`` if they have been loaded."""
    draw = partial(stream, experiment.plan.seed, Purpose.AUGMENT, step, k)
    return Reading(experiment.batches("train"), part, draw, ready)


def is_slow_to_load(experiment: Experiment) -> bool:
    """Whether a batch takes long enough to be worth a thread: augmented, or read from disk.

    Measured: handing a plain batch from one thread to another costs more than the 0.04-0.08 ms of
    gathering it.
    """
    from_disk = isinstance(experiment.data.train.stored, ByIndex)
    return bool(experiment.plan.data.augment) or from_disk


class Feed:
    """Loads the shards of the next step in a background thread while the current one is trained,
    where that pays.

    The result does not depend on timing: every draw is keyed by step and shard.
    """

    def __init__(self, experiment: Experiment, clock: Clock, team: Team = ALONE) -> None:
        self.experiment, self.clock, self.team = experiment, clock, team
        self.samples = len(experiment.data.train)
        batch = experiment.plan.train.samples_per_step(self.samples)
        self._ahead = batch <= MOST_AHEAD and is_slow_to_load(experiment)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._next: tuple[int, Future[Loaded]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def indices(self, step: int) -> Array:
        """The training samples of ``step``."""
        return batch_indices(self.experiment.plan, self.samples, step, self.clock)

    def take(self, step: int) -> Loaded | None:
        """This rank's shards of a step; None if each is better loaded when it is needed."""
        if not self._ahead:
            return None
        ready = self._next
        now = ready[1] if ready and ready[0] == step else self._pool.submit(self._load, step)
        following = step + 1
        if following < self.clock.total_steps:
            self._next = (following, self._pool.submit(self._load, following))
        return now.result()

    def _load(self, step: int) -> Loaded:
        indices = self.indices(step)
        own = own_shards(self.experiment, len(indices), self.team)
        return {k: load_shard(self.experiment, indices, step, k) for k in own}

"""A plan with its network and its data: what is trained, evaluated and measured."""

import math
from dataclasses import dataclass
from functools import cached_property

from cnntrain.config.plan import Plan
from cnntrain.data.batches import Batches
from cnntrain.data.locate import Find
from cnntrain.data.prepare import Prepared, SplitName
from cnntrain.metrics.base import Metric, metric_values
from cnntrain.metrics.sums import Sums, Task, batch_sums, detail_sums
from cnntrain.network.fuse import fast
from cnntrain.network.network import Network
from cnntrain.network.objective import LossTerm, Objective, Penalty
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.memory import (
    TrainingBytes,
    check_parameters,
    check_training_memory,
    training_bytes,
)
from cnntrain.training.shards import groups
from cnntrain.types import Array, Shape


@dataclass(frozen=True)
class Experiment:
    """A plan with its network and its data."""

    plan: Plan
    network: Network
    data: Prepared
    losses: tuple[LossTerm, ...] | None = None  # fitted before, as stored in a checkpoint

    @cached_property
    def fast_network(self) -> Network:
        """The network in the order that is cheapest to train and evaluate; the same function."""
        return fast(self.network)

    @cached_property
    def training_bytes(self) -> TrainingBytes:
        """The memory of a training step, measured once by running a shard on zeros."""
        return training_bytes(self.plan, self.network, len(self.data.train))

    def check_memory(self) -> None:
        """Refuse a training that does not fit into this machine's memory."""
        samples = len(self.data.train)
        check_training_memory(self.plan, self.network, samples, self.training_bytes.total)

    @cached_property
    def objective(self) -> Objective:
        """The losses, fitted to the training targets."""
        if self.losses is not None:
            return Objective(self.losses)
        classes = None if self.data.classes is None else self.network.out_shape[0]
        named = Objective(self.plan.loss).named(self.data.classes)
        return named.fitted(self.data.train.y, classes)

    @cached_property
    def penalty(self) -> Penalty:
        """λ/m of the penalties, m the number of training samples."""
        m = len(self.data.train)
        return Penalty(self.plan.train.l2 / m, self.plan.train.l1 / m)

    @cached_property
    def task(self) -> Task:
        """What the targets are: 0 and 1 are no and yes if the loss takes them for that."""
        if self.data.classes is not None:
            return "classes"
        decides = Objective(self.plan.loss).main.loss.single_output_is_yes
        whole = all(((split.y == 0) | (split.y == 1)).all() for split in self.data.splits.values())
        return "yes_no" if decides and whole else "numbers"

    @cached_property
    def chosen(self) -> tuple[Metric, ...]:
        """The metrics beside loss and accuracy (or MAE and RMSE): the usual and the chosen ones."""
        fitting = [metric for metric in self.plan.metrics if self.allows(metric)]
        names = {metric.name for metric in fitting}
        usual = [metric for metric in self._usual() if metric.name not in names]
        return (*usual, *fitting)

    def allows(self, metric: Metric) -> bool:
        """Whether a metric fits the task, and the number of classes."""
        many = self.task == "classes" and self.network.out_shape[0] > 2
        return metric.suits(self.task) and not (metric.two_classes and many)

    def _usual(self) -> list[Metric]:
        shape, loss = self.network.out_shape, self.objective.main.loss
        if self.task == "numbers" or not loss.single_output_is_yes:
            return []
        kinds = [kind() for kind in Metric.kinds.values() if kind.usual and kind.is_usual(shape)]
        return [metric for metric in kinds if self.allows(metric)]

    @property
    def label_names(self) -> tuple[str, ...]:
        """Of labels that hold or not: the names of their columns, or else numbers."""
        count, names = self.network.out_shape[0], self.data.schema.targets
        if len(names) == count:
            return names
        return tuple(str(k) for k in range(count))

    def sums(
        self,
        loss: float,
        z: Array,
        y: Array,
        detail: bool = False,
        exact: Array | None = None,
    ) -> Sums:
        """The sums of one shard, including those that its metrics need, or an evaluation.

        ``exact``: real-valued targets as they are in the data, neither normalized nor rounded.
        """
        z, y = self._as_judged(z, y, exact)
        found = batch_sums(loss, z, y, self.task == "classes")
        for metric in self.chosen:
            found |= metric.sums(z, y)
        return found | (detail_sums(z, y, self.task == "classes") if detail else {})

    def _as_judged(self, z: Array, y: Array, exact: Array | None) -> tuple[Array, Array]:
        """Outputs and targets as metrics compare them: yes or no, or in the units of the data."""
        if self.task != "numbers":
            return z, y > 0.5 if self.task == "yes_no" else y
        normalizer = self.data.normalizer.of_targets
        if normalizer is None:
            return self.objective.main.loss.estimate(z), y if exact is None else exact
        return normalizer.undo(z), normalizer.undo(y) if exact is None else exact

    def metrics(self, split: str, sums: Sums) -> dict[str, float]:
        """What the sums of a split mean: ``split/loss``, ``split/accuracy``, ..."""
        found = metric_values(sums, self.chosen)
        return {f"{split}/{name}": value for name, value in found.items()}

    @property
    def monitored(self) -> str:
        """The metric that decides which epoch is best."""
        return self.plan.train.monitored("val" in self.data.splits, self.task != "numbers")

    def shard_groups(self, samples: int) -> list[list[slice]]:
        """How a batch of so many samples is cut, in groups that run one after the other."""
        found = self._shard_groups.get(samples)
        if found is None:
            found = groups(self.network, samples, self.plan.train.accumulate)
            self._shard_groups[samples] = found
        return found

    @cached_property
    def _shard_groups(self) -> dict[int, list[list[slice]]]:
        return {}

    def batches(self, split: SplitName) -> Batches:
        """The batches of a split, in the form that the network reads."""
        found = self._batches.get(split)
        if found is None:
            found = self._batches[split] = self._batches_of(split)
        return found

    @cached_property
    def _batches(self) -> dict[SplitName, Batches]:
        return {}

    def _batches_of(self, split: SplitName) -> Batches:
        classes = None if self.data.classes is None else self.network.out_shape[0]
        return Batches(
            self.data.splits[split],
            self.data.normalizer,
            self.plan.numpy_dtype,
            self.plan.data.augment if split == "train" else (),
            classes,
        )


def build_network(plan: Plan, find: Find) -> Network:
    """The network for the plan's ``input``, or for the shape that the data's headers announce."""
    network = network_for(plan, plan.input or plan.data.source.sample_shape(find))
    check_parameters(plan, network)
    return network


def network_for(plan: Plan, sample_shape: Shape) -> Network:
    """The plan's network for samples of this shape, with the heads that its losses read."""
    heads = [term.output for term in plan.loss if term.output is not None]
    return Network.build(plan.network, sample_shape, heads)


def training_clock(plan: Plan, samples: int) -> Clock:
    """Steps per epoch and in total, for ``samples`` training samples."""
    per_epoch = math.ceil(samples / plan.train.samples_per_step(samples))
    epochs, max_steps = plan.train.epochs, plan.train.max_steps
    limits = [max_steps or math.inf, epochs * per_epoch if epochs else math.inf]
    return Clock(per_epoch, int(min(limits)))

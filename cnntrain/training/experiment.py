"""From a plan to an experiment: the network built, the data read, and both checked to match."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from cnntrain.config.plan import Plan
from cnntrain.data.batches import Batches
from cnntrain.data.dataset import Schema
from cnntrain.data.locate import Find
from cnntrain.data.normalize import Normalizer, fit_targets
from cnntrain.data.prepare import Prepared, SplitName, alone, prepare, with_test_split
from cnntrain.errors import ConfigError, Problems, ShapeError
from cnntrain.metrics.base import Metric, metric_values
from cnntrain.metrics.sums import Sums, Task, batch_sums, detail_sums
from cnntrain.network.graph import Node
from cnntrain.network.network import Network
from cnntrain.network.objective import LossTerm, Objective, Penalty
from cnntrain.network.reorder import reordered
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.memory import (
    TrainingBytes,
    check_parameters,
    check_training_memory,
    training_bytes,
)
from cnntrain.training.reading import Known, in_classes, read_dataset, with_classes
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
        return reordered(self.network)

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
        return found | (detail_sums(z, y) if detail else {})

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

    def batches(self, split: SplitName) -> Batches:
        """The batches of a split, in the form that the network reads."""
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


def open_experiment(
    plan: Plan,
    find: Find,
    normalizer: Normalizer | None = None,
    further: Callable[[Experiment, Problems], None] | None = None,
    schema: Schema | None = None,
) -> Experiment:
    """Build the network, read the data, check that they match; all mistakes are reported together.

    ``normalizer``: statistics fitted before, as stored in a checkpoint. ``further``: more checks,
    of what the experiment is opened for. ``schema``: what the data meant to the network when it was
    trained, by which names are matched.
    """
    network = build_network(plan, find)
    dataset = read_dataset(plan, find, schema)
    if dataset.sample_shape != network.in_shape:
        raise ShapeError(
            f"the data's samples have shape {dataset.sample_shape}, "
            f"but 'input' says {network.in_shape}",
            ("input",),
        )
    dataset = with_classes(plan, network, dataset)
    problems = Problems()
    _check_augmentations(plan, dataset.sample_shape, problems)
    with problems.gathered():
        check_losses_fit(plan, network, dataset.target_shape)
        check_outputs_fit_classes(plan, network, dataset.classes)
    with problems.gathered():
        fitted = normalizer or plan.data.normalize
        dataset = with_test_split(dataset, plan.data.test_split, plan.seed)
        prepared = prepare(dataset, plan.data.validation, fitted, plan.seed, plan.data.fold)
        prepared = _with_normalized_targets(plan, prepared)
        experiment = Experiment(plan, network, prepared)
        with problems.gathered():
            experiment.check_memory()
        if further is not None:
            further(experiment, problems)
    problems.check()
    _ = experiment.objective  # its losses are fitted here, before any folder is made
    return experiment


def open_split(
    plan: Plan, network: Network, find: Find, name: SplitName, known: Known
) -> Experiment:
    """One split with files of its own, to evaluate a trained network on; nothing else is read."""
    part = plan.data.source.load_as(known.schema, find, plan.seed, (name,))[name]
    if part.split.sample_shape != network.in_shape:
        raise ShapeError(
            f"samples have shape {part.split.sample_shape}, but the network takes "
            f"{network.in_shape}"
        )
    split = in_classes(part.split, known.schema, name)
    prepared = alone(name, split, known.schema, known.normalizer)
    return Experiment(plan, network, replace(prepared, notes=part.notes), known.losses)


def _with_normalized_targets(plan: Plan, prepared: Prepared) -> Prepared:
    """Fit the normalization of the targets, unless a fitted one came with that of the inputs."""
    if plan.data.normalize_targets == "none" or prepared.normalizer.of_targets is not None:
        return prepared
    if prepared.classes is not None:
        raise ConfigError(
            "the targets are classes, which have no scale; remove 'normalize_targets', or write "
            "the targets of a regression as decimal numbers (csv: name its columns in 'targets')",
            ("data", "normalize_targets"),
        )
    for term in plan.loss:
        if term.loss.takes_soft_labels or term.loss.single_output_is_yes:
            raise ConfigError(
                f"{term.loss.kind} needs targets from 0 to 1; remove 'normalize_targets', or use "
                "squared_error",
                ("data", "normalize_targets"),
            )
    normalizer = prepared.normalizer.with_targets(fit_targets(prepared.train))
    return replace(prepared, normalizer=normalizer)


def _check_augmentations(plan: Plan, sample_shape: Shape, problems: Problems) -> None:
    for k, augmentation in enumerate(plan.data.augment):
        with problems.gathered():
            try:
                augmentation.check(sample_shape)
            except ShapeError as error:
                raise ShapeError(str(error), ("data", "augment", k)) from None


def _losses_and_nodes(plan: Plan, network: Network) -> list[tuple[LossTerm, Node]]:
    """Every loss with the node whose output it reads."""
    objective = Objective(plan.loss)
    heads = (network.nodes[k] for k in network.heads)
    return [
        (objective.main, network.nodes[-1]),
        *zip(objective.on_heads, heads, strict=True),
    ]


def check_losses_fit(plan: Plan, network: Network, target_shape: Shape | None) -> None:
    """Every loss must match the output it reads, and must not be given a second softmax."""
    for term, node in _losses_and_nodes(plan, network):
        place = ("network", node.item)
        try:
            term.loss.check(node.out_shape, target_shape)
        except ShapeError as error:
            raise ShapeError(f"{node.name}: {error}", place) from None
        if node.layer.kind in term.loss.contains:
            raise ShapeError(
                f"{term.loss.kind} contains the {node.layer.kind} and takes what comes before "
                "it; remove this layer",
                place,
            )


def check_outputs_fit_classes(
    plan: Plan, network: Network, classes: tuple[str, ...] | None
) -> None:
    """Every output that a loss reads needs one unit per class, or a single one for two classes."""
    for term, node in _losses_and_nodes(plan, network) if classes is not None else ():
        units, needed = node.out_shape[0], len(classes or ())
        if units == needed or (units == 1 and needed == 2 and term.loss.single_output_is_yes):
            continue
        if units > needed:
            raise ShapeError(
                f"{node.name}: {units} outputs, but the data has {needed} classes; give it "
                f"{needed} units (or name all classes with 'class_names', if some do not occur)",
                ("network", node.item),
            )
        raise ShapeError(
            f"{node.name}: the data has {needed} classes, but this layer only {units} outputs; "
            f"give it {needed} units, or for a regression list the column under 'targets' (in "
            "arrays write 0.0, not 0)",
            ("network", node.item),
        )


def training_clock(plan: Plan, samples: int) -> Clock:
    """Steps per epoch and in total, for ``samples`` training samples."""
    per_epoch = math.ceil(samples / plan.train.samples_per_step(samples))
    epochs, max_steps = plan.train.epochs, plan.train.max_steps
    limits = [max_steps or math.inf, epochs * per_epoch if epochs else math.inf]
    return Clock(per_epoch, int(min(limits)))

"""From a plan to what can be run: the network laid out, the data read, both checked to fit."""

from dataclasses import dataclass
from functools import cached_property

from cnntrain.config.plan import Plan
from cnntrain.data.batches import Batches
from cnntrain.data.normalize import Normalizer
from cnntrain.data.prepare import Prepared, SplitName, prepare
from cnntrain.errors import DataError, ShapeError
from cnntrain.files import Find
from cnntrain.memory import check_parameters, check_training_memory
from cnntrain.metrics import Sums, batch_sums
from cnntrain.network import Network
from cnntrain.objective import Objective, Penalty
from cnntrain.scores import scored
from cnntrain.types import Array, Shape


@dataclass(frozen=True)
class Experiment:
    """A plan with its network and its data."""

    plan: Plan
    network: Network
    data: Prepared

    @cached_property
    def objective(self) -> Objective:
        """The losses, fitted to the training targets."""
        classes = None if self.data.classes is None else self.network.out_shape[0]
        return Objective(self.plan.loss).fitted(self.data.train.y, classes)

    @cached_property
    def penalty(self) -> Penalty:
        """λ/m of the penalties, m the number of training samples (seed 001)."""
        m = len(self.data.train)
        return Penalty(self.plan.train.l2 / m, self.plan.train.l1 / m)

    def sums(self, loss: float, z: Array, y: Array) -> Sums:
        """The sums of one shard, with those that the chosen metrics need."""
        found = batch_sums(loss, z, y, self.data.classes is not None)
        for score in self.plan.metrics:
            found |= score.sums(z, y)
        return found

    def figures(self, split: str, sums: Sums) -> dict[str, float]:
        """What the sums of a split mean: ``split/loss``, ``split/accuracy``, ..."""
        found = scored(sums, self.plan.metrics)
        return {f"{split}/{name}": value for name, value in found.items()}

    def batches(self, split: SplitName) -> Batches:
        """The batches of a split, as the network takes them."""
        classes = None if self.data.classes is None else max(self.network.out_shape[0], 2)
        return Batches(
            self.data.splits[split],
            self.data.normalizer,
            self.plan.numpy_dtype,
            self.plan.data.augment if split == "train" else (),
            classes,
        )


def build_network(plan: Plan, find: Find) -> Network:
    """The network for the plan's ``input``, or for the shape that the data's headers announce."""
    network = lay_out(plan, plan.input or plan.data.source.sample_shape(find))
    check_parameters(plan, network)
    return network


def lay_out(plan: Plan, sample_shape: Shape) -> Network:
    """The plan's network for samples of this shape, with the heads that its losses read."""
    heads = [term.output for term in plan.loss if term.output is not None]
    return Network.build(plan.network, sample_shape, heads)


def open_experiment(plan: Plan, find: Find, normalizer: Normalizer | None = None) -> Experiment:
    """Lay out the network, read the data, check that they fit.

    ``normalizer``: statistics already fitted, as a checkpoint keeps them.
    """
    network = build_network(plan, find)
    dataset = plan.data.source.load(find, plan.seed)
    if dataset.sample_shape != network.in_shape:
        raise ShapeError(
            f"the data's samples have shape {dataset.sample_shape}, "
            f"but 'input' says {network.in_shape}",
            ("input",),
        )
    for k, augmentation in enumerate(plan.data.augment):
        try:
            augmentation.check(dataset.sample_shape)
        except ShapeError as error:
            raise ShapeError(str(error), ("data", "augment", k)) from None
    check_loss(plan, network, dataset.target_shape)
    if dataset.classes is not None:
        _check_classes(network.out_shape, dataset.classes)
    fitted = normalizer or plan.data.normalize
    prepared = prepare(dataset, plan.data.validation, fitted, plan.seed, plan.data.fold)
    check_training_memory(plan, network, len(prepared.train))
    return Experiment(plan, network, prepared)


def check_loss(plan: Plan, network: Network, target_shape: Shape | None) -> None:
    """Every loss must fit the output it reads, and must not meet a second softmax."""
    objective = Objective(plan.loss)
    reads = [(objective.main, network.nodes[-1])]
    reads += zip(objective.on_heads, (network.nodes[k] for k in network.heads), strict=True)
    for term, node in reads:
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


def _check_classes(out_shape: Shape, classes: tuple[str, ...]) -> None:
    units = out_shape[0]
    if units < len(classes):
        raise DataError(
            f"the data has {len(classes)} classes, but the network only {units} outputs; "
            f"give its last layer {len(classes)} units"
        )

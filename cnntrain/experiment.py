"""From a plan to what can be run: the network laid out, the data read, both checked to fit."""

from dataclasses import dataclass

from cnntrain.config.plan import Plan
from cnntrain.data.batches import Batches
from cnntrain.data.normalize import Normalizer
from cnntrain.data.prepare import Prepared, SplitName, prepare
from cnntrain.errors import DataError, ShapeError
from cnntrain.files import Find
from cnntrain.network import Network
from cnntrain.types import Shape


@dataclass(frozen=True)
class Experiment:
    """A plan with its network and its data."""

    plan: Plan
    network: Network
    data: Prepared

    @property
    def decay(self) -> float:
        """λ/m of the penalty λ/2m Σ W², m the number of training samples (seed 001)."""
        return self.plan.train.l2 / len(self.data.train)

    def batches(self, split: SplitName) -> Batches:
        """The batches of a split, as the network takes them."""
        return Batches(self.data.splits[split], self.data.normalizer, self.plan.numpy_dtype)


def build_network(plan: Plan, find: Find) -> Network:
    """The network for the plan's ``input``, or for the shape that the data's headers announce."""
    return Network.build(plan.network, plan.input or plan.data.source.sample_shape(find))


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
    check_loss(plan, network, dataset.target_shape)
    if dataset.classes is not None:
        _check_classes(network.out_shape, dataset.classes)
    fitted = normalizer or plan.data.normalize
    return Experiment(plan, network, prepare(dataset, plan.data.validation, fitted, plan.seed))


def check_loss(plan: Plan, network: Network, target_shape: Shape | None) -> None:
    """The loss must fit the network's output, and must not meet a second softmax."""
    try:
        plan.loss.check(network.out_shape, target_shape)
    except ShapeError as error:
        raise ShapeError(f"{network.nodes[-1].name}: {error}", _last(network)) from None
    if plan.loss.kind == "cross_entropy" and network.nodes[-1].layer.kind == "softmax":
        raise ShapeError(
            "cross_entropy contains the softmax and takes logits; remove this layer",
            _last(network),
        )


def _last(network: Network) -> tuple[str, int]:
    return ("network", network.nodes[-1].item)


def _check_classes(out_shape: Shape, classes: tuple[str, ...]) -> None:
    units = out_shape[0]
    if units < len(classes):
        raise DataError(
            f"the data has {len(classes)} classes, but the network only {units} outputs; "
            f"give its last layer {len(classes)} units"
        )

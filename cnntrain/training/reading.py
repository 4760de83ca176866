"""The data of a plan, in the terms of the loss and of a network that was trained before."""

from dataclasses import dataclass, replace

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.data.dataset import Dataset, Schema, Split
from cnntrain.data.labels import are_whole, label_names, sorted_classes, to_codes
from cnntrain.data.locate import Find
from cnntrain.data.normalize import Normalizer
from cnntrain.network.network import Network
from cnntrain.network.objective import LossTerm, Objective


@dataclass(frozen=True)
class Known:
    """What a checkpoint knows about the data of its network."""

    schema: Schema
    normalizer: Normalizer
    losses: tuple[LossTerm, ...]


def with_classes(plan: Plan, network: Network, dataset: Dataset) -> Dataset:
    """Real-valued targets that are classes, if the loss takes them for that.

    Targets (N, K) that sum to 1 are shares of K classes; whole numbers alone, before several
    outputs, are labels.
    """
    shape, y = dataset.target_shape, dataset.train.y
    if shape is None or len(shape) != 1 or not Objective(plan.loss).main.loss.takes_soft_labels:
        return dataset
    if shape[0] == 1:
        return _with_labels(dataset) if network.out_shape[0] > 1 and are_whole(y) else dataset
    if (y < 0).any() or not np.allclose(y.sum(axis=1), 1, atol=1e-3):
        return dataset
    return replace(dataset, classes=tuple(str(k) for k in range(shape[0])))


def _with_labels(dataset: Dataset) -> Dataset:
    """Whole numbers (N, 1) as labels, named as they are written."""
    classes = sorted_classes(label_names(dataset.train.y[:, 0]), "the targets")
    splits = {
        name: split and in_classes(split, Schema(classes), f"the {name} targets")
        for name, split in (("train", dataset.train), ("test", dataset.test), ("val", dataset.val))
    }
    train = splits["train"]
    assert train is not None
    return replace(dataset, train=train, test=splits["test"], val=splits["val"], classes=classes)


def in_classes(split: Split, schema: Schema, where: str) -> Split:
    """Whole numbers (N, 1) as labels of the schema's classes; other targets as they are."""
    if schema.classes is None or split.y.ndim != 2 or split.y.shape[1] != 1:
        return split
    return replace(split, y=to_codes(label_names(split.y[:, 0]), schema.classes, where))


def read_dataset(plan: Plan, find: Find, schema: Schema | None) -> Dataset:
    """All splits; with ``schema``, in its terms."""
    source = plan.data.source
    if schema is None:
        return source.load(find, plan.seed)
    parts = source.load_as(schema, find, plan.seed)
    splits = {name: in_classes(part.split, schema, name) for name, part in parts.items()}
    notes = tuple(note for part in parts.values() for note in part.notes)
    return Dataset(
        splits["train"], splits.get("test"), schema.classes, splits.get("val"), schema, notes
    )

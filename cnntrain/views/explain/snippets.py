"""A snippet of a config for every kind, to paste: with all options that it needs."""

from dataclasses import MISSING, fields
from typing import Any

import yaml

from cnntrain.data import Source
from cnntrain.data.augment import Augmentation
from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.metrics import Metric
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Schedule
from cnntrain.registry import Registered, to_tree

FILES: dict[str, dict[str, Any]] = {
    "cifar10": {"train": ["data_batch_1.bin"]},
    "cifar100": {"train": ["train.bin"]},
    "csv": {"train": "train.csv", "label": "species"},
    "folder": {"train": "images/train", "mode": "gray"},
    "idx": {"train": {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}},
    "labelled_images": {"train": {"images": "images", "labels": "labels.csv"}, "mode": "gray"},
    "npz": {"train": "train.npz"},
    "parquet": {"train": "train.parquet"},
    "npy": {"train": {"inputs": "x.npy", "targets": "y.npy"}},
    "inline": {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0]},
    "synthetic": {"problem": "xor", "n": 200},
}
NEEDED: dict[tuple[str, str], dict[str, Any]] = {
    ("initializer", "constant"): {"value": 0.1},
    ("initializer", "literal"): {"values": [[0.1, -0.2], [0.3, 0.4]]},
    ("schedule", "step"): {"every_epochs": 2, "gamma": 0.5},
    ("schedule", "multistep"): {"at_epochs": [2, 4], "gamma": 0.1},
    ("schedule", "sigmoid"): {"gamma": 0.5, "center_steps": 10},
    ("schedule", "piecewise_linear"): {"points": [[0, 1.0], [5, 0.1]]},
}
ENDING: list[Any] = ["flatten", {"dense": {"units": 2}}]


def kind_snippet(member: type[Registered]) -> str:
    """YAML that uses this kind; nothing for a kind that only Python can use."""
    tree = _tree(member)
    if tree is None:
        return ""
    text: str = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None)
    return text.rstrip()


def _tree(member: type[Registered]) -> dict[str, Any] | None:
    if issubclass(member, Layer):
        return {"network": _network(member)}
    if issubclass(member, Loss):
        return {"loss": member.kind}
    if issubclass(member, Optimizer):
        return {"optimizer": {member.kind: {"lr": to_tree(member().lr)}}}
    if issubclass(member, Source):
        files = FILES.get(member.kind, {})
        return None if member.kind == "memory" else {"data": {"source": member.kind, **files}}
    chosen = _chosen(member)
    if issubclass(member, Metric):
        return {"metrics": [chosen]}
    if issubclass(member, Augmentation):
        return {"data": {"augment": [chosen]}}
    if issubclass(member, Schedule):
        return {"schedule": chosen}
    if member.kind == "bilinear":
        return {"network": [{"conv_transpose2d": {"filters": 1, "kernel": 4, "stride": 2,
                                                  "init": {"W": chosen}}}, *ENDING]}  # fmt: skip
    return {"network": [{"dense": {"units": 2, "init": {"W": chosen}}}]}


def _chosen(member: type[Registered]) -> Any:
    """The kind with the options that it needs, or its name alone."""
    options = NEEDED.get((member.family, member.kind))
    return {member.kind: options} if options else member.kind


def _network(member: type[Layer]) -> list[Any]:
    """The layer between the input and two outputs; before one that joins, two branches."""
    example = member.examples()[0]
    layer = _with_needed(example.layer)
    if not member.joins:
        return [layer, *ENDING]
    options = layer if isinstance(layer, dict) else {layer: {}}
    branches = [{"name": "left", "relu": {}}, {"name": "right", "from": "input", "tanh": {}}]
    return [*branches, {"from": ["left", "right"], **options}, *ENDING]


def _with_needed(layer: Layer) -> Any:
    """The layer as in a config, without the options that have their default."""
    tree = to_tree(layer)
    if not isinstance(tree, dict):
        return tree
    usual = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in fields(layer)  # type: ignore[arg-type]
    }
    ((kind, options),) = tree.items()
    needed = {k: v for k, v in options.items() if getattr(layer, k, None) != usual.get(k)}
    return {kind: needed} if needed else kind


def sample_shape(member: type[Layer]) -> tuple[int, ...]:
    """The shape of a sample that the snippet of a layer takes."""
    shape = member.examples()[0].in_shape
    return tuple(shape[0]) if member.joins else tuple(shape)

"""The plan of an imported network: with the data of a config, or with noise in their place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnntrain.config.overrides import override
from cnntrain.config.plan import Plan
from cnntrain.config.read import default_name, plan_from_tree
from cnntrain.data.dataset import Schema
from cnntrain.errors import DataError
from cnntrain.exchange.folder import SAMPLES
from cnntrain.exchange.onnx_in import Imported
from cnntrain.registry import listed, to_tree


def tree_of(found: Imported, path: Path, base: Mapping[str, Any] | None) -> dict[str, Any]:
    """The tree of its config. ``base``: that of a config whose data and training are used."""
    network = {"network": to_tree(found.items), "input": list(found.in_shape)}
    name = default_name(path)
    if base is None:
        data: dict[str, Any] = {"source": "npz", "train": SAMPLES}
        if (classes := classes_of(found)) is not None:
            data["class_names"] = list(classes)
        return {"name": name, "data": _normalized(data, found), **network, "loss": found.loss}
    return {**base, **network, "name": name, "data": _normalized(dict(base["data"]), found)}


def plan_of(tree: dict[str, Any], settings: Sequence[str]) -> Plan:
    """The plan, with ``--set`` overrides."""
    for setting in settings:
        override(tree, setting)
    return plan_from_tree(tree)


def _normalized(data: dict[str, Any], found: Imported) -> dict[str, Any]:
    """With the model's own normalization, if it has one."""
    return data if found.normalize is None else {**data, "normalize": found.normalize}


def classes_of(found: Imported) -> tuple[str, ...] | None:
    """The names of the classes, or numbers; None where the loss is of real-valued targets."""
    outputs = found.out_shape[0]
    if found.about.classes is not None:
        classes = found.about.classes
        if (outputs, len(classes)) != (1, 2) and outputs != len(classes):
            raise DataError(f"{outputs} outputs, but the classes {listed(classes)}")
        return classes
    if found.loss != "cross_entropy":
        return None
    return tuple(str(k) for k in range(outputs))


def schema_of(found: Imported) -> Schema:
    """What its numbers mean."""
    about = found.about
    return Schema(classes_of(found), about.features, about.targets, about.categories)

"""Sections and keys of the config: what they mean, their values, and a snippet to paste."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from cnntrain.config.plan import SECTIONS
from cnntrain.text import literal, wrapped
from cnntrain.views.explain.kinds import REQUIRED, Option, families, options_of
from cnntrain.views.languages import described, say

# A value of every key, as one would write it for a small classification.
EXAMPLES: dict[str, Any] = {
    "name": "my-run",
    "seed": 3,
    "dtype": "float64",
    "input": [2],
    "data": {"source": "synthetic", "problem": "xor", "n": 200, "validation": 0.2},
    "network": [{"dense": {"units": 8, "activation": "tanh"}}, {"dense": {"units": 2}}],
    "loss": "cross_entropy",
    "metrics": ["f1"],
    "optimizer": {"sgd": {"lr": 0.05, "momentum": 0.9}},
    "schedule": {"cosine": {"warmup_epochs": 1}},
    "train": {"mode": "mini-batch", "batch_size": 16, "epochs": 5},
    "log": {"stats": 10},
    "data.source": "synthetic",
    "data.validation": 0.2,
    "data.test_split": 0.2,
    "data.fold": "1/5",
    "data.normalize": "per_feature",
    "data.normalize_targets": "standardize",
    "data.augment": [{"gaussian_noise": {"std": 5}}],
    "train.mode": "batch",
    "train.batch_size": 16,
    "train.epochs": 5,
    "train.max_steps": 100,
    "train.l2": 5,
    "train.l1": 1,
    "train.clip": {"norm": 1},
    "train.max_norm": 3,
    "train.average": 0.99,
    "train.shuffle": False,
    "train.monitor": "train/loss",
    "train.checkpoint_steps": 50,
    "train.accumulate": 4,
    "train.stop": {"patience": 5, "minutes": 30},
    "train.stop.threshold": 1e-6,
    "train.stop.patience": 5,
    "train.stop.target": {"train/accuracy": 0.99},
    "train.stop.minutes": 30,
    "train.clip.value": 0.5,
    "train.clip.norm": 1,
    "log.stats": 10,
    "log.tensorboard": True,
}
MANY = {
    "schedule": "schedule",
    "optimizer": "optimizer",
    "loss": "loss",
    "metrics": "metric",
    "network": "layer",
    "data.source": "data source",
    "data.augment": "augmentation",
}


WIDTH = 96


@dataclass(frozen=True)
class Key:
    """A key by its path, such as ``train.l2``; ``keys``: those inside, of a section."""

    path: str
    text: str
    type: str
    default: Any
    keys: tuple[str, ...]
    snippet: str


def config_keys() -> Iterator[str]:
    """Every path: ``name``, ..., ``data``, ``data.source``, ..., ``train.stop.minutes``."""
    for section, spec in SECTIONS.items():
        for option in options_of(spec):
            yield f"{section}.{option.name}" if section else option.name


def find_key(path: str) -> Key | None:
    """The key of this path; None if there is none."""
    section, _, name = path.rpartition(".")
    if section not in SECTIONS:
        return None
    option = next((o for o in options_of(SECTIONS[section]) if o.name == name), None)
    if option is None:
        return None
    inner = SECTIONS.get(path)
    told = " ".join((inner.__doc__ or "").split()) if inner else option.text
    family = "" if told else _of_family(path)
    text = described(f"key {path}", told) + family
    keys = tuple(o.name for o in options_of(inner)) if inner else ()
    return Key(path, text, _type(path, option), option.default, keys, snippet(path))


def _type(path: str, option: Option) -> str:
    return say("explain.section") if path in SECTIONS else option.type


def _of_family(path: str) -> str:
    family = MANY.get(path, "")
    known = ", ".join(sorted(families()[family].kinds)) if family else ""
    return say("explain.kinds_of", family=family, known=known) if family else ""


def snippet(path: str) -> str:
    """The YAML that sets this key, from the top level down."""
    tree: Any = EXAMPLES[path]
    for name in reversed(path.split(".")):
        tree = {name: tree}
    text: str = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, allow_unicode=True)
    return text.rstrip()


def key_text(key: Key) -> str:
    """Everything about one key."""
    default = "" if key.keys else f", {say('explain.default')} {literal(key.default)}"
    default = f" ({say('explain.required')})" if key.default == REQUIRED else default
    parts = [f"{key.path}: {key.type}{default}", wrapped(key.text.replace("``", ""), WIDTH)]
    if key.keys:
        inside = ", ".join(f"{key.path}.{name}" for name in key.keys)
        parts.append(say("explain.keys", keys=inside))
    return "\n\n".join([*filter(None, parts), key.snippet])

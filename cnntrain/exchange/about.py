"""What the numbers of a model mean, as texts that other formats carry beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from cnntrain.config.read import frozen
from cnntrain.data.dataset import Schema
from cnntrain.data.normalize import Normalizer
from cnntrain.errors import DataError
from cnntrain.registry import Spec
from cnntrain.text import finite_json, json_text
from cnntrain.types import Array

PREFIX = "cnntrain."


@dataclass(frozen=True, kw_only=True)
class About(Spec):
    """Names of classes, features and targets; the kind of the loss; the normalization."""

    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loss: str | None = None
    normalize: Mapping[str, Any] | None = None

    @property
    def schema(self) -> Schema:
        """The names, as a data set has them."""
        return Schema(self.classes, self.features, self.targets, self.categories)

    def normalizer(self, where: str) -> Normalizer | None:
        """The normalization, if the model has one with it."""
        if self.normalize is None:
            return None
        try:
            return Normalizer(**{name: _numbers(v) for name, v in self.normalize.items()})
        except (TypeError, ValueError):
            raise DataError(f"{where}: the metadata '{PREFIX}normalize' is damaged") from None


def as_texts(schema: Schema, loss: str, normalizer: Normalizer | None = None) -> dict[str, str]:
    """The metadata of a file; what is empty is left out."""
    arrays = normalizer.arrays() if normalizer else {}
    about = {
        "classes": schema.classes,
        "features": schema.features,
        "targets": schema.targets,
        "categories": schema.categories,
        "loss": loss,
        "normalize": {name: array.tolist() for name, array in arrays.items()},
    }
    return {f"{PREFIX}{key}": json_text(value) for key, value in about.items() if value}


def from_texts(texts: Mapping[str, str], where: str) -> About:
    """Read the metadata of a file; what is not ours is left alone."""
    ours = {key: text for key, text in texts.items() if key.startswith(PREFIX)}
    try:
        tree = {key.removeprefix(PREFIX): finite_json(text) for key, text in ours.items()}
        return TypeAdapter(About).validate_python(frozen(tree))
    except (ValueError, ValidationError):
        raise DataError(
            f"{where}: its metadata that begins with '{PREFIX}' is damaged; export it again"
        ) from None


def _numbers(nested: Any) -> Array:
    array = np.array(nested, np.float64)
    if not np.isfinite(array).all():
        raise ValueError
    return array

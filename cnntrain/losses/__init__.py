"""Losses: the cost of a batch's outputs, and δ, its derivative by them."""

from cnntrain.losses.base import Loss
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = ["Loss"]

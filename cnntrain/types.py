"""Types shared by all modules.

Shape letters used throughout cnntrain (the batch axis is last, so a sample is a column):

    C H W N     channels, height, width of an activation; samples in the batch: (C, H, W, N)
    J K         units of the previous layer and of this layer: activations (J, N), weights (K, J)
    F KH KW     filters, kernel height and width: weights (F, C, KH, KW)
    OH OW       height and width of an output map: (F, OH, OW, N)

A shape without N describes one sample.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import numpy.typing as npt
from annotated_types import Ge, Gt, Lt

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Arrays: TypeAlias = Mapping[str, Array]  # read-only view of named arrays
Params: TypeAlias = dict[str, Array]

# Numbers with limits, enforced by the config reader and shown in the JSON Schema.
Count: TypeAlias = Annotated[int, Ge(1)]
Natural: TypeAlias = Annotated[int, Ge(0)]
Positive: TypeAlias = Annotated[float, Gt(0)]
NonNegative: TypeAlias = Annotated[float, Ge(0)]
Fraction: TypeAlias = Annotated[float, Ge(0), Lt(1)]

CountPair: TypeAlias = Count | tuple[Count, Count]  # one number for both, or (vertical, horizontal)
NaturalPair: TypeAlias = Natural | tuple[Natural, Natural]
Sides: TypeAlias = tuple[Natural, Natural, Natural, Natural]  # top, bottom, left, right
NaturalSides: TypeAlias = NaturalPair | Sides


def as_pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(vertical, horizontal) from an option that may be given as one number."""
    return (value, value) if isinstance(value, int) else value


def as_sides(value: "NaturalSides") -> tuple[int, int, int, int]:
    """(top, bottom, left, right) from one number, (vertical, horizontal), or all four."""
    if isinstance(value, tuple) and len(value) == 4:
        return value
    vertical, horizontal = as_pair(value)
    return vertical, vertical, horizontal, horizontal

"""Arrays that a program hands over; a file cannot name them."""

from dataclasses import dataclass

from cnntrain.data.dataset import Dataset
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source
from cnntrain.errors import DataError
from cnntrain.types import Shape


@dataclass(frozen=True, kw_only=True)
class Memory(Source, kind="memory"):
    """Arrays given from Python to ``CNNClassifier`` or ``CNNRegressor``. No options.

    A checkpoint of such a training predicts as any other; to evaluate it, hand over arrays again.
    """

    def sample_shape(self, find: Find) -> Shape:
        raise _not_stored()

    def load(self, find: Find, seed: int) -> Dataset:
        raise _not_stored()


def _not_stored() -> DataError:
    return DataError(
        "the data was given as arrays in Python and is not stored; evaluate with "
        "cnntrain.load(...).evaluate(x, y), or name a file with another 'source'"
    )

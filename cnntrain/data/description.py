"""What was understood of the data, in words."""

from collections.abc import Iterator

from cnntrain.data.prepare import Prepared
from cnntrain.registry import listed
from cnntrain.text import counted, visible
from cnntrain.types import Shape

MOST_NAMED = 12


def described(data: Prepared) -> Iterator[str]:
    """One line on samples and targets, then the notes of the source."""
    yield f"data: {_inputs(data.sample_shape, data.schema.features)}; {_answers(data)}"
    yield from (f"  {visible(note)}" for note in data.notes)


def _inputs(shape: Shape, features: tuple[str, ...]) -> str:
    if len(shape) == 3:
        return f"images {'x'.join(map(str, shape))} (channels x height x width)"
    if len(shape) != 1:
        return f"samples {'x'.join(map(str, shape))}"
    named = f" ({_some(features)})" if features else ""
    return f"{counted(shape[0], 'feature')}{named}"


def _answers(data: Prepared) -> str:
    if data.classes is not None:
        return f"{len(data.classes)} classes ({_some(data.classes)})"
    count = next(iter(data.splits.values())).y[0].size
    named = f" ({_some(data.schema.targets)})" if data.schema.targets else ""
    return f"{counted(count, 'real-valued target')}{named}"


def _some(names: tuple[str, ...]) -> str:
    """All names, or the first and the last of very many."""
    names = tuple(map(visible, names))
    if len(names) <= MOST_NAMED:
        return listed(list(names))
    return f"{listed(list(names[:3]))}, ..., {names[-1]}"

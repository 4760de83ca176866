"""Pairs of a NumPy function and its compiled twin: same name, same arguments, same result."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from cnntrain.native.engine import current

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Twin:
    """A function to be read, and the one that the native engine runs in its place."""

    numpy: Callable[..., Any]
    native: Callable[..., Any]


TWINS: dict[str, Twin] = {}  # by module and name of the NumPy function


def twinned(native: Callable[P, T]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """``@twinned(compiled.f)`` above f: the native engine runs ``compiled.f`` in its place."""

    def pair(numpy: Callable[P, T]) -> Callable[P, T]:
        TWINS[f"{numpy.__module__}.{numpy.__qualname__}"] = Twin(numpy, native)

        @functools.wraps(numpy)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            return (native if current().isa else numpy)(*args, **kwargs)

        return run

    return pair

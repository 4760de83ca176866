"""Pairs of a NumPy function and its compiled twin: same name, same arguments, same result."""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from inspect import isfunction
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, ParamSpec, TypeVar

from cnntrain.native.engine import current

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Twin:
    """A function to be read, and the one that the native engine runs in its place."""

    numpy: Callable[..., Any]
    native: Callable[..., Any]
    takes: Callable[..., bool]  # whether the native one can work out these arguments


TWINS: dict[str, Twin] = {}  # by module and name of the NumPy function
SOURCES = Path(__file__).parent / "c"


def everything(*args: Any, **kwargs: Any) -> bool:
    """Whether a twin takes these arguments, unless something else is said: yes."""
    return True


def twinned(
    native: Callable[..., T], takes: Callable[..., bool] = everything
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """``@twinned(compiled.f)`` above f: the native engine runs ``compiled.f`` in its place.

    ``takes``: of the same arguments, whether ``compiled.f`` can work them out; if not, f runs. The
    layers that have such options say so in ``has_twin``.
    """

    def pair(numpy: Callable[P, T]) -> Callable[P, T]:
        TWINS[_name(numpy)] = Twin(numpy, native, takes)

        @functools.wraps(numpy)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            is_native = current().isa and takes(*args, **kwargs)
            return (native if is_native else numpy)(*args, **kwargs)

        return run

    return pair


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def has_twin(function: Callable[..., Any]) -> bool:
    """Whether the native engine runs compiled code in place of this function."""
    return _name(function) in TWINS


@cache
def reaches_twin(function: Callable[..., Any], depth: int = 3) -> bool:
    """Whether a function, or one of this package that it calls, has a compiled twin."""
    if has_twin(function):
        return True
    plain = inspect.unwrap(function)
    names, around = plain.__code__.co_names, plain.__globals__
    called = [around.get(name) for name in names]
    modules = [found for found in called if isinstance(found, ModuleType)]
    called += [getattr(module, name, None) for module in modules for name in names]
    ours = [f for f in called if getattr(f, "__module__", "").startswith("cnntrain.")]
    return depth > 0 and any(reaches_twin(f, depth - 1) for f in ours if isfunction(f))


def kernels_of(function: Callable[..., Any]) -> list[str]:
    """Names of the compiled kernels that stand in for a function; none if it has no twin."""
    twin = TWINS.get(_name(function))
    if twin is None:
        return []
    return [name for name in dict.fromkeys(_words(twin.native)) if name in _places()]


def place_of_kernel(name: str) -> tuple[Path, int]:
    """(file, line) of a kernel's C source."""
    return _places()[name]


def _words(function: Any, depth: int = 3) -> Iterator[str]:
    """The strings in a function and in those of its module that it calls."""
    code: CodeType = function.__code__
    closed_over = [cell.cell_contents for cell in function.__closure__ or ()]
    yield from (word for word in (*code.co_consts, *closed_over) if isinstance(word, str))
    for name in code.co_names if depth else ():
        called = function.__globals__.get(name)
        if getattr(called, "__module__", None) == function.__module__ and hasattr(
            called, "__code__"
        ):
            yield from _words(called, depth - 1)


@cache
def kernel_letters() -> dict[str, str]:
    """The letters of every kernel's arguments (``c/kernels.h``)."""
    text = (SOURCES / "kernels.h").read_text("utf-8")
    return dict(re.findall(r'^KERNEL\((\w+), "(\w+)"\)', text, re.MULTILINE))


@cache
def _places() -> dict[str, tuple[Path, int]]:
    """The place of every kernel, where the C sources name it."""
    listed = kernel_letters()
    found = {}
    for path in sorted(SOURCES.glob("*.[ch]")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for name in re.findall(r"^(?:static int |[A-Z_0-9]+\()(\w+)", line):
                if name in listed and path.name != "kernels.h":
                    found[name] = (path, number)
    return found

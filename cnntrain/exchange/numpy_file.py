"""``model.py``: a network as one readable file that needs only NumPy, its arrays beside it."""

import inspect
import keyword
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from cnntrain import __version__
from cnntrain.errors import ConfigError
from cnntrain.exchange import functions
from cnntrain.exchange.extras import check_folder
from cnntrain.exchange.model import Affine, Model
from cnntrain.exchange.numpy_lines import LINES, Call, Line
from cnntrain.files import atomic_write, write_text
from cnntrain.network.graph import AT_INPUT, Node
from cnntrain.types import Params, Shape

WIDTH = 96  # of a line within a function
HEAD = '''"""Predictions of the network {name!r}; made by cnntrain {version}.

Needs only NumPy, and the arrays in {arrays!r} beside this file.

    import {module}
    outputs = {module}.predict(samples)    # samples (N, {shape}): one row of outputs each
{more}
    python {module}.py samples.npy         # prints one line per sample
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

Array = np.ndarray
Pads = tuple[int, int, int, int]  # rows above and below, columns left and right
Pair = tuple[int, int]  # down and across

P = dict(np.load(Path(__file__).with_name({arrays!r}), allow_pickle=False))'''
PREDICT = '''def predict(x):
    """The outputs for samples x (N, {shape})."""
{body}'''
CLASSIFY = '''CLASSES = {classes!r}


def classify(x):
    """The classes of samples x (N, {shape})."""
    return [CLASSES[k] for k in {winners}]'''
MAIN = """if __name__ == "__main__":
    for found in {function}(np.load(sys.argv[1], allow_pickle=False)):
        print({printed})
"""


def write_numpy(model: Model, path: Path) -> list[Path]:
    """Write ``model.py`` and ``model.npz``; the two files.

    The arrays are written first, so that a new ``model.py`` never reads those of an old one.
    """
    check_folder(path)
    _check_name(path)
    arrays = path.with_suffix(".npz")
    source, constants = numpy_model(model, path.stem)
    with atomic_write(arrays, sum(array.nbytes for array in constants.values())) as file:
        np.savez(file, **constants)  # type: ignore[arg-type]
    write_text(path, source)
    return [path, arrays]


def _check_name(path: Path) -> None:
    """Refuse a name under which Python cannot import the file, or finds it in another's place."""
    name = path.stem
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigError(
            f"{path}: Python cannot import a module of this name; use letters, digits and _"
        )
    if name in sys.stdlib_module_names or name == "numpy":
        raise ConfigError(f"{path}: Python has a module {name!r} already; choose another name")


def numpy_model(model: Model, module: str) -> tuple[str, Params]:
    """(the text of the file, its arrays)."""
    lines, called, constants = _body(model)
    body, shape = textwrap.indent("\n".join(lines), "    "), _listed(model.network.in_shape)
    classes = model.schema.classes
    function, printed = ("predict", "*found, sep=','") if classes is None else ("classify", "found")
    more = f"    {module}.classify(samples)             # their classes\n" if classes else ""
    head = HEAD.format(
        name=model.name,
        version=__version__,
        arrays=f"{module}.npz",
        module=module,
        shape=shape,
        more=more,
    )
    parts = [head, *map(_source, _needed(called)), PREDICT.format(shape=shape, body=body)]
    if classes is not None:
        one = "(predict(x)[:, 0] > 0).astype(int)"  # a positive output says yes
        winners = one if model.network.out_shape[0] == 1 else "predict(x).argmax(axis=1)"
        parts.append(CLASSIFY.format(classes=classes, shape=shape, winners=winners))
    parts.append(MAIN.format(function=function, printed=printed))
    return "\n\n\n".join(parts), constants


def _body(model: Model) -> tuple[list[str], list[str], Params]:
    """(lines of ``predict``, functions that they call, arrays)."""
    constants: Params = {}
    lines = _normalized(model, constants)
    called, names = [], {AT_INPUT: "x"}
    for k, node in enumerate(model.network.nodes):
        line = Line(node, node.own(model.params), constants)
        function, rest = LINES[node.layer.kind](line)
        names[k] = f"{node.name}_"  # no name of a layer is then one of Python's or of a function
        lines += _assignment(names[k], (function, rest), [names[i] for i in node.inputs], node)
        called.append(function)
    lines.append(f"return {_restored(model, names[len(names) - 2], constants)}")
    return lines, called, constants


def _assignment(name: str, call: Call, inputs: Sequence[str], node: Node) -> list[str]:
    """``name = function(inputs, ...)``, over several lines where one is too long."""
    function, rest = call
    note = f"  # {node.layer.kind}: {_listed(node.out_shape)}"
    if not function:
        return [f"{name} = {inputs[0]}{note}"]
    given = [*inputs, *rest]
    line = f"{name} = {function}({', '.join(given)})"
    if len(line) + len(note) <= WIDTH:
        return [line + note]
    whole = ", ".join(argument.replace(" ", "\0") for argument in given)  # none is broken
    lines = textwrap.wrap(f"{whole},", WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    inside = [f"    {line}".replace("\0", " ") for line in lines]
    return [f"{name} = {function}({note}", *inside, ")"]


def _listed(shape: Shape) -> str:
    return ", ".join(map(str, shape))


def _normalized(model: Model, constants: Params) -> list[str]:
    """The lines that bring x into the form that the network reads."""
    lines = ["x = np.asarray(x, np.float32)"]
    if model.preprocessing is None or Affine.of(model.preprocessing).changes_nothing:
        return lines
    affine = Affine.of(model.preprocessing)
    parts = {"shift": affine.shift, "rest": affine.rest, "factor": affine.factor}
    used = {f"input.{name}": array for name, array in parts.items() if array.any()}
    constants |= used
    *shifts, factor = (f'P["{name}"]' for name in used)
    moved = f"({' - '.join(['x', *shifts])})" if shifts else "x"
    return [*lines, f"x = {moved} * {factor}  # normalization"]


def _restored(model: Model, output: str, constants: Params) -> str:
    """The output in the units of the data."""
    normalizer = model.preprocessing.of_targets if model.preprocessing else None
    if normalizer is None:
        return output
    constants |= {"output.scale": normalizer.scale, "output.shift": normalizer.shift}
    return f'{output} * P["output.scale"] + P["output.shift"]'


def _needed(called: Iterable[str]) -> list[str]:
    """Names of the functions and of those that they call, in the order of their module."""
    ours = {name: f for name, f in vars(functions).items() if inspect.isfunction(f)}
    wanted = [name for name in called if name in ours]
    for name in wanted:  # grows while it is read
        wanted += [n for n in ours[name].__code__.co_names if n in ours and n not in wanted]
    return [name for name in ours if name in wanted]


def _source(name: str) -> str:
    return inspect.getsource(getattr(functions, name)).rstrip()

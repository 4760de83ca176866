"""Delimited text: one sample per line, features in columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from annotated_types import MaxLen, MinLen

from cnntrain.data.dataset import Schema, Split
from cnntrain.data.labels import sorted_classes, to_codes
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import FileSource, Part
from cnntrain.data.sources.columns import Columns, encoded, read_columns
from cnntrain.data.sources.table import Column, Table, open_table
from cnntrain.errors import DataError
from cnntrain.registry import listed
from cnntrain.text import counted
from cnntrain.types import Array, Count, Shape

LABEL_WORDS = {"label", "class", "target", "y"}
INDEX_WORDS = {
    "id", "idx", "index", "key", "line", "no", "nr", "num", "number", "obs", "observation",
    "record", "row", "rownum", "sample",
}  # fmt: skip
MOST_CATEGORIES = 20  # values of a text column that ``categorical: auto`` takes
LEAST_COUNTED = 5  # rows in which a running number is no coincidence


class Choice(NamedTuple):
    """Columns by their position, and how the answer was found."""

    answers: tuple[int, ...]
    features: tuple[int, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class Csv(FileSource, kind="csv"):
    """Text files with one sample per line.

    Options: ``train``, ``test`` and ``val``, names of files, also .gz or .zip; ``label``, the
    column of the class, by name or number, or ``targets``, a list of columns for regression or
    several yes/no answers; ``features``, the columns to learn from (by default all others), or
    ``ignore``, those to leave out; ``categorical``, text columns that become one input per value,
    or auto; ``shape``, such as [1, 28, 28], of the image that the features form; ``header``,
    ``delimiter`` and ``decimal`` ("." or ","), found out if they are not given.

    ``label`` may be left out if one column is called label, class, target or y, or if the last
    column is the only one with text. Classes are the sorted distinct labels of the training file,
    numbers in numerical order. Other files are matched by column name.
    """

    train: str
    test: str | None = None
    val: str | None = None
    label: Column | None = None
    targets: tuple[Column, ...] = ()
    features: tuple[Column, ...] = ()
    ignore: tuple[Column, ...] = ()
    categorical: tuple[Column, ...] | Literal["auto"] = ()
    shape: tuple[Count, ...] | None = None
    header: bool | None = None
    delimiter: Annotated[str, MinLen(1), MaxLen(1)] | None = None
    decimal: Literal[".", ","] | None = None

    def __post_init__(self) -> None:
        if self.label is not None and self.targets:
            raise ValueError("'label' is for classification, 'targets' for regression; choose one")
        if self.features and self.ignore:
            raise ValueError("'features' and 'ignore' exclude each other; choose one")

    def place(self, split: str, row: int) -> str:
        return f"{getattr(self, split, None) or self.train}, row {row + 1} of the data"

    def sample_shape(self, find: Find) -> Shape:
        if self.shape is not None:
            return self.shape
        table = self._table(self.train, find)
        choice = self._choice(table)
        categories = self._categories(table, choice)
        names = [table.names[k] for k in choice.features]
        return (sum(len(categories.get(name, ("",))) for name in names),)

    def evaluated_on(self, path: str) -> Self:
        return replace(self, test=path)

    def read(self, given: str, find: Find, schema: Schema | None) -> Part:
        table = self._table(given, find)
        if schema is None:
            return self._read_first(table)
        return self._read_another(table, schema)

    def _table(self, name: str, find: Find) -> Table:
        return open_table(find(name), self.delimiter, self.decimal, self.header)

    def _read_first(self, table: Table) -> Part:
        """The training file: it decides what the columns mean."""
        choice = self._choice(table)
        names = tuple(table.names[k] for k in choice.features)
        categories = self._categories(table, choice)
        x, y = self._arrays(table, choice.answers, names, categories)
        answers = tuple(table.names[k] for k in choice.answers)
        classes = None if self.targets else sorted_classes(y, str(table.path))
        if classes is not None and len(classes) < 2:
            raise DataError(f"{table.path}: {answers[0]!r} contains only one class")
        schema = Schema(classes, names, answers, categories)
        notes = (
            self._described(table, len(x), choice),
            *_of_meaning(schema, x),
            *self._counting(x, schema, table),
        )
        return Part(self._split(x, y, schema, table), schema, notes)

    def _read_another(self, table: Table, schema: Schema) -> Part:
        """A further file: its columns are matched by name."""
        if len(schema.targets) != 1 and not self.targets:
            raise DataError(f"{table.path}: the network was not trained on columns of a table")
        missing = [name for name in (*schema.targets, *schema.features) if name not in table.names]
        if missing:
            raise DataError(
                f"{table.path}: no column {listed([repr(name) for name in missing])}, which the "
                f"training file has; it has {listed(list(table.names))}"
            )
        answers = tuple(table.index(name) for name in schema.targets)
        x, y = self._arrays(table, answers, schema.features, schema.categories)
        unused = [
            name
            for name in table.names
            if name not in (*schema.features, *schema.targets) and self._is_new(name, table)
        ]
        note = f"{table.path}: {counted(len(x), 'row')}"
        if unused:
            note += f"; not in the training file, so not used: {listed(unused)}"
        return Part(self._split(x, y, schema, table), schema, (note,))

    def _is_new(self, name: str, table: Table) -> bool:
        return name not in self.ignore and not self.features

    def _choice(self, table: Table) -> Choice:
        answers, why = self.answers(table)
        if self.features:
            chosen = tuple(table.index(column) for column in self.features)
            if both := set(chosen) & set(answers):
                raise DataError(f"{table.path}: {table.names[both.pop()]!r} is label and feature")
        else:
            left_out = {*answers, *(table.index(column) for column in self.ignore)}
            chosen = tuple(k for k in range(len(table.names)) if k not in left_out)
            self._check_names(table, chosen)
        if not chosen:
            raise DataError(f"{table.path}: no feature column remains; shorten 'ignore'")
        return Choice(answers, chosen, why)

    def answers(self, table: Table) -> tuple[tuple[int, ...], str]:
        """The columns to predict, and why these."""
        if self.targets:
            return tuple(table.index(column) for column in self.targets), ""
        if self.label is not None:
            return (table.index(self.label),), ""
        if len(table.names) == 1:
            raise DataError(f"{table.path}: has one column; a label and a feature need two")
        named = [k for k, name in enumerate(table.names) if _words(name) & LABEL_WORDS]
        exact = [k for k in named if table.names[k].lower() in LABEL_WORDS]
        for found in (exact, named):
            if len(found) == 1:
                return (found[0],), ", by its name"
        last = len(table.names) - 1
        ignored = {table.index(column) for column in self.ignore}
        texts = [k for k in range(last + 1) if k not in ignored and table.is_text(k)]
        if texts == [last] and not named:
            return (last,), ", the only column of text"
        name = table.names[last] if table.header else last
        raise DataError(
            f"{table.path}: which column is the label? Name it, such as 'label: {name}', or for a "
            f"regression 'targets: [{name}]'; the columns are {listed(list(table.names))}"
        )

    def _check_names(self, table: Table, chosen: Sequence[int]) -> None:
        for k in chosen:
            if table.header and (not table.names[k] or table.names[k].startswith("Unnamed:")):
                raise DataError(
                    f"{table.path}: column {k} has no name, as row numbers do that were saved "
                    f"with a table; leave it out with 'ignore: [{k}]', or name the 'features'"
                )

    def _counting(self, x: Array, schema: Schema, table: Table) -> tuple[str, ...]:
        """A note on columns that count the rows; refused if they are called like an index."""
        if self.features or len(x) < LEAST_COUNTED or schema.categories or self.shape:
            return ()
        names = [schema.features[k] for k in _counting_columns(x)]
        index = next((name for name in names if not table.header or is_index(name)), None)
        if index is not None:
            column = index if table.header else int(index)
            raise DataError(
                f"{table.path}: column {index!r} counts the rows, which tells nothing about a "
                f"sample; leave it out with 'ignore: [{column}]', or name the 'features'"
            )
        return tuple(f"column {name!r} counts the rows; is it a feature?" for name in names)

    def _categories(self, table: Table, choice: Choice) -> dict[str, tuple[str, ...]]:
        """The values of the text columns that become inputs."""
        wanted: list[int] = []
        if self.categorical == "auto":
            wanted = [k for k in choice.features if table.is_text(k)]
        else:
            wanted = [table.index(column) for column in self.categorical]
        if not wanted:
            return {}
        texts = read_columns(table, (), wanted).texts
        found = {table.names[k]: tuple(sorted(set(texts[k]))) for k in wanted}
        for name, values in found.items():
            if self.categorical == "auto" and len(values) > MOST_CATEGORIES:
                raise DataError(
                    f"{table.path}: column {name!r} has {len(values)} different texts; list it "
                    "under 'ignore', or under 'categorical' if each is to be an input"
                )
        return found

    def _arrays(
        self,
        table: Table,
        answers: Sequence[int],
        names: Sequence[str],
        categories: Any,
    ) -> tuple[Array, Array]:
        """(inputs (N, J), names of labels (N,) or targets (N, K))."""
        positions = [table.index(_column(name, table)) for name in names]
        textual = [k for k, name in zip(positions, names, strict=True) if name in categories]
        numeric = [k for k in positions if k not in textual]
        labels = [] if self.targets else list(answers)
        found = read_columns(
            table, [*numeric, *(answers if self.targets else ())], [*textual, *labels]
        )
        numbers = found.numbers
        inputs = Columns(numbers[:, : len(numeric)], {k: found.texts[k] for k in textual})
        x = encoded(table, inputs, numeric, positions, categories)
        if self.targets:
            return np.ascontiguousarray(x), numbers[:, len(numeric) :].astype(np.float64)
        return x, _label_names(found.texts[labels[0]])

    def _split(self, x: Array, y: Array, schema: Schema, table: Table) -> Split:
        if self.shape is not None:
            if int(np.prod(self.shape)) != x.shape[1]:
                raise DataError(
                    f"{table.path}: {x.shape[1]} features do not fill the 'shape' "
                    f"{list(self.shape)}; leave columns out with 'ignore'"
                )
            x = x.reshape(len(x), *self.shape)
        if schema.classes is None:
            return Split(x, y)
        return Split(x, to_codes(y, schema.classes, str(table.path)))

    def _described(self, table: Table, rows: int, choice: Choice) -> str:
        names = listed([table.names[k] for k in choice.answers])
        kind = "targets" if self.targets else "label column"
        return f"{table.path}: {counted(rows, 'row')}; {kind}: {names}{choice.why}"


def _of_meaning(schema: Schema, x: Array) -> tuple[str, ...]:
    """The features in words."""
    shown = (
        listed(list(schema.features))
        if len(schema.features) <= 8
        else (f"{schema.features[0]} ... {schema.features[-1]}")
    )
    note = f"{counted(len(schema.features), 'feature')}: {shown}"
    if schema.categories:
        note += f"; one input per value of {listed(list(schema.categories))}: {x.shape[1]} inputs"
    return (note,)


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.split(r"[^A-Za-z]+", name)}


def _counting_columns(x: Array) -> list[int]:
    """Columns that are 0, 1, 2, ... or 1, 2, 3, ...; only those that begin so are read whole."""
    numbers = np.arange(len(x))
    start = (x[:LEAST_COUNTED] == x[:1] + numbers[:LEAST_COUNTED, None]).all(axis=0)
    begun = np.flatnonzero(start & ((x[0] == 0) | (x[0] == 1))).tolist()
    return [k for k in begun if np.array_equal(x[:, k], x[0, k] + numbers)]


def is_index(name: str) -> bool:
    """Whether a name is one that row numbers usually have."""
    return bool(_words(name) & INDEX_WORDS) or name.lower().endswith("id")


def _column(name: str, table: Table) -> Column:
    return name if table.header else int(name)


def _label_names(texts: Sequence[str]) -> Array:
    """Labels as text; a whole number written with a point is that number."""
    names = {text: re.sub(r"^([+-]?\d+)\.0*$", r"\1", text) for text in set(texts)}
    return np.array([names[text] for text in texts])

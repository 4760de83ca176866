"""Numbers, durations and tables in words, values as JSON, and foreign text made harmless."""

import json
import math
import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any


def json_text(value: Any, indent: int | None = None) -> str:
    """A JSON document; NaN and infinities, which JSON does not have, become null."""
    return json.dumps(_finite(value), allow_nan=False, indent=indent)


def finite_json(text: str | bytes) -> Any:
    """The value of a JSON document; ``ValueError`` for NaN, infinity or deep nesting."""
    try:
        return json.loads(text, parse_float=_finite_number, parse_constant=_finite_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def literal(value: Any) -> str:
    """A value of a config or a record as a person reads it: JSON with all letters as they are."""
    return json.dumps(_finite(value), ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def printable(text: str) -> str:
    """The text with every character that could steer a terminal as an escape; lines stay lines.

    Everything that is printed for a person passes through here, since paths, class names, lock
    files and records of other people's runs may contain anything.
    """
    return "\n".join(map(visible, text.split("\n")))


def visible(text: str) -> str:
    """The text with unprintable characters, line ends among them, as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, most: int) -> str:
    """At most so many columns: beginning and end, where names differ, around an ellipsis."""
    if columns(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{_fitting(text, most - 1 - end)}…{_fitting(text[::-1], end)[::-1]}"


def _fitting(text: str, most: int) -> str:
    """The beginning of a text that takes at most so many columns."""
    text = text[:most]
    while columns(text) > most:
        text = text[:-1]
    return text


def columns(text: str) -> int:
    """The columns of a terminal that a text takes: letters of Chinese, Japanese and Korean take 2.

    Letters of ambiguous width, Greek ones among them, count as narrow.
    """
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


def padded(text: str, width: int) -> str:
    """The text with spaces after it, up to so many columns."""
    return text + " " * (width - columns(text))


def counted(count: int, noun: str) -> str:
    """``1 layer``, ``1,234 parameters``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3:07 min``, ``2:05 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    return f"{minutes // 60}:{minutes % 60:02} h"


def table(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Aligned columns; the first row is the head, the first ``left`` columns flush left."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(columns(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            padded(cell, width) if k < left else " " * (width - columns(cell)) + cell
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(columns, lines)), *lines[1:]])


def flops(count: float) -> str:
    """``940``, ``12.3 k``, ``4.56 M``."""
    return _scaled(count, 1000, ("", " k", " M", " G", " T"))


def size(count: float, digits: int = 3) -> str:
    """``940 B``, ``12.3 KiB``, ``4.56 MiB``."""
    return _scaled(count, 1024, (" B", " KiB", " MiB", " GiB", " TiB"), digits)


WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
PIECE = re.compile(rf"\s+|[（“「《]*(?:[{WIDE}]|[^\s{WIDE}]+)[，。；：、！？）”」》]*")


def wrapped(text: str, width: int, indent: str = "") -> str:
    """The text on lines of at most so many columns, the later ones indented: broken at spaces, and
    between Chinese letters, but not before a full stop or after an opening bracket."""
    if columns(text) == len(text):
        return textwrap.fill(text, width, subsequent_indent=indent)
    lines = [""]
    for piece in PIECE.findall(text):
        if columns(lines[-1] + piece.rstrip()) > width:
            lines.append(indent + piece.lstrip())
        else:
            lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _scaled(count: float, base: int, units: tuple[str, ...], digits: int = 3) -> str:
    power = 0
    while count >= 999.5 and power < len(units) - 1:
        count, power = count / base, power + 1
    whole = power == 0 or count >= 10 ** (digits - 1)
    return f"{count:.0f}{units[power]}" if whole else f"{count:.{digits}g}{units[power]}"


def gibibytes(size: float) -> str:
    """``3 GiB``."""
    return f"{size / 2**30:,.0f} GiB"

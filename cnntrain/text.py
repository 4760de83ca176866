"""Events and results as text, shared by the terminal and the log."""

from collections.abc import Mapping, Sequence


def metric_text(name: str, value: float) -> str:
    """One metric with its name: accuracies in percent, all others with five digits."""
    if name.endswith("accuracy"):
        return f"{name} {100 * value:.2f}%"
    return f"{name} {value:.5g}"


def metrics_line(metrics: Mapping[str, float]) -> str:
    return "  ".join(metric_text(name, value) for name, value in metrics.items())


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
    """Aligned columns; the first row is the header, the first ``left`` columns are left-aligned."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def flops(count: float) -> str:
    """``940``, ``12.3 k``, ``4.56 M``."""
    return _scaled(count, 1000, ("", " k", " M", " G", " T"))


def size(count: float, digits: int = 3) -> str:
    """``940 B``, ``12.3 KiB``, ``4.56 MiB``."""
    return _scaled(count, 1024, (" B", " KiB", " MiB", " GiB", " TiB"), digits)


def _scaled(count: float, base: int, units: tuple[str, ...], digits: int = 3) -> str:
    power = 0
    while count >= 999.5 and power < len(units) - 1:
        count, power = count / base, power + 1
    whole = power == 0 or count >= 10 ** (digits - 1)
    return f"{count:.0f}{units[power]}" if whole else f"{count:.{digits}g}{units[power]}"


def gibibytes(size: float) -> str:
    """``3 GiB``."""
    return f"{size / 2**30:,.0f} GiB"

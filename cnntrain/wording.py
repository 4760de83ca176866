"""Events and results in words: shared by the terminal and the log."""

from collections.abc import Mapping, Sequence

from cnntrain.train import EpochEnd, Stopped

REASONS = {
    "epochs": "all epochs done",
    "max_steps": "the step limit was reached",
    "threshold": "the weights no longer change",
    "patience": "no further improvement",
    "target": "the target was reached",
    "minutes": "the time is up",
    "interrupted": "interrupted",
    "diverged": "diverged",
}


def figure(name: str, value: float) -> str:
    """One figure with its name: accuracies in percent, all else with five digits."""
    if name.endswith("accuracy"):
        return f"{name} {100 * value:.2f}%"
    return f"{name} {value:.5g}"


def figures_line(figures: Mapping[str, float]) -> str:
    return "  ".join(figure(name, value) for name, value in figures.items())


def epoch_line(event: EpochEnd, epochs: int | None) -> str:
    """``epoch 3/10  train/loss 0.123  val/accuracy 97.20%  lr 0.05  ...  *best``."""
    of = f"/{epochs}" if epochs else ""
    best = "  * best" if event.is_best else ""
    return (
        f"epoch {event.epoch}{of}  {figures_line(event.figures)}  lr {event.lr:.4g}  "
        f"{event.samples_per_s:,.0f} samples/s  {duration(event.elapsed_s)}{best}"
    )


def stopped_line(event: Stopped) -> str:
    return (
        f"stopped after {duration(event.elapsed_s)}, step {event.step}: "
        f"{REASONS[event.reason]} ({event.reason}: {event.detail})"
    )


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
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])

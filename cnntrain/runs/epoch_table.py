"""The epochs of a training as a table: a header once, a row per epoch, as wide as the screen."""

from collections.abc import Iterator

from cnntrain.metrics import metric_text
from cnntrain.text import duration, visible
from cnntrain.training.events import EpochEnd

NARROWEST = 9  # of a column with a metric
DROPPED_FIRST = ("samples/s", "lr", "train/penalty")  # where the row is too long, then the rest


class EpochTable:
    """Rows for epochs 1 to ``epochs`` (None: no limit) within ``width`` columns.

    The metric that decides which epoch is the best, ``monitored``, is never left out.
    """

    def __init__(self, epochs: int | None, width: int, monitored: str) -> None:
        self.epochs, self.width, self.monitored = epochs, width, visible(monitored)
        self._columns: dict[str, int] = {}  # heading: width

    def lines(self, event: EpochEnd) -> Iterator[str]:
        """The row of an epoch, and before the first one the header."""
        cells = self._cells(event)
        if not self._columns:
            self._columns = self._fitting(cells, self.width - len(" *"))
            header = "  ".join(f"{name:>{width}}" for name, width in self._columns.items())
            yield header
        row = "  ".join(f"{cells.get(name, ''):>{w}}" for name, w in self._columns.items())
        yield f"{row} *" if event.is_best else row

    def _cells(self, event: EpochEnd) -> dict[str, str]:
        of = f"/{self.epochs}" if self.epochs else ""
        return {
            "epoch": f"{event.epoch}{of}",
            **{visible(name): value_text(name, value) for name, value in event.metrics.items()},
            "lr": f"{event.lr:.3g}",
            "samples/s": f"{event.samples_per_s:,.0f}",
            "time": duration(event.elapsed_s),
        }

    def _fitting(self, cells: dict[str, str], most: int) -> dict[str, int]:
        """The columns that fit, with their widths: later rows may hold longer numbers."""
        widths = {name: max(len(name), len(text), NARROWEST * (name not in ("epoch", "lr")))
                  for name, text in cells.items()}  # fmt: skip
        widths["epoch"] = max(5, 2 * len(cells["epoch"].partition("/")[2]) + 1)
        widths["lr"] = max(widths["lr"], 8)
        first = [name for name in DROPPED_FIRST if name in cells]
        for name in [*first, *(name for name in reversed(cells) if name not in first)]:
            if name in ("epoch", "time", self.monitored):
                continue
            if sum(widths.values()) + 2 * (len(widths) - 1) <= most:
                break
            del widths[name]
        return widths


def value_text(name: str, value: float) -> str:
    """One metric without its name."""
    return metric_text(name, value).removeprefix(f"{name} ")

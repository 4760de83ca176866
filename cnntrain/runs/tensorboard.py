"""Events -> TensorBoard: the metrics of epochs and layers in its own event files.

Written by tensorboardX, an optional extra that is imported only when needed.
"""

import importlib.util
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from cnntrain.config.plan import Plan
from cnntrain.errors import ConfigError
from cnntrain.training.events import EpochEnd, Event, StepEnd


def check_tensorboard(plan: Plan) -> None:
    """Raise ``ConfigError`` if event files are requested and tensorboardX is missing."""
    if plan.log.tensorboard and importlib.util.find_spec("tensorboardX") is None:
        raise ConfigError(
            'event files are written by tensorboardX: pip install "cnntrain[tensorboard]", '
            "or remove this key",
            ("log", "tensorboard"),
        )


class TensorBoard:
    """Writes a run's metrics into ``folder``; what was written after ``step`` is replaced."""

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX import SummaryWriter

        self._writer: Any = SummaryWriter(
            str(folder),
            purge_step=step,
            filename_suffix=f".from-step-{step}",  # its names are seconds
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def record(self, event: Event) -> None:
        """Write the metrics of an epoch, or the statistics of the layers."""
        metrics: dict[str, float | None] = {}
        if isinstance(event, EpochEnd):
            metrics = {**event.metrics, "lr": event.lr, "samples_per_s": event.samples_per_s}
        elif isinstance(event, StepEnd) and event.probe is not None:
            tree = asdict(event.probe)
            metrics = {
                f"{metric}/{name}": value
                for family in ("arrays", "outputs")
                for name, values in tree[family].items()
                for metric, value in values.items()
            }
        for name, value in metrics.items():
            if value is not None and math.isfinite(value):
                self._writer.add_scalar(name, value, event.step)

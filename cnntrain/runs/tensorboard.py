"""Events -> TensorBoard: the metrics of epochs and layers in its own event files.

Written by tensorboardX, an optional extra that is imported only when needed.
"""

import importlib.util
import math
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cnntrain.config.plan import Plan
from cnntrain.errors import ConfigError
from cnntrain.files import append
from cnntrain.runs.place import Place
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
    """Writes a run's metrics into event files; what was written after ``step`` is replaced.

    tensorboardX makes the events and their checksums. Its own writer is a thread, which cannot
    tell this one that the disk is full; here a record is appended like a line of metrics.jsonl.
    """

    def __init__(self, place: Place, step: int) -> None:
        from tensorboardX.proto.event_pb2 import SessionLog

        self.place = place
        ending = f"{int(time.time())}.{socket.gethostname()}.from-step-{step}"
        self.name = f"tensorboard/events.out.tfevents.{ending}"
        place.make_folder("tensorboard")
        begin = SessionLog(status=SessionLog.START)  # what is known of later steps is void
        self._write({"file_version": "brain.Event:2"}, {"step": step, "session_log": begin})

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
        finite = {n: v for n, v in metrics.items() if v is not None and math.isfinite(v)}
        if finite:
            self._write({"step": event.step, "summary": _summary(finite)})

    def _write(self, *events: Mapping[str, Any]) -> None:
        """Append events with these fields."""
        from tensorboardX.proto.event_pb2 import Event

        now = time.time()
        made = (Event(wall_time=now, **fields).SerializeToString() for fields in events)
        with self.place.opened(self.name) as folder:
            append(self.place.path / self.name, b"".join(map(_framed, made)), folder)


def _summary(metrics: Mapping[str, float]) -> Any:
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import scalar

    values = [scalar(name, value).value[0] for name, value in metrics.items()]
    return Summary(value=values)


def _framed(content: bytes) -> bytes:
    """A record of an event file: its length and its content, each followed by its checksum."""
    from tensorboardX.record_writer import masked_crc32c

    parts = struct.pack("<Q", len(content)), content
    return b"".join(part + struct.pack("<I", masked_crc32c(part)) for part in parts)

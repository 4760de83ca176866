"""Asking a training to stop: SIGINT and SIGTERM wait for the running step to end."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from cnntrain.errors import ExitCode

EXIT_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class StopRequest:
    """While this context is open a first SIGINT or SIGTERM is only noted; a second one acts."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE if self.received is None else EXIT_CODES[self.received]

    def __enter__(self) -> Self:
        for number in EXIT_CODES:
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

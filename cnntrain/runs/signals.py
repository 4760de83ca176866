"""Requests to stop or to save: a signal takes effect when the running step ends."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import Any, Self

from cnntrain.errors import ExitCode

EXIT_CODES = {  # not every system has every signal
    getattr(signal, name): code
    for name, code in (
        ("SIGINT", ExitCode.INTERRUPTED),
        ("SIGTERM", ExitCode.TERMINATED),
        ("SIGHUP", ExitCode.HANGUP),
    )
    if hasattr(signal, name)
}
SAVE = getattr(signal, "SIGUSR1", None)
LIFELINE = "CNNTRAIN_LIFELINE"  # set by a process that holds the stdin of those it starts


class StopRequest:
    """While this context is open the first signal to stop is only noted; a second one acts."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE if self.received is None else EXIT_CODES[self.received]

    def __enter__(self) -> Self:
        for number in EXIT_CODES:
            if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN:
                continue  # ``nohup`` lets a run survive its terminal
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        for each in self._previous:
            acting = signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL
            signal.signal(each, acting)


@contextmanager
def save_requests() -> Iterator[Callable[[], bool]]:
    """While this context is open SIGUSR1 is noted; the function reports each one once."""
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    def taken() -> bool:
        nonlocal came
        found, came = came, False
        return found

    if SAVE is None:
        yield taken
        return
    previous = signal.signal(SAVE, note)
    try:
        yield taken
    finally:
        signal.signal(SAVE, previous)


def hang_on_lifeline() -> None:
    """Where stdin is held by the process that started this one: stop, as by SIGTERM, if it dies.

    Even SIGKILL closes its end of the pipe.
    """
    if os.environ.get(LIFELINE):
        Thread(target=_stop_at_end_of_input, daemon=True).start()


def _stop_at_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

"""Signs of life between ranks: a stopped or failed one ends the job within seconds."""

import time
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any

BETWEEN_BEATS_S = 0.5
BETWEEN_LOOKS_S = 0.1
MOST_SILENT_S = 10.0
GRACE_S = 10.0  # after a failure: then this thread ends a process that does not end itself


class Pulse:
    """A thread that gives signs of life to the next rank, and listens for those of the one before.

    ``failure``: what has gone wrong anywhere, as soon as it is known; ``names`` of all ranks.
    """

    def __init__(self, comm: Any, names: Sequence[str]) -> None:
        self.failure: str | None = None
        self._comm, self._names = comm, names
        self._rank, self._size = comm.Get_rank(), comm.Get_size()
        self._heard_s = time.monotonic()
        self._sent: list[Any] = []
        self._over = Event()
        self._thread = Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    def tell(self, failure: str) -> None:
        """Let all ranks know what has gone wrong."""
        self.failure = failure
        self._send(failure, [rank for rank in range(self._size) if rank != self._rank])

    def stop(self) -> None:
        """End the thread: all ranks are done."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        next_beat_s = 0.0
        failed_s: float | None = None
        while not self._over.wait(BETWEEN_LOOKS_S):
            now = time.monotonic()
            if now >= next_beat_s:
                self._send("", [(self._rank + 1) % self._size])
                next_beat_s = now + BETWEEN_BEATS_S
            self._listen(now)
            if self.failure is None:
                self._check_silence(now)
            elif failed_s is None:
                failed_s = now
            elif now - failed_s > GRACE_S:
                self._comm.Abort(1)

    def _send(self, text: str, ranks: Sequence[int]) -> None:
        """A failure, or nothing: a sign of life."""
        self._sent = [request for request in self._sent if not request.test()[0]]
        self._sent += [self._comm.isend(text, dest=rank) for rank in ranks]

    def _listen(self, now: float) -> None:
        while (message := self._comm.improbe()) is not None:
            text = message.recv()
            if not text:
                self._heard_s = now
            elif self.failure is None:
                self.failure = text

    def _check_silence(self, now: float) -> None:
        silent_s = now - self._heard_s
        if silent_s > MOST_SILENT_S:
            name = self._names[(self._rank - 1) % self._size]
            self.tell(f"{name} has given no sign of life for {silent_s:.0f} s")

"""Signs of life between ranks: a stopped, hanging or failed one ends the job within seconds."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread, get_ident
from typing import Any

if sys.platform != "win32":
    import resource

BETWEEN_BEATS_S = 0.5
BETWEEN_LOOKS_S = 0.1
MOST_SILENT_S = 10.0
MOST_IDLE_S = 20.0  # without computing, reading, writing or waiting for another rank
LEAST_WORK = 0.01  # of a core, to count as computing
GRACE_S = 10.0  # after a failure: then this thread ends a process that does not end itself


class Idleness:
    """How long this process has done nothing, apart from the thread that asks.

    A rank whose file system or device no longer answers still has a pulse: that is a thread of its
    own. But it neither computes nor reads nor writes.
    """

    def __init__(self) -> None:
        self._since_s, self._cpu_s, self._pages = time.monotonic(), 0.0, -1

    def seconds(self, now: float, is_waiting: bool) -> float:
        """Seconds of idleness until ``now``; waiting for another rank is none."""
        if sys.platform == "win32":  # it does not tell
            return 0.0
        cpu_s = time.process_time() - time.thread_time()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = usage.ru_majflt + usage.ru_inblock + usage.ru_oublock
        worked_s = cpu_s - self._cpu_s
        if is_waiting or pages != self._pages or worked_s > LEAST_WORK * MOST_IDLE_S:
            self._since_s, self._cpu_s, self._pages = now, cpu_s, pages
        return now - self._since_s


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
        self._idleness = Idleness()
        self._waiting: set[int] = set()  # threads that wait for a message
        self._over = Event()
        self._thread = Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the calling thread waits for another rank."""
        self._waiting.add(get_ident())
        try:
            yield
        finally:
            self._waiting.discard(get_ident())

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
                self._check_idleness(now)
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

    def _check_idleness(self, now: float) -> None:
        idle_s = self._idleness.seconds(now, bool(self._waiting))
        if self.failure is None and idle_s > MOST_IDLE_S:
            name = self._names[self._rank]
            self.tell(
                f"{name} hangs: for {idle_s:.0f} s it has neither computed nor read nor written; "
                "look at its disks, then continue with --resume"
            )

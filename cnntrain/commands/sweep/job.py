"""A trial in a process of its own: a plain ``cnntrain fit``, quiet, with its share of the cores."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from cnntrain.commands.fit import FitOptions, fit_command
from cnntrain.runs.group import wait_for_writer
from cnntrain.runs.logs import read_metrics
from cnntrain.runs.signals import LIFELINE
from cnntrain.runs.trials import Trial

LONGEST_PROBLEM = 2000  # characters of a message


class Job:
    """A running trial. It stops, with a checkpoint, when told to or when this process dies.

    It has a session of its own, so that Ctrl-C reaches it once, through this process.
    """

    def __init__(
        self, trial: Trial, folder: Path, config_path: Path, options: FitOptions, threads: int
    ) -> None:
        self.trial, self.folder = trial, folder
        self.is_pruned = self.is_stopped = False
        wait_for_writer(folder)
        again = ["--resume"] if folder.is_dir() else []
        words = shlex.split(fit_command(config_path, options, "--out", str(folder), *again))
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed in ``problem``
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cnntrain", *words, "--threads", str(threads), "--quiet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            env=_environment(),
            start_new_session=True,
        )

    def stop(self) -> None:
        """Ask for a checkpoint and the end; a second time, end at once."""
        self.is_stopped = True
        self.process.terminate()

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll()

    def problem(self) -> str:
        """What it said last, in words; to be asked once, when it has ended."""
        code = self.process.returncode
        if self.process.stdin is not None:
            self.process.stdin.close()
        with self._said:
            self._said.seek(0)
            said = self._said.read().decode("utf-8", "replace").strip()
        if code < 0:
            why = ": out of memory?" if -code == getattr(signal, "SIGKILL", 9) else ""
            return f"its process was ended by {signal.Signals(-code).name}{why}"
        return said[-LONGEST_PROBLEM:].removeprefix("Error: ") or f"exit code {code}"


def series_of(folder: Path, metric: str) -> tuple[list[int], list[float]]:
    """(epochs, values) of a metric so far."""
    known = [line for line in read_metrics(folder) if line["event"] == "epoch"]
    known = [line for line in known if line.get(metric) is not None]
    return [line["epoch"] for line in known], [line[metric] for line in known]


def _environment() -> dict[str, str]:
    """That of this process; the same cnntrain is found, and stdin is the lifeline."""
    package = str(Path(__file__).parents[3])
    others = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([package, others] if others else [package])
    return {**os.environ, "PYTHONPATH": path, LIFELINE: "1"}

"""The trials of a sweep, recorded in ``trials.jsonl``: a line when one starts, one when it ends."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from cnntrain.files import append_line
from cnntrain.runs.logs import read_trials
from cnntrain.runs.place import Place
from cnntrain.text import json_text

TRIALS_FILE = "trials.jsonl"
ENDED = ("finished", "diverged", "pruned")  # and are not run again


@dataclass(frozen=True)
class Trial:
    """One trial: the values of its keys, and how it ended.

    ``state``: started, finished, diverged, pruned or failed. ``value``: of the monitored metric at
    the best ``epoch``. ``problem``: why it failed.
    """

    trial: int
    values: Mapping[str, Any]
    state: str = "started"
    value: float | None = None
    epoch: int | None = None
    elapsed_s: float | None = None
    problem: str | None = None

    @property
    def name(self) -> str:
        """Name of its run folder."""
        return f"trial-{self.trial:03}"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED and (self.state != "finished" or self.value is not None)


@dataclass
class TrialLog:
    """The newest line of each trial, by its number; also in the file."""

    place: Place
    trials: dict[int, Trial] = field(default_factory=dict)

    @classmethod
    def opened(cls, place: Place) -> Self:
        """What was recorded so far; a line that was cut off by a kill is removed."""
        place.remove_litter(TRIALS_FILE)
        found = [Trial(**line) for line in read_trials(place.path)]
        place.write_text(TRIALS_FILE, "".join(_line(trial) + "\n" for trial in found))
        return cls(place, {trial.trial: trial for trial in found})

    def record(self, trial: Trial) -> None:
        """Add a line."""
        with self.place.opened(TRIALS_FILE) as folder:
            append_line(self.place.path / TRIALS_FILE, _line(trial), folder)
        self.trials[trial.trial] = trial

    def folder(self, trial: Trial) -> Path:
        """The run folder of a trial."""
        return self.place.path / trial.name

    def restarted(self, number: int) -> Trial | None:
        """A trial that was started and did not end, as if it were new."""
        known = self.trials.get(number)
        return Trial(known.trial, known.values) if known is not None else None


def _line(trial: Trial) -> str:
    return json_text(asdict(trial))

"""What a sweep found: a table, a page, and the best config."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnntrain.commands.report import page_of
from cnntrain.config.plan import Plan
from cnntrain.config.read import inline, plan_to_tree
from cnntrain.data.sources.base import FileSource
from cnntrain.environment import available_cores, program
from cnntrain.errors import CnntrainError
from cnntrain.metrics import is_better, metric_text
from cnntrain.runs.console import warn
from cnntrain.runs.place import Place
from cnntrain.runs.record import read_runs
from cnntrain.runs.trials import Trial
from cnntrain.text import duration, json_text, visible
from cnntrain.training.workers import Workers
from cnntrain.views.report.page import RunPage, report_html

MOST_COMPARED = 8  # trials side by side on the page
NOT_LOOKED_AT = "Of the trials, only the best network is looked at more closely."


@dataclass(frozen=True)
class Result:
    """All trials of a sweep that has a ``metric``."""

    place: Place
    metric: str
    trials: Sequence[Trial]

    @property
    def ranked(self) -> list[Trial]:
        """The finished ones, the best first; of equals the earlier one."""
        sign = -1 if is_better(self.metric, 1.0, 0.0) else 1
        finished = [t for t in self.trials if t.state == "finished" and t.value is not None]
        return sorted(finished, key=lambda t: (sign * (t.value or 0.0), t.trial))

    @property
    def best(self) -> Trial | None:
        return next(iter(self.ranked), None)

    def rows(self) -> list[list[str]]:
        """A head, and a row per trial: the best first, then those that did not finish."""
        keys = list(dict.fromkeys(key for trial in self.trials for key in trial.values))
        rest = sorted(set(self._numbers()) - {trial.trial for trial in self.ranked})
        by_number = {trial.trial: trial for trial in self.trials}
        ordered = [*self.ranked, *(by_number[number] for number in rest)]
        return [
            ["trial", "state", self.metric, "epoch", "time", *keys],
            *([*self._about(t), *(value_text(t.values.get(key)) for key in keys)] for t in ordered),
        ]

    def _numbers(self) -> list[int]:
        return [trial.trial for trial in self.trials]

    def _about(self, trial: Trial) -> list[str]:
        return [
            trial.name,
            trial.state,
            figure(self.metric, trial.value),
            "" if trial.epoch is None else f"{trial.epoch:,}",
            "" if trial.elapsed_s is None else duration(trial.elapsed_s),
        ]

    def write(self, about: Mapping[str, Any]) -> None:
        """``summary.json`` and ``best.yaml``. ``about``: more entries of the summary."""
        best = self.best
        trials = [asdict(trial) for trial in self.trials]
        found = {**about, "metric": self.metric, "best": best.trial if best else None}
        document = json_text({**found, "trials": trials}, indent=2)
        self.place.write_text("summary.json", document + "\n")
        if best is None:
            return
        config = (self.place.path / best.name / "config.yaml").read_text(encoding="utf-8")
        head = visible(f"# {best.name}: {metric_text(self.metric, best.value or 0.0)}")
        self.place.write_text("best.yaml", f"{head}\n{config}")

    def write_page(self, name: str, data_dir: Path | None) -> str | None:
        """``report.html``; returns why there is none, if an extra is missing."""
        folders = [self.place.path / trial.name for trial in self.ranked[:MOST_COMPARED]]
        try:
            records = read_runs(folders)
            with Workers(available_cores()) as workers:
                first = page_of(records[0], data_dir, workers)
            rest = [RunPage(record, None, NOT_LOOKED_AT) for record in records[1:]]
            page = report_html([first, *rest], f"{name}: {self.metric}", self.rows())
        except CnntrainError as error:
            return f"no report.html: {error}"
        self.place.write_text("report.html", page)
        return None


def figure(metric: str, value: float | None) -> str:
    """A metric without its name."""
    return "" if value is None else metric_text(metric, value).removeprefix(f"{metric} ")


def value_text(value: Any) -> str:
    """A value of a config: numbers as short as possible."""
    return f"{value:g}" if type(value) is float else inline(value)


def advise(result: Result, plan: Plan, config_path: Path, data_dir: Path | None) -> None:
    """How to train the best config, and what to look at."""
    assert result.best is not None
    folder = result.place.path
    data = data_folder(plan, config_path, data_dir)
    where = ["--data-dir", str(data)] if data is not None else []
    commands = {
        shlex.join(["fit", str(folder / "best.yaml"), *where]): "train the best config",
        shlex.join(["eval", str(folder / result.best.name)]): "test the best trial",
    }
    width = max(map(len, commands))
    warn("\nNext:")
    for command, purpose in commands.items():
        warn(f"  {program()} {command:{width}}  # {purpose}")


def data_folder(plan: Plan, config_path: Path, given: Path | None) -> Path | None:
    """Where data is that lies beside the config, which another config would not find there."""
    here = config_path.parent
    if given is not None or here.resolve() == Path.cwd():
        return given
    if not isinstance(plan.data.source, FileSource):
        return None
    names = _texts(plan_to_tree(plan)["data"])
    return here if any(name and (here / name).exists() for name in names) else None


def _texts(tree: Any) -> Iterator[str]:
    """All texts of a config."""
    if isinstance(tree, str):
        yield tree
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for item in items:
        yield from _texts(item)

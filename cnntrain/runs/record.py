"""The content of a run folder, read without changing it, also while the run is training."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnntrain.config.document import parse_value, read_document
from cnntrain.errors import RunFolderError
from cnntrain.metrics import is_better
from cnntrain.runs.logs import read_metrics, read_stats, recorded_environment, recorded_summary


@dataclass(frozen=True)
class RunRecord:
    """The files of one run. ``label`` distinguishes it from others."""

    path: Path
    label: str
    config: str
    env: dict[str, Any]
    epochs: list[dict[str, Any]]  # lines of metrics.jsonl
    end: dict[str, Any] | None  # its last line; None while the run is training, or after a crash
    stats: list[dict[str, Any]]  # lines of stats.jsonl
    baseline: dict[str, Any] = field(default_factory=dict)  # of summary.json; empty: not known

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that it recorded, such as val/loss."""
        return [name for name in self.last or {} if "/" in name]

    @property
    def newest(self) -> dict[str, Any]:
        """The last line of all; empty before there is one."""
        return self.end or (self.epochs[-1] if self.epochs else {})

    @property
    def last(self) -> dict[str, Any] | None:
        """The line with the newest metrics: a run may end within an epoch."""
        if self.end and any("/" in name for name in self.end):
            return self.end
        return self.epochs[-1] if self.epochs else None

    def series(self, name: str) -> tuple[list[float], list[float]]:
        """(epochs, values) of one metric."""
        known = [(line["epoch"], line[name]) for line in self.epochs if line.get(name) is not None]
        return [epoch for epoch, _ in known], [value for _, value in known]

    @property
    def monitored(self) -> str | None:
        """The metric that decides which epoch is best; None before the first epoch."""
        usual = ("val/accuracy", "val/loss", "train/accuracy", "train/loss")
        given = self.config_tree()["train"].get("monitor")
        return next((name for name in (given, *usual) if name in self.metrics), None)

    @property
    def best(self) -> dict[str, Any] | None:
        """The line of the best epoch; the first one among equals."""
        best, name = None, self.monitored or ""
        for line in self.epochs:
            value = line.get(name)
            if value is not None and (best is None or is_better(name, value, best[name])):
                best = line
        return best

    def config_tree(self) -> dict[str, Any]:
        """The config as a tree; its ``train`` section is there even in a foreign folder."""
        tree = parse_value(self.config, str(self.path / "config.yaml"))
        tree = tree if isinstance(tree, dict) else {}
        train = tree.get("train")
        return {**tree, "train": train if isinstance(train, dict) else {}}


def read_run(path: Path, label: str | None = None) -> RunRecord:
    """Read a run folder, or raise ``RunFolderError``. ``label``: by default such as digits/1."""
    if not (path / "metrics.jsonl").is_file() or not (path / "config.yaml").is_file():
        raise RunFolderError(f"{path}: not a run folder (it has no config.yaml and metrics.jsonl)")
    lines = read_metrics(path)
    ends = [line for line in lines if line.get("event") == "end"]
    return RunRecord(
        path=path,
        label=label or _labels([path.resolve()])[0],
        config="\n".join(read_document(path / "config.yaml").lines),
        env=recorded_environment(path),
        epochs=[line for line in lines if line.get("event") == "epoch"],
        end=ends[-1] if ends else None,
        stats=read_stats(path),
        baseline=_baseline(recorded_summary(path)),
    )


def _baseline(summary: dict[str, Any]) -> dict[str, Any]:
    """What guessing would give, as far as it is there and of the right kind."""
    found = summary.get("baseline")
    if not isinstance(found, dict) or not isinstance(found.get("guessing"), dict):
        return {}
    guess = {n: v for n, v in found["guessing"].items() if isinstance(v, int | float)}
    texts = {n: found[n] for n in ("split", "cause", "remedy") if isinstance(found.get(n), str)}
    return {"guessing": guess, "better": found.get("better") is not False, "split": "", **texts}


def read_runs(paths: Sequence[Path]) -> list[RunRecord]:
    """Several runs, labelled by as much of their paths as is needed to distinguish them."""
    resolved = [path.resolve() for path in paths]
    if len(set(resolved)) < len(resolved):
        raise RunFolderError("the same run is named twice")
    labels = _labels(resolved)
    return [read_run(path, label) for path, label in zip(paths, labels, strict=True)]


def _labels(resolved: Sequence[Path]) -> list[str]:
    """The shortest ends of these paths that differ; never just a number."""
    for depth in range(1, max(len(path.parts) for path in resolved) + 1):
        labels = ["/".join(path.parts[-depth:]) for path in resolved]
        if len(set(labels)) == len(labels) and not any(label.isdecimal() for label in labels):
            break
    return labels

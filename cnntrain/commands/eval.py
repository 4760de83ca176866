"""``cnntrain eval``: the metrics of a checkpoint on one split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cnntrain.commands.target import checkpoint_folders, with_data_settings
from cnntrain.data.dataset import split_fingerprint
from cnntrain.data.description import described
from cnntrain.data.prepare import SplitName
from cnntrain.environment import available_cores
from cnntrain.errors import ConfigError, DataError, ExitCode
from cnntrain.metrics import Metric, metric_text, metric_values
from cnntrain.metrics.sums import Sums, per_class, r_squared
from cnntrain.metrics.yes_no import per_label
from cnntrain.runs.checkpoint import Checkpoint, best_checkpoint, load
from cnntrain.runs.console import warn
from cnntrain.runs.names import resolve
from cnntrain.text import json_text, printable, table
from cnntrain.training.evaluate import evaluate
from cnntrain.training.experiment import Experiment
from cnntrain.training.opening import open_experiment, open_split
from cnntrain.training.state import weights_sha256
from cnntrain.training.workers import Workers
from cnntrain.views.report.evaluation import confident_mistakes


@dataclass(frozen=True)
class EvalOptions:
    """The options of the command, as given."""

    split: SplitName | None = None
    data: str | None = None
    settings: Sequence[str] = ()
    data_dir: Path | None = None
    threads: int | None = None
    as_json: bool = False
    mistakes: int = 0  # to list


def run_eval(path: Path, options: EvalOptions) -> ExitCode:
    """Evaluate a checkpoint and print the result on stdout."""
    found = load(best_checkpoint(resolve(path)))
    result = evaluation(found, options, warn)
    print(json_text(result) if options.as_json else printable(report(found, result)))
    return ExitCode.DONE


def evaluation(
    found: Checkpoint, options: EvalOptions, tell: Callable[[str], None]
) -> dict[str, Any]:
    """The JSON document of an evaluation; ``tell`` is told what was read."""
    experiment, split = _opened(found, options)
    for line in described(experiment.data):
        tell(line)
    if not options.data and not options.settings and _is_other_data(found, experiment, split):
        tell("Warning: this data differs from the data that the network was trained on")
    result = evaluated(found, experiment, split, options.threads)
    if options.mistakes:
        if experiment.data.classes is None:
            raise DataError(
                "--mistakes lists samples taken for another class; there are no classes"
            )
        with Workers(options.threads or available_cores()) as workers:
            params = found.state.evaluated()
            wrong = confident_mistakes(experiment, params, split, workers, options.mistakes)
        result["mistakes"] = [asdict(mistake) for mistake in wrong]
    return {**result, "weights_sha256": weights_sha256(found.state.params)}


def evaluated(
    found: Checkpoint, experiment: Experiment, split: SplitName, threads: int | None
) -> dict[str, Any]:
    """The figures of a trained network on one split."""
    with Workers(threads or available_cores()) as workers:
        sums = evaluate(experiment, found.state.evaluated(), split, workers, detail=True)
    classes = found.known.schema.classes
    return summarize(split, sums, classes, experiment.chosen, experiment.label_names)


def _opened(found: Checkpoint, options: EvalOptions) -> tuple[Experiment, SplitName]:
    """(network and data, the split to evaluate): read alone, where it has files of its own."""
    plan = with_data_settings(found.plan, options.settings)
    folders = checkpoint_folders(found, options.data_dir)
    if options.data is not None:
        if options.split not in (None, "test"):
            raise ConfigError("--data is evaluated as the test split; remove --split")
        data = replace(plan.data, source=plan.data.source.evaluated_on(options.data))
        plan = replace(plan, data=data)
    wanted = options.split or "test"
    try:
        if wanted in plan.data.source.own_splits(folders.find) and wanted != "train":
            return open_split(plan, found.network, folders.find, wanted, found.known), wanted
        known = found.known
        experiment = open_experiment(plan, folders.find, found.normalizer, schema=known.schema)
    except ConfigError as error:
        raise DataError(f"the data does not fit the checkpoint: {error}") from None
    chosen = _chosen_split(experiment, options.split)
    return replace(experiment, losses=known.losses), chosen


def _is_other_data(found: Checkpoint, experiment: Experiment, split: SplitName) -> bool:
    """Whether this is not the data of the training."""
    data = experiment.data
    if data.fingerprint:
        return found.fingerprint != data.fingerprint
    recorded = found.part_fingerprints.get(split)
    return recorded not in (None, split_fingerprint(data.splits[split]))


def _chosen_split(experiment: Experiment, split: SplitName | None) -> SplitName:
    splits = experiment.data.splits
    if split is None:
        split = next(name for name in ("test", "val", "train") if name in splits)
    if split not in splits:
        raise DataError(f"this data has no {split} split; it has {', '.join(splits)}")
    return split


def summarize(
    split: SplitName,
    sums: Sums,
    classes: tuple[str, ...] | None,
    chosen: tuple[Metric, ...] = (),
    labels: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The JSON document of an evaluation."""
    result: dict[str, Any] = {"split": split, "n": sums["n"], **metric_values(sums, chosen)}
    if "decisions" in sums:
        return {**result, "per_label": [asdict(row) for row in per_label(sums, labels)]}
    if classes is None:
        return {**result, "r2": r_squared(sums)}
    confusion = sums["confusion"]
    names = (*classes, *(f"output {k}" for k in range(len(classes), len(confusion))))
    return {
        **result,
        "per_class": [asdict(row) for row in per_class(confusion, names)],
        "confusion": confusion.tolist(),
    }


def report(found: Checkpoint, result: dict[str, Any]) -> str:
    """The result as text."""
    apart = (
        "split",
        "n",
        "r2",
        "per_class",
        "per_label",
        "confusion",
        "mistakes",
        "weights_sha256",
    )
    metrics = [metric_text(name, value) for name, value in result.items() if name not in apart]
    if result.get("r2") is not None:
        metrics.append(f"R² {result['r2']:.5f}")
    head = (
        f"{found.path} (step {found.state.step})\n"
        f"{result['split']} split, {result['n']:,} samples: {', '.join(metrics)}"
    )
    if "per_label" in result:
        return f"{head}\n\n{label_table(result['per_label'])}"
    if "confusion" not in result:
        return head
    parts = [head, _class_table(result), _confusion_table(result)]
    if "mistakes" in result:
        parts.append(_mistake_table(result["mistakes"]))
    return "\n\n".join(parts)


def _mistake_table(mistakes: Sequence[Mapping[str, Any]]) -> str:
    """The most confident mistakes: where they are, and what they were taken for."""
    if not mistakes:
        return "no mistakes"
    rows = [[m["place"], m["truly"], m["taken_for"], _percent(m["share"])] for m in mistakes]
    return "most confident mistakes\n" + table(
        [["sample", "true", "predicted", "probability"], *rows], left=3
    )


def label_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures of labels of which each holds or not, one row each."""
    shares = ("accuracy", "precision", "recall", "f1")
    cells = [
        [
            row["label"],
            *(_percent(row[share]) for share in shares),
            "-" if row["auc"] is None else f"{row['auc']:.4f}",
            f"{row['support']:,}",
        ]
        for row in rows
    ]
    return table([["label", "accuracy", "precision", "recall", "F1", "AUC", "yes"], *cells])


def _class_table(result: dict[str, Any]) -> str:
    shares = ("precision", "recall", "f1")
    rows = [
        [row["label"], *(_percent(row[share]) for share in shares), str(row["support"])]
        for row in result["per_class"]
    ]
    return table([["class", "precision", "recall", "F1", "samples"], *rows])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}%"


def _confusion_table(result: dict[str, Any]) -> str:
    labels = [row["label"] for row in result["per_class"]]
    rows: Sequence[Sequence[str]] = [
        [label, *(str(count) if count else "." for count in counts)]
        for label, counts in zip(labels, result["confusion"], strict=True)
    ]
    return "confusion matrix (rows: true class, columns: predicted)\n" + table(
        [["", *labels], *rows]
    )

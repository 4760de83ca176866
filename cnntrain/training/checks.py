"""Checks that this plan can be trained on this data, made before training starts."""

import math

from cnntrain.errors import ConfigError, Problems
from cnntrain.layers import WholeBatchLayer
from cnntrain.metrics import Metric
from cnntrain.registry import listed
from cnntrain.training.experiment import Experiment, training_clock


def check_training(experiment: Experiment, problems: Problems) -> None:
    """Collect every warm-up, batch size or metric that is impossible in this training."""
    plan, data = experiment.plan, experiment.data
    with problems.gathered():
        plan.schedule.check(training_clock(plan, len(data.train)))
    with problems.gathered():
        _check_last_batch(experiment)
    for k, metric in enumerate(plan.metrics):
        with problems.gathered():
            _check_metric(experiment, metric, ("metrics", k))
    names = ["loss", "mae", "rmse"] if experiment.task == "numbers" else ["loss", "accuracy"]
    names += [metric.name for metric in experiment.chosen]
    known = [
        f"{split}/{name}"
        for split in ("train", "val")
        if split in data.splits
        for name in dict.fromkeys(names)
    ]
    wanted: list[tuple[tuple[str, ...], str]] = [(("train", "monitor"), experiment.monitored)]
    wanted += [(("train", "stop", "target", name), name) for name in plan.train.stop.target]
    for place, name in wanted:
        if name not in known:
            problem = f"this training has no metric {name!r}; it has {', '.join(known)}"
            problems.found.append(ConfigError(problem, place))


def parts_normalized(experiment: Experiment) -> list[str]:
    """What ``accumulate`` changes, in words: layers that take the mean of each part."""
    train = experiment.plan.train
    nodes = experiment.network.nodes
    names = [node.name for node in nodes if isinstance(node.layer, WholeBatchLayer)]
    if train.accumulate == 1 or not names:
        return []
    return [
        f"accumulate: {train.accumulate} with {listed(names)}: its mean and variance are those of "
        f"each {train.batch_size} samples, so the weights are not those of batches of "
        f"{train.samples_per_step(len(experiment.data.train))}"
    ]


def _check_metric(experiment: Experiment, metric: Metric, place: tuple[str | int, ...]) -> None:
    """A metric must fit the task, and the number of classes."""
    if experiment.allows(metric):
        return
    if not metric.suits(experiment.task):
        remedy = "remove it"
        if experiment.task == "yes_no":
            suited = [name for name, kind in Metric.kinds.items() if kind.suits("yes_no")]
            remedy = f"yes-or-no labels have {', '.join(suited)}"
        kind = "classification" if metric.of_labels else "regression"
        raise ConfigError(f"{metric.kind} is a metric of {kind}; {remedy}", place)
    raise ConfigError(
        f"{metric.kind} is a metric of two classes, but the network has "
        f"{experiment.network.out_shape[0]} outputs; remove it",
        place,
    )


def _check_last_batch(experiment: Experiment) -> None:
    """Batch normalization of vectors needs two samples: a single one has no variance."""
    samples = len(experiment.data.train)
    batch = experiment.plan.train.samples_per_step(samples)
    parts = experiment.plan.train.accumulate
    smallest = max(1, (samples % batch or batch) // parts)
    for node in experiment.network.nodes:
        alone = isinstance(node.layer, WholeBatchLayer) and math.prod(node.out_shape[1:]) == 1
        if alone and smallest == 1:
            raise ConfigError(
                f"{node.name} needs at least two samples in every batch, but {samples} samples in "
                f"batches of {batch // parts} leave one alone; choose another 'batch_size'",
                ("train", "batch_size"),
            )

"""What a training cannot do with this plan and this data, found before it starts."""

import math

from cnntrain.errors import ConfigError, Problems
from cnntrain.layers import WholeBatchLayer
from cnntrain.metrics.base import Metric
from cnntrain.training.experiment import Experiment, _monitored, training_clock


def check_training(experiment: Experiment, problems: Problems) -> None:
    """Note every warm-up, batch or metric that this training cannot have."""
    plan, data = experiment.plan, experiment.data
    with problems.gathered():
        plan.schedule.check(training_clock(plan, len(data.train)))
    with problems.gathered():
        _check_last_batch(experiment)
    for k, score in enumerate(plan.metrics):
        with problems.gathered():
            _check_metric(experiment, score, ("metrics", k))
    labelled = data.classes is not None
    names = ["loss", "accuracy"] if labelled else ["loss", "mae", "rmse"]
    names += [score.name for score in plan.metrics if score.of_labels == labelled]
    known = [
        f"{split}/{name}"
        for split in ("train", "val")
        if split in data.splits
        for name in dict.fromkeys(names)
    ]
    wanted: list[tuple[tuple[str, ...], str]] = [(("train", "monitor"), _monitored(experiment))]
    wanted += [(("train", "stop", "target", metric), metric) for metric in plan.train.stop.target]
    for place, metric in wanted:
        if metric not in known:
            problem = f"this training has no metric {metric!r}; it has {', '.join(known)}"
            problems.found.append(ConfigError(problem, place))


def _check_metric(experiment: Experiment, score: Metric, place: tuple[str | int, ...]) -> None:
    """A metric must be of what is learned, and of as many classes."""
    if score.of_labels != (experiment.data.classes is not None):
        kind = "classification" if score.of_labels else "regression"
        raise ConfigError(f"{score.kind} is a metric of {kind}; remove it", place)
    outputs = experiment.network.out_shape[0]
    if score.two_classes and outputs > 2:
        raise ConfigError(
            f"{score.kind} is a metric of two classes, but the network has {outputs} outputs; "
            "remove it",
            place,
        )


def _check_last_batch(experiment: Experiment) -> None:
    """A batch normalization of vectors needs two samples: one alone has no variance."""
    samples = len(experiment.data.train)
    batch = experiment.plan.train.samples_per_step(samples)
    smallest = samples % batch or batch
    for node in experiment.network.nodes:
        alone = isinstance(node.layer, WholeBatchLayer) and math.prod(node.out_shape[1:]) == 1
        if alone and smallest == 1:
            raise ConfigError(
                f"{node.name} needs at least two samples in every batch, but {samples} samples in "
                f"batches of {batch} leave one alone; choose another 'batch_size'",
                ("train", "batch_size"),
            )

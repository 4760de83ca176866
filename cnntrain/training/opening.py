"""Opening an experiment: the network built, the data read, and both checked to match."""

from collections.abc import Callable
from dataclasses import replace

from cnntrain.config.plan import Plan
from cnntrain.data.dataset import Dataset, Schema
from cnntrain.data.locate import Find
from cnntrain.data.normalize import Normalizer, fit_targets
from cnntrain.data.prepare import Prepared, SplitName, alone, prepare, with_test_split
from cnntrain.errors import ConfigError, Problems, ShapeError
from cnntrain.network.graph import Node
from cnntrain.network.network import Network
from cnntrain.network.objective import LossTerm, Objective
from cnntrain.training.experiment import Experiment, build_network
from cnntrain.training.reading import Known, in_classes, read_dataset, with_classes
from cnntrain.types import Shape


def open_experiment(
    plan: Plan,
    find: Find,
    normalizer: Normalizer | None = None,
    further: Callable[[Experiment, Problems], None] | None = None,
    schema: Schema | None = None,
    dataset: Dataset | None = None,
) -> Experiment:
    """Build the network, read the data, check that they match; all mistakes are reported together.

    ``normalizer``: statistics fitted before, as stored in a checkpoint. ``further``: more checks,
    of what the experiment is opened for. ``schema``: what the data meant to the network when it was
    trained, by which names are matched. ``dataset``: data that is in memory already.
    """
    network = build_network(plan, find)
    dataset = dataset or read_dataset(plan, find, schema)
    if dataset.sample_shape != network.in_shape:
        raise ShapeError(
            f"the data's samples have shape {dataset.sample_shape}, "
            f"but 'input' says {network.in_shape}",
            ("input",),
        )
    dataset = with_classes(plan, network, dataset)
    problems = Problems()
    _check_augmentations(plan, dataset.sample_shape, problems)
    with problems.gathered():
        check_losses_fit(plan, network, dataset.target_shape)
        check_outputs_fit_classes(plan, network, dataset.classes)
    with problems.gathered():
        fitted = normalizer or plan.data.normalize
        dataset = with_test_split(dataset, plan.data.test_split, plan.seed)
        prepared = prepare(dataset, plan.data.validation, fitted, plan.seed, plan.data.fold)
        prepared = _with_normalized_targets(plan, prepared)
        experiment = Experiment(plan, network, prepared)
        with problems.gathered():
            experiment.check_memory()
        if further is not None:
            further(experiment, problems)
    problems.check()
    _ = experiment.objective  # its losses are fitted here, before any folder is made
    return experiment


def open_split(
    plan: Plan, network: Network, find: Find, name: SplitName, known: Known
) -> Experiment:
    """One split with files of its own, to evaluate a trained network on; nothing else is read."""
    part = plan.data.source.load_as(known.schema, find, plan.seed, (name,))[name]
    if part.split.sample_shape != network.in_shape:
        raise ShapeError(
            f"samples have shape {part.split.sample_shape}, but the network takes "
            f"{network.in_shape}"
        )
    split = in_classes(part.split, known.schema, name)
    prepared = alone(name, split, known.schema, known.normalizer)
    return Experiment(plan, network, replace(prepared, notes=part.notes), known.losses)


def _with_normalized_targets(plan: Plan, prepared: Prepared) -> Prepared:
    """Fit the normalization of the targets, unless a fitted one came with that of the inputs."""
    if plan.data.normalize_targets == "none" or prepared.normalizer.of_targets is not None:
        return prepared
    if prepared.classes is not None:
        raise ConfigError(
            "the targets are classes, which have no scale; remove 'normalize_targets', or write "
            "the targets of a regression as decimal numbers (csv: name its columns in 'targets')",
            ("data", "normalize_targets"),
        )
    for term in plan.loss:
        if term.loss.takes_soft_labels or term.loss.single_output_is_yes:
            raise ConfigError(
                f"{term.loss.kind} needs targets from 0 to 1; remove 'normalize_targets', or use "
                "squared_error",
                ("data", "normalize_targets"),
            )
    normalizer = prepared.normalizer.with_targets(fit_targets(prepared.train))
    return replace(prepared, normalizer=normalizer)


def _check_augmentations(plan: Plan, sample_shape: Shape, problems: Problems) -> None:
    for k, augmentation in enumerate(plan.data.augment):
        with problems.gathered():
            try:
                augmentation.check(sample_shape)
            except ShapeError as error:
                raise ShapeError(str(error), ("data", "augment", k)) from None


def _losses_and_nodes(plan: Plan, network: Network) -> list[tuple[LossTerm, Node]]:
    """Every loss with the node whose output it reads."""
    objective = Objective(plan.loss)
    heads = (network.nodes[k] for k in network.heads)
    return [
        (objective.main, network.nodes[-1]),
        *zip(objective.on_heads, heads, strict=True),
    ]


def check_losses_fit(plan: Plan, network: Network, target_shape: Shape | None) -> None:
    """Every loss must match the output it reads, and must not be given a second softmax."""
    for term, node in _losses_and_nodes(plan, network):
        place = ("network", node.item)
        try:
            term.loss.check(node.out_shape, target_shape)
        except ShapeError as error:
            raise ShapeError(f"{node.name}: {error}", place) from None
        if node.layer.kind in term.loss.contains:
            raise ShapeError(
                f"{term.loss.kind} contains the {node.layer.kind} and takes what comes before "
                "it; remove this layer",
                place,
            )


def check_outputs_fit_classes(
    plan: Plan, network: Network, classes: tuple[str, ...] | None
) -> None:
    """Every output that a loss reads needs one unit per class, or a single one for two classes."""
    for term, node in _losses_and_nodes(plan, network) if classes is not None else ():
        units, needed = node.out_shape[0], len(classes or ())
        if units == needed or (units == 1 and needed == 2 and term.loss.single_output_is_yes):
            continue
        if units > needed:
            raise ShapeError(
                f"{node.name}: {units} outputs, but the data has {needed} classes; give it "
                f"{needed} units (or name all classes with 'class_names', if some do not occur)",
                ("network", node.item),
            )
        raise ShapeError(
            f"{node.name}: the data has {needed} classes, but this layer only {units} outputs; "
            f"give it {needed} units, or for a regression list the column under 'targets' (in "
            "arrays write 0.0, not 0)",
            ("network", node.item),
        )

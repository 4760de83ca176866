"""``cnntrain import``: a model of another tool as a config and a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnntrain.config.read import plan_to_tree, read_config
from cnntrain.data.locate import DataFolders
from cnntrain.errors import ConfigError, ExitCode
from cnntrain.exchange.folder import check_new, write_model_folder
from cnntrain.exchange.imported import plan_of, schema_of, tree_of
from cnntrain.exchange.onnx_in.model import as_arrays, read_onnx
from cnntrain.exchange.safetensors_file import read_safetensors
from cnntrain.exchange.stand_in import check_normalizer, stand_in
from cnntrain.network.objective import Objective
from cnntrain.runs.console import warn
from cnntrain.text import printable
from cnntrain.training.experiment import Experiment, build_network
from cnntrain.training.opening import open_experiment
from cnntrain.types import Params


@dataclass(frozen=True)
class ImportOptions:
    """The options of the command, as given."""

    out: Path
    weights: Path | None = None
    like: Path | None = None
    output: str | None = None
    settings: Sequence[str] = ()
    data_dir: Path | None = None


def run_import(path: Path, options: ImportOptions) -> ExitCode:
    """Read the model, write the folder, and say what is in it."""
    check_new(options.out)
    if options.weights is not None:
        experiment, params = _with_weights(path, options.weights, options)
    elif path.suffix.lower() == ".onnx":
        experiment, params = _of_onnx(path, options)
    else:
        raise ConfigError(
            f"{path}: name a model that ends in .onnx, or a config and its --weights FILE"
        )
    has_noise = options.weights is None and options.like is None
    samples = experiment.data.train if has_noise else None
    write_model_folder(options.out, experiment, params, samples)
    _tell(options.out, experiment, has_noise)
    return ExitCode.DONE


def _tell(out: Path, experiment: Experiment, has_noise: bool) -> None:
    network, losses = experiment.network, experiment.plan.loss
    shape = "x".join(map(str, network.in_shape))
    print(printable(f"wrote {out}: {network.parameter_count:,} parameters, samples {shape}"))
    if has_noise:
        warn(
            f"The loss is {losses[0].loss.kind} (--set loss=...). The data are noise: evaluate it "
            f"with 'cnntrain eval {out} --data FILE.npz', or import it with --like CONFIG"
        )


def _of_onnx(path: Path, options: ImportOptions) -> tuple[Experiment, Params]:
    """(the experiment of a model, its arrays)."""
    base = None if options.like is None else read_config(options.like).plan
    tree = None if base is None else plan_to_tree(base)
    found = read_onnx(path, options.output)
    plan = plan_of(tree_of(found, path, tree), options.settings)
    loss = Objective(plan.loss).main.loss.kind
    if loss != found.loss:
        found = read_onnx(path, options.output, loss)
        plan = plan_of(tree_of(found, path, tree), options.settings)
    folder = Path() if options.like is None else options.like.parent
    find = DataFolders.of(options.data_dir, folder).find
    network = build_network(plan, find)
    params = as_arrays(found.params, plan.numpy_dtype)
    if options.like is None:
        return stand_in(plan, network, found.normalizer, schema_of(found)), params
    fitted = None if found.normalize is None else found.normalizer
    return open_experiment(plan, find, fitted), params


def _with_weights(path: Path, weights: Path, options: ImportOptions) -> tuple[Experiment, Params]:
    """(the experiment of a config, its arrays from a file).

    What the file says of the normalization and the classes holds; if it is silent, the training
    data that the config names is read for them.
    """
    config = read_config(path, options.settings)
    plan, find = config.plan, DataFolders.of(options.data_dir, path.parent).find
    with config.places():
        network = build_network(plan, find)
        params, about = read_safetensors(weights, network, plan.numpy_dtype)
        normalizer = about.normalizer(str(weights))
        if normalizer is None:
            return open_experiment(plan, find), params
        check_normalizer(plan, network, normalizer, str(weights))
        return stand_in(plan, network, normalizer, about.schema), params

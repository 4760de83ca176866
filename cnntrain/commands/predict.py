"""``cnntrain predict``: classes or values of new samples."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cnntrain.commands.answers import FORMATS, Columns, Format, Writer, written_to
from cnntrain.commands.target import checkpoint_folders, with_data_settings
from cnntrain.data.inputs.portion import Wanted
from cnntrain.data.inputs.read import holds_images, portions
from cnntrain.data.sources.base import Source
from cnntrain.environment import available_cores
from cnntrain.errors import ConfigError, DataError, ExitCode
from cnntrain.runs.checkpoint import Checkpoint, best_checkpoint, load
from cnntrain.runs.console import progress_bar, warn
from cnntrain.runs.names import resolve
from cnntrain.text import counted
from cnntrain.training.predict import Predictor
from cnntrain.training.workers import Workers

OF_BYTES = ("folder", "labelled_images", "idx", "cifar10", "cifar100")  # sources of pixels 0..255


@dataclass(frozen=True)
class PredictOptions:
    """The options of the command, as given."""

    top: int | None = None
    format: Format = "csv"
    out: Path | None = None
    columns: str | None = None
    settings: Sequence[str] = ()
    data_dir: Path | None = None
    threads: int | None = None


def run_predict(path: Path, inputs: Sequence[str], options: PredictOptions) -> ExitCode:
    """Predict all samples of the inputs; the exit code is 1 if some could not be read."""
    found = load(best_checkpoint(resolve(path)))
    source = with_data_settings(found.plan, options.settings).data.source
    writer = _writer(found, options)
    find = checkpoint_folders(found, options.data_dir).find
    wanted = Wanted(found.network.in_shape, source, found.known.schema)
    _warn_of_other_pixels(source, inputs)
    broken: list[str] = []

    def report(message: str) -> None:
        broken.append(message)
        warn(f"Error: {message}")

    with (
        written_to(options.out, writer) as write,
        Workers(options.threads or available_cores()) as workers,
        progress_bar("sample") as bar,
        closing(portions(inputs, find, wanted, sys.stdin.buffer, report)) as samples,
    ):
        done = 0
        for portion in samples:
            bar.total += portion.total or 0
            z = writer.columns.predictor.outputs(portion.x, workers)
            write((b"" if done else writer.start()) + writer.portion(portion.ids, z))
            done += len(portion.ids)
            bar.update(len(portion.ids))
        if not done:
            raise DataError("no sample could be read; nothing is predicted")
    if broken:
        warn(f"{counted(len(broken), 'sample')} left out, {done:,} predicted")
    return ExitCode.FAILED if broken else ExitCode.DONE


def predictor_of(found: Checkpoint) -> Predictor:
    """The trained network of a checkpoint as a function."""
    dtype = found.plan.numpy_dtype
    return Predictor(found.network, found.state.evaluated(), found.known, dtype)


def _writer(found: Checkpoint, options: PredictOptions) -> Writer:
    """What is written and how, once the options are found to fit the network."""
    predictor = predictor_of(found)
    classes = predictor.classes
    if options.top is not None and classes is None:
        raise ConfigError(
            f"--top: {found.path} predicts real-valued targets ({', '.join(predictor.targets)}), "
            "not classes; remove --top"
        )
    if options.top is not None and options.top > len(classes or ()):
        raise ConfigError(f"--top {options.top}: there are {len(classes or ())} classes")
    kind = FORMATS[options.format]
    if not kind.is_text and (options.top is not None or options.columns is not None):
        raise ConfigError("--format npy writes one array of all classes; remove --top, --columns")
    if not kind.is_text and options.out is None:
        raise ConfigError("--format npy is not text; name a file with --out FILE")
    names = tuple(name.strip() for name in (options.columns or "").split(",") if name.strip())
    if options.columns is not None and not names:
        raise ConfigError("--columns names no column; give two or more, such as ImageId,Label")
    return kind(Columns(predictor, options.top or 1, names))


def _warn_of_other_pixels(source: Source, inputs: Sequence[str]) -> None:
    if source.kind not in OF_BYTES and holds_images(inputs):
        warn(
            f"Warning: the network was trained on data of the source {source.kind!r}, but pixels "
            "of image files are 0 to 255; the predictions are wrong if its scale was another"
        )

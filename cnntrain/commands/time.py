"""``cnntrain time``: where the time of a training step goes."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cnntrain.commands.target import tell_what_was_read
from cnntrain.config.read import read_config
from cnntrain.data.locate import DataFolders
from cnntrain.diagnostics.timing import LayerTime, StepTimes, time_step
from cnntrain.environment import available_cores
from cnntrain.errors import ExitCode
from cnntrain.runs.names import config_of
from cnntrain.text import json_text, printable, table
from cnntrain.training.experiment import training_clock
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import start
from cnntrain.training.workers import Workers


def run_time(
    path: Path,
    settings: Sequence[str],
    data_dir: Path | None,
    threads: int | None,
    runs: int,
    as_json: bool,
) -> ExitCode:
    """Time steps on the first batch and print the table or the JSON document."""
    path = config_of(path)
    config = read_config(path, settings)
    with config.places():
        experiment = open_experiment(config.plan, DataFolders.of(data_dir, path.parent).find)
        tell_what_was_read(experiment)
        state = start(config.plan, experiment.network)
    clock = training_clock(config.plan, len(experiment.data.train))
    with Workers(threads or available_cores()) as workers:
        times = time_step(experiment, state, clock, workers, runs)
    print(json_text(asdict(times)) if as_json else printable(report(times)))
    return ExitCode.DONE


def report(times: StepTimes) -> str:
    """One row per layer, then the rest of a step."""
    in_layers = sum(layer.forward_ms + layer.backward_ms for layer in times.layers)
    whole = in_layers + times.loss_ms + times.update_ms
    head = ["layer", "output", "forward ms", "backward ms", "share", "GFLOP/s", "output MB"]
    rows = [head, *(_row(layer, whole) for layer in times.layers)]
    for name, ms in (("loss", times.loss_ms), ("update", times.update_ms)):
        rows.append([name, "", f"{ms:.3f}", "", f"{100 * ms / whole:.1f}%", "", ""])
    shards = "one shard" if times.shards == 1 else f"each of {times.shards} shards"
    return (
        f"{table(rows, left=2)}\n\n"
        f"{shards} of {times.samples} samples takes {whole:.2f} ms on one thread, and loading it, "
        f"in the background, {times.input_ms:.2f} ms; a whole step takes {times.step_ms:.2f} ms"
    )


def _row(layer: LayerTime, whole: float) -> list[str]:
    return [
        layer.name,
        "x".join(map(str, layer.out_shape)),
        f"{layer.forward_ms:.3f}",
        f"{layer.backward_ms:.3f}",
        f"{100 * (layer.forward_ms + layer.backward_ms) / whole:.1f}%",
        f"{layer.gflops:.1f}",
        f"{layer.megabytes:.2f}",
    ]

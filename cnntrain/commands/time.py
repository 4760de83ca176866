"""``cnntrain time``: where the time of a training step goes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cnntrain.commands.target import tell_what_was_read
from cnntrain.config.read import read_config
from cnntrain.data.locate import DataFolders
from cnntrain.diagnostics.timing import LayerTime, RankTimes, StepTimes, time_rank, time_step
from cnntrain.environment import available_cores
from cnntrain.errors import ExitCode
from cnntrain.native import Engine, current, engine_named, using
from cnntrain.runs.mpi import team_for
from cnntrain.runs.names import config_of
from cnntrain.text import counted, json_text, printable, table
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import start
from cnntrain.training.team import Team
from cnntrain.training.workers import Workers
from cnntrain.views.explain.summary import engine_line


@dataclass(frozen=True)
class TimeOptions:
    """The options of the command, as given."""

    settings: Sequence[str] = ()
    data_dir: Path | None = None
    threads: int | None = None
    runs: int = 20
    compare: bool = False
    as_json: bool = False
    mpi: bool | None = None  # None: if an MPI launcher has started this process


def run_time(path: Path, options: TimeOptions) -> ExitCode:
    """Time steps on the first batch and print the table or the JSON document."""
    path = config_of(path)
    with team_for(options.mpi) as team:
        (experiment,) = team.opened(lambda: (_opened(path, options),))
        if team.rank == 0:
            tell_what_was_read(experiment)
        if team.size > 1:
            return _time_ranks(experiment, team, options)
    if not options.compare:
        times = _timed(experiment, current(), options)
        print(json_text(asdict(times)) if options.as_json else printable(report(times)))
        return ExitCode.DONE
    both = {name: _timed(experiment, engine_named(name), options) for name in ("native", "numpy")}
    if options.as_json:
        print(json_text({name: asdict(times) for name, times in both.items()}))
    else:
        print(printable(comparison(both["native"], both["numpy"])))
    return ExitCode.DONE


def _opened(path: Path, options: TimeOptions) -> Experiment:
    config = read_config(path, options.settings)
    with config.places():
        folders = DataFolders.of(options.data_dir, path.parent)
        return open_experiment(config.plan, folders.find)


def _time_ranks(experiment: Experiment, team: Team, options: TimeOptions) -> ExitCode:
    """Time the steps of all ranks of an MPI job; rank 0 prints the table or the JSON document."""
    state = start(experiment.plan, experiment.network)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    threads = options.threads or max(1, available_cores() // team.on_this_host)
    with Workers(threads, team) as workers:
        times = team.gathered(time_rank(experiment, state, clock, workers, options.runs))
    if team.rank == 0:
        found = {"engine": str(current()), "ranks": [asdict(each) for each in times]}
        print(json_text(found) if options.as_json else printable(ranks_report(times, threads)))
    return ExitCode.DONE


def ranks_report(times: Sequence[RankTimes], threads: int) -> str:
    """One row per rank: the mean of its steps, and what they went into.

    Hidden: communication while the rank was at work, which costs no time.
    """
    kinds = ("step", "compute", "communication", "waiting", "hidden")
    rows = [["rank", "shards", *(f"{kind} ms" for kind in kinds)]]
    for each in times:
        found = (f"{getattr(each, f'{kind}_ms'):.3f}" for kind in kinds)
        rows.append([str(each.rank), str(each.shards), *found])
    return f"{table(rows)}\n\nengine {current()}, {counted(threads, 'thread')} per rank"


def _timed(experiment: Experiment, engine: Engine, options: TimeOptions) -> StepTimes:
    state = start(experiment.plan, experiment.network)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with using(engine), Workers(options.threads or available_cores()) as workers:
        return time_step(experiment, state, clock, workers, options.runs)


def comparison(native: StepTimes, numpy: StepTimes) -> str:
    """One row per layer: milliseconds of both engines, and how many times as fast is native."""
    head = ["layer", "native: forward", "backward", "numpy: forward", "backward", "times"]
    rows = [head]
    for ours, theirs in zip(native.layers, numpy.layers, strict=True):
        each = (ours.forward_ms, ours.backward_ms, theirs.forward_ms, theirs.backward_ms)
        ratio = (each[2] + each[3]) / max(each[0] + each[1], 1e-9)
        rows.append([ours.name, *(f"{ms:.3f}" for ms in each), f"{ratio:.1f}"])
    for name, ours_ms, theirs_ms in (
        ("loss", native.loss_ms, numpy.loss_ms),
        ("update", native.update_ms, numpy.update_ms),
        ("whole step", native.step_ms, numpy.step_ms),
    ):
        ratio = theirs_ms / max(ours_ms, 1e-9)
        rows.append([name, f"{ours_ms:.3f}", "", f"{theirs_ms:.3f}", "", f"{ratio:.1f}"])
    return table(rows, left=1)


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
        f"in the background, {times.input_ms:.2f} ms; a whole step takes {times.step_ms:.2f} ms\n"
        f"{engine_line(times.engine, times.by_numpy, len(times.layers))}"
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

"""``cnntrain sweep``: search for the best values of some keys."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, engine_option, seed_option


@click.command("sweep")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    required=True,
    metavar="KEY=RANGE",
    help="What to vary: log(A,B), uniform(A,B), int(A,B) or choice(X,Y,...); or KEY=VALUE, the "
    "same in all trials. May be repeated.",
)
@click.option(
    "--method",
    type=click.Choice(["random", "grid", "tpe"]),
    default="random",
    show_default=True,
    help="Draw from the ranges, take all combinations, or learn from earlier trials (tpe).",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Number of trials. [default: 20; the whole grid]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Trials at a time; they share the cores.",
)
@click.option("--prune", is_flag=True, help="Stop trials that are worse than the median early.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder. [default: runs/NAME/sweep-N]")
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the sweep in --out, or the newest one of this name; more --trials extend it.",
)
@seed_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads of each trial; no result depends on it. [default: cores / jobs]",
)
@data_dir_option
@engine_option
def command(
    config: Path,
    settings: tuple[str, ...],
    method: str,
    trials: int | None,
    jobs: int,
    prune: bool,
    out: Path | None,
    resume: bool,
    seed: int | None,
    threads: int | None,
    data_dir: Path | None,
) -> int:
    """Train CONFIG with many values of some keys, and find the best.

    A trial is judged by train.monitor at its best epoch, by default the validation accuracy or
    loss. Random trials and grids are the same each time for one seed; tpe and --prune need the
    extra: pip install "cnntrain[sweep]". A grid needs to know the points of a range: log(A,B,4).

    The table goes to stdout; the folder gets best.yaml, summary.json, report.html (extra "report")
    and a run folder per trial. After Ctrl-C or a kill, the same command with --resume keeps trials
    that have ended and continues the others. Exit code 0 if a trial finished, 3 if all diverged.

    \b
    Examples:
      cnntrain sweep configs/xor.yaml --set 'lr=log(0.01,1)' --trials 3
      cnntrain sweep configs/xor.yaml --set 'lr=log(0.1,1,2)' --set 'seed=int(0,1)' --method grid
      cnntrain sweep configs/xor.yaml --set 'lr=log(0.1,1)' --trials 3 --jobs 2 --method tpe
    """
    from cnntrain.commands.sweep.run import run_sweep
    from cnntrain.commands.sweep.trials import SweepOptions

    options = SweepOptions(
        settings=settings,
        method=method,
        trials=trials,
        jobs=jobs,
        prune=prune,
        out=out,
        resume=resume,
        seed=seed,
        threads=threads,
        data_dir=data_dir,
    )
    return int(run_sweep(config, options))

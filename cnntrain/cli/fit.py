"""``cnntrain fit``: train a network."""

from pathlib import Path

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    mpi_option,
    seed_option,
    settings_option,
    threads_option,
)


@click.command("fit")
@click.argument("config", type=click.Path(path_type=Path))
@settings_option
@click.option("--out", type=click.Path(path_type=Path), help="Run folder. [default: runs/NAME/N]")
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the run in --out, or the newest one of this name, exactly where it stopped.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
@click.option(
    "--init-from",
    type=click.Path(path_type=Path),
    metavar="CHECKPOINT",
    help="Start a new run from the weights of a checkpoint or run folder.",
)
@click.option(
    "--except",
    "left_out",
    multiple=True,
    metavar="LAYER",
    help="With --init-from: this layer keeps its own first weights. May be repeated.",
)
@click.option(
    "--fold",
    metavar="I/K",
    help="Hold out part I of K of the training data: cross-validation.",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    metavar="K",
    help="Train K networks, each with another of K parts held out; show mean and deviation.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    metavar="N",
    help="Train N networks with the seeds seed, seed + 1, ...; show mean and deviation.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Before training, test data, initial loss and gradients, and try to learn two batches.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Stop before training, after checking shapes and data (and, with --check, the self-test).",
)
@click.option(
    "--print-config",
    is_flag=True,
    help="Print the config with all defaults and the layers' shapes; do not train.",
)
@seed_option
@threads_option
@data_dir_option
@engine_option
@mpi_option
@click.option("--quiet", "-q", is_flag=True, help="Show warnings and errors only.")
def command(
    config: Path,
    settings: tuple[str, ...],
    out: Path | None,
    resume: bool,
    overwrite: bool,
    init_from: Path | None,
    left_out: tuple[str, ...],
    fold: str | None,
    folds: int | None,
    seeds: int | None,
    check: bool,
    dry_run: bool,
    print_config: bool,
    seed: int | None,
    threads: int | None,
    data_dir: Path | None,
    mpi: bool | None,
    quiet: bool,
) -> int:
    """Train the network that CONFIG describes.

    Writes config, environment, metrics, log and checkpoints into a run folder. Ctrl-C finishes the
    running step and writes a checkpoint; --resume continues from there, and ends with the same
    weights, bit for bit, as an uninterrupted run.

    With --folds or --seeds there are several runs, in one folder (runs/NAME/folds-N, seeds-N);
    --resume continues after a stop or a kill, and runs that have ended are not run again. The table
    goes to stdout and, as summary.json, into that folder; exit code 3 if any of them diverged.

    \b
    Examples:
      cnntrain fit configs/digits.yaml
      cnntrain fit configs/digits.yaml --check
      cnntrain fit configs/digits.yaml --set train.epochs=3 --set optimizer.sgd.lr=0.02
      cnntrain fit configs/digits.yaml --folds 5
      cnntrain fit configs/mnist-lenet5.yaml --data-dir ~/data --out runs/lenet
      mpiexec -n 4 cnntrain fit configs/digits.yaml
    """
    from cnntrain.commands.fit import FitOptions, run_fit
    from cnntrain.commands.print_config import run_print_config

    if fold is not None:
        settings = (*settings, f"data.fold={fold}")
    if print_config:
        return int(run_print_config(config, settings, seed, data_dir))
    if resume and overwrite:
        raise click.UsageError("--resume continues a run and --overwrite replaces it; choose one")
    several = _several(fold, folds, seeds)
    if resume and init_from and not several:
        raise click.UsageError("--resume continues a run and --init-from starts one; choose one")
    if left_out and not init_from:
        raise click.UsageError("--except goes with --init-from; name a checkpoint, or remove it")
    if several and (overwrite or dry_run):
        raise click.UsageError(f"--{several} trains several runs; remove --overwrite and --dry-run")
    if several and mpi:
        raise click.UsageError(f"--mpi trains one network, --{several} several; choose one")
    options = FitOptions(
        settings=settings,
        out=out,
        resume=resume,
        overwrite=overwrite,
        seed=seed,
        threads=threads,
        data_dir=data_dir,
        quiet=quiet,
        init_from=init_from,
        left_out=left_out,
        check=check,
        dry_run=dry_run,
        mpi=mpi,
    )
    if several:
        from cnntrain.commands.members import run_members

        return int(run_members(config, options, several, folds or seeds or 0))
    return int(run_fit(config, options))


def _several(fold: str | None, folds: int | None, seeds: int | None) -> str | None:
    """Which option asks for several runs; None if none does."""
    given = {"fold": fold, "folds": folds, "seeds": seeds}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise click.UsageError(f"choose one of {', '.join(f'--{name}' for name in names)}")
    return names[0] if names and names != ["fold"] else None

"""``cnntrain fit``: train a network."""

from pathlib import Path

import click


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the config, e.g. --set train.epochs=3. May be repeated.",
)
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
    "--fold",
    metavar="I/K",
    help="Hold out the I-th of K parts of the training data: cross-validation.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Before training, test data, start, gradients, and that two batches can be learned.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Stop before training: shapes and data fit (and with --check, the self-test passes).",
)
@click.option(
    "--print-config",
    is_flag=True,
    help="Print the config with all defaults and the layers' shapes; do not train.",
)
@click.option("--seed", type=int, help="Seed of all randomness; stands above the config's.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads to use; the result does not depend on it. [default: all cores]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of the data files. [default: $CNNTRAIN_DATA, the config's folder, this folder]",
)
@click.option("--quiet", "-q", is_flag=True, help="Show warnings and errors only.")
def fit(
    config: Path,
    settings: tuple[str, ...],
    out: Path | None,
    resume: bool,
    overwrite: bool,
    init_from: Path | None,
    fold: str | None,
    check: bool,
    dry_run: bool,
    print_config: bool,
    seed: int | None,
    threads: int | None,
    data_dir: Path | None,
    quiet: bool,
) -> int:
    """Train the network that CONFIG describes.

    Writes config, environment, metrics, log and checkpoints into a run folder. Ctrl-C finishes the
    running step and writes a checkpoint; --resume continues from there with the same final weights,
    bit for bit, as if nothing had happened.

    \b
    Examples:
      cnntrain fit configs/digits.yaml
      cnntrain fit configs/digits.yaml --check
      cnntrain fit configs/digits.yaml --set train.epochs=3 --set optimizer.sgd.lr=0.02
      cnntrain fit configs/mnist-lenet5.yaml --data-dir ~/data --out runs/lenet
    """
    from cnntrain.commands.fit import FitOptions, run_fit
    from cnntrain.commands.print_config import run_print_config

    if fold is not None:
        settings = (*settings, f"data.fold={fold}")
    if print_config:
        return int(run_print_config(config, settings, seed, data_dir))
    if resume and overwrite:
        raise click.UsageError("--resume continues a run and --overwrite replaces it; choose one")
    if resume and init_from:
        raise click.UsageError("--resume continues a run and --init-from starts one; choose one")
    options = FitOptions(
        settings,
        out,
        resume,
        overwrite,
        seed,
        threads,
        data_dir,
        quiet,
        init_from,
        check,
        dry_run,
    )
    return int(run_fit(config, options))

"""Options that several commands share, each declared once."""

import os
from pathlib import Path

import click

settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the config, e.g. --set train.epochs=3, or --set lr=0.1 for "
    "the key of that name if there is only one. May be repeated.",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of the data files. [default: $CNNTRAIN_DATA, the config's folder, this folder]",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads to use; the result does not depend on it. [default: all cores]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Seed of all random draws. [default: the config's, else 0]",
)


mpi_option = click.option(
    "--mpi/--no-mpi",
    default=None,
    help="Share the work with the other processes of an MPI job, which changes no bit. "
    "[default: if mpiexec or srun has started this one]",
)


def _use_language(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """Speak the language until the command has ended."""
    from cnntrain.views.languages import language_of, using

    ctx.with_resource(using(name or language_of(os.environ)))


lang_option = click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    callback=_use_language,
    expose_value=False,
    help="Language of the texts: English or Chinese. [default: that of the locale, else en]",
)


def _use_engine(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """Use the engine until the command has ended."""
    if name is not None:
        from cnntrain.native import engine_named, using

        ctx.with_resource(using(engine_named(name)))


engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", "native", "numpy"]),
    callback=_use_engine,
    expose_value=False,
    help="Compiled kernels (native), NumPy, or the compiled ones where they are built (auto). "
    "[default: $CNNTRAIN_ENGINE, else auto]",
)

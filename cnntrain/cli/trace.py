"""``cnntrain trace``: an update with all its numbers."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, engine_option, json_option, settings_option


@click.command("trace")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--sample",
    "samples",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="I",
    help="Training sample, from 0. May be repeated. [default: all if there are up to 4, else 0]",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of consecutive updates.",
)
@click.option(
    "--layer", "layers", multiple=True, metavar="NAME", help="Show this layer. May be repeated."
)
@click.option(
    "--explain",
    "entries",
    multiple=True,
    metavar="ENTRY",
    help="Write out the sum behind one entry of the last update, e.g. conv1.W[0,0,1,1], "
    "dense1.z[0], dense1.delta[0]. May be repeated.",
)
@settings_option
@data_dir_option
@engine_option
@json_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page to step through instead of text (extra 'report').",
)
def command(
    target: Path,
    samples: tuple[int, ...],
    steps: int,
    layers: tuple[str, ...],
    entries: tuple[str, ...],
    settings: tuple[str, ...],
    data_dir: Path | None,
    as_json: bool,
    html: Path | None,
) -> int:
    """Show one update of TARGET with all its numbers.

    TARGET is a config (its first update), a checkpoint or a run folder (the update that would
    follow). Forward through the layers, the loss and its δ, backward with ∂C/∂W and ∂C/∂b, the
    update, and the loss after it. Small arrays are shown in full, large ones by their statistics.

    \b
    Examples:
      cnntrain trace configs/worked-2-2-2.yaml
      cnntrain trace configs/worked-conv.yaml --explain "conv1.W[0,0,1,1]"
      cnntrain trace runs/digits/1 --sample 7 --layer conv1 --layer relu1
      cnntrain trace runs/digits/1 --html trace.html
    """
    from cnntrain.commands.trace import TraceOptions, run_trace

    options = TraceOptions(
        settings=settings,
        data_dir=data_dir,
        samples=samples,
        steps=steps,
        layers=layers,
        entries=entries,
        as_json=as_json,
        html=html,
    )
    return int(run_trace(target, options))

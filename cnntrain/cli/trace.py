"""``cnntrain trace``: an update with all its numbers."""

from pathlib import Path
from typing import Any

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    json_option,
    lang_option,
    settings_option,
)

SAMPLE_CHOICES = ("worst", "best", "random")


class SampleType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """A number from 0, or one of the words."""

    name = "sample"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """The number or the word; a usage error for anything else."""
        text = str(value)
        if text in SAMPLE_CHOICES:
            return text
        if not text.isdecimal():
            self.fail(f"{text!r} is neither a number nor one of {', '.join(SAMPLE_CHOICES)}.")
        return int(text)


@click.command("trace")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--sample",
    "samples",
    type=SampleType(),
    multiple=True,
    metavar="I",
    help="Training sample, from 0, or: worst (the most confident mistake, else the least confident "
    "right answer), best, random. May be repeated. [default: all if there are up to 4; else 0, or "
    "of a trained network the worst]",
)
@click.option(
    "--lr", type=click.FloatRange(min=0), metavar="η", help="η of the updates, not the schedule's."
)
@click.option(
    "--resume-step", is_flag=True, help="Trace the batch that a resumed run would take next."
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
@lang_option
@json_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page to step through instead of text (extra 'report').",
)
def command(
    target: Path,
    samples: tuple[Any, ...],
    lr: float | None,
    resume_step: bool,
    steps: int,
    layers: tuple[str, ...],
    entries: tuple[str, ...],
    settings: tuple[str, ...],
    data_dir: Path | None,
    as_json: bool,
    html: Path | None,
) -> int:
    """Show one update of TARGET with all its numbers.

    TARGET is a config (its first update), a checkpoint or a run folder (an update of the trained
    network, on a sample that it has something to learn from). Forward through the layers, the loss
    and its δ, backward with ∂C/∂W and ∂C/∂b, the update, and the loss after it. Small arrays are
    shown in full, large ones by their statistics.

    \b
    Examples:
      cnntrain trace configs/worked-2-2-2.yaml
      cnntrain trace configs/worked-conv.yaml --explain "conv1.W[0,0,1,1]"
      cnntrain trace runs/digits/1 --sample 7 --layer conv1 --layer relu1
      cnntrain trace runs/digits/1 --lr 0.1 --explain "loss.delta[0]"
      cnntrain trace runs/digits/1 --html trace.html
    """
    from cnntrain.commands.trace import TraceOptions, run_trace

    options = TraceOptions(
        settings=settings,
        data_dir=data_dir,
        samples=samples,
        steps=steps,
        lr=lr,
        resume_step=resume_step,
        layers=layers,
        entries=entries,
        as_json=as_json,
        html=html,
    )
    return int(run_trace(target, options))

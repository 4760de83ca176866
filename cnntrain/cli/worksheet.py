"""``cnntrain worksheet``: exercises in backpropagation."""

from pathlib import Path

import click

from cnntrain.cli.options import lang_option

TOPICS = ("conv", "mlp", "pool", "softmax", "batch_norm", "optimizer")


@click.command("worksheet")
@click.argument("topic", type=click.Choice(TOPICS), default="conv")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which sheet."
)
@click.option(
    "--count",
    type=click.IntRange(min=1, max=100),
    default=5,
    show_default=True,
    help="Number of exercises.",
)
@click.option("--key", is_flag=True, help="With the worked solutions, every sum written out.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page to print (.html, extra 'report') or Markdown (.md). [default: Markdown on "
    "stdout]",
)
@lang_option
def command(topic: str, seed: int, count: int, key: bool, out: Path | None) -> int:
    """Make exercises with clean numbers: forward, gradients, an update.

    The same topic, seed and count give the same sheet; 'cnntrain grade' marks the answers.

    \b
    Examples:
      cnntrain worksheet conv --seed 7 --count 3 --out sheet.html
      cnntrain worksheet conv --seed 7 --count 3 --key --out key.html
      cnntrain grade answers.yaml --seed 7
    """
    from cnntrain.commands.worksheet import run_worksheet

    return int(run_worksheet(topic, seed, count, key, out))

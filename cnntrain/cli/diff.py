"""``cnntrain diff``: how two runs differ."""

from pathlib import Path

import click

from cnntrain.cli.options import json_option


@click.command("diff")
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@json_option
def command(run_a: Path, run_b: Path, as_json: bool) -> int:
    """Compare two run folders.

    Shows what differs in config, environment and results, whether the last weights are identical,
    and the first epoch and step at which the recorded metrics differ. Exit code 0 if weights and
    metrics are the same (times do not count), 1 if they differ.

    \b
    Examples:
      cnntrain diff runs/digits/1 runs/digits/2
      cnntrain diff runs/digits/1 runs/digits/2 --json
    """
    from cnntrain.commands.diff import run_diff

    return int(run_diff(run_a, run_b, as_json))

"""``cnntrain grade``: answers to a worksheet, marked."""

from pathlib import Path

import click

from cnntrain.cli.options import json_option, lang_option


@click.command("grade")
@click.argument("answers", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seed", type=click.IntRange(min=0), help="Of the sheet. [default: the file's]")
@lang_option
@json_option
def command(answers: Path, seed: int | None, as_json: bool) -> int:
    """Mark the ANSWERS to a worksheet, a YAML file as printed at its end.

    A number is right if it differs by at most one unit of the last decimal asked for. Of a wrong
    one it says at which term it departs, or which common mistake gives it. Exit code 1 if a number
    is wrong or missing.

    \b
    Example:
      cnntrain grade answers.yaml --seed 7
    """
    from cnntrain.commands.grade import run_grade

    return int(run_grade(answers, seed, as_json))

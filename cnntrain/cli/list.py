"""``cnntrain list``: what a config can name."""

import click

from cnntrain.cli.options import json_option


@click.command("list")
@click.argument("kind", required=False)
@json_option
def command(kind: str | None, as_json: bool) -> int:
    """List what a config can name.

    KIND is layers, losses, optimizers, schedules, initializers, augmentations, metrics or data
    sources; without it, all. 'cnntrain explain NAME' tells more about one of them.

    \b
    Examples:
      cnntrain list
      cnntrain list layers
      cnntrain list sources --json
    """
    from cnntrain.commands.list import run_list

    return int(run_list(kind, as_json))

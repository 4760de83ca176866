"""``cnntrain schema``: the JSON Schema of configs."""

import click


@click.command("schema")
def command() -> int:
    """Print the JSON Schema (draft 7) of a config.

    Editors complete, check and explain a config by it, if its first line names the file:
    # yaml-language-server: $schema=schema.json

    \b
    Example:
      cnntrain schema > schema.json
    """
    from cnntrain.commands.schema import run_schema

    return int(run_schema())

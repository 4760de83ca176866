"""``cnntrain schema``: the JSON Schema of configs."""

from cnntrain.errors import ExitCode
from cnntrain.text import json_text
from cnntrain.views.schema import config_schema


def run_schema() -> ExitCode:
    """Print the schema."""
    print(json_text(config_schema(), indent=1))
    return ExitCode.DONE

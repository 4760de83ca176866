"""``cnntrain explain``: formulas, options and code of a kind; the rule of an experiment."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, json_option, lang_option, settings_option


@click.command("explain")
@click.argument("subject", required=False)
@settings_option
@data_dir_option
@lang_option
@json_option
def command(
    subject: str | None, settings: tuple[str, ...], data_dir: Path | None, as_json: bool
) -> int:
    """Explain SUBJECT as it is implemented.

    SUBJECT is a kind (a layer, loss, optimizer, schedule, initializer, augmentation, metric or data
    source): its formulas, options with types and defaults, a snippet to paste, source, and file and
    line of its code. Or it is a section or a key of the config, such as train.l2: its meaning and a
    snippet. Or it is a config, checkpoint or run folder: the exact function that is minimized and
    the update rule, with numbers. Without SUBJECT: all kinds.

    \b
    Examples:
      cnntrain explain conv2d
      cnntrain explain train.l2
      cnntrain explain schedule:constant
      cnntrain explain configs/mnist-lenet5.yaml
    """
    from cnntrain.commands.explain import run_explain

    return int(run_explain(subject, settings, data_dir, as_json))

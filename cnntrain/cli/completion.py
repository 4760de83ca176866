"""``cnntrain completion``: completion of commands, options and files by the shell."""

import click
from click.shell_completion import get_completion_class

from cnntrain.text import printable


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print a script that makes SHELL complete commands, options and file names.

    \b
    Examples:
      cnntrain completion bash >> ~/.bashrc
      cnntrain completion zsh >> ~/.zshrc
      cnntrain completion fish > ~/.config/fish/completions/cnntrain.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "cnntrain", "_CNNTRAIN_COMPLETE").source()
    click.echo(printable(script))
    return 0

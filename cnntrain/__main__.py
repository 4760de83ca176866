"""``python -m cnntrain``, and the console script of the same name."""

import sys

from cnntrain.errors import ExitCode


def run() -> None:
    """Run the command line; Ctrl-C while it is still being loaded leaves no traceback either."""
    try:
        from cnntrain.cli import run as run_command
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    run_command()


if __name__ == "__main__":
    run()

"""Entry point of ``python -m cnntrain`` and of the console script ``cnntrain``."""

import sys

from cnntrain.errors import ExitCode


def run() -> None:
    """Run the command line; Ctrl-C prints no traceback, not even during start-up."""
    try:
        from cnntrain.cli import run as run_command
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    run_command()


if __name__ == "__main__":
    run()

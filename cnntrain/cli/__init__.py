"""The command line: click, one short file per command, no logic. Nothing heavy is imported until
a command runs.

May import: commands, errors, text; anything else only inside a function.
"""

import difflib
import importlib
import io
import os
import pkgutil
import sys

import click

from cnntrain import __version__
from cnntrain.errors import CnntrainError, ExitCode
from cnntrain.text import printable

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


OTHER_WORDS = {
    "train": "fit", "run": "fit", "learn": "fit", "test": "eval", "evaluate": "eval",
    "validate": "eval", "check": "gradcheck", "show": "summary", "info": "summary",
    "model": "summary", "describe": "explain", "kinds": "list", "layers": "list", "compare": "diff",
    "new": "init", "create": "init", "start": "init",
    "infer": "predict", "classify": "predict", "apply": "predict",
    "convert": "export", "save": "export", "load": "import",
    "ls": "runs", "history": "runs", "tune": "sweep", "search": "sweep", "prune": "clean",
    "profile": "time", "benchmark": "time", "debug": "trace", "step": "trace",
}  # fmt: skip


class Commands(click.Group):
    """A group that knows what its commands are called elsewhere."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; for an unknown name, the one that is probably meant is named."""
        name = args[0] if args else ""
        if name in self.commands or name.startswith("-") or not name:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, self.commands, n=1, cutoff=0.6)
        meant = OTHER_WORDS.get(name.lower()) or (near[0] if near else None)
        hint = f"did you mean 'cnntrain {meant}'?" if meant else "'cnntrain --help' lists all."
        raise click.UsageError(f"no such command {name!r}; {hint}", ctx)


def _show_version(ctx: click.Context) -> None:
    from cnntrain.native import current, why_not

    print(printable(f"cnntrain {__version__}, engine {current()}"))
    if (reason := why_not()) is not None:
        print(printable(reason))
    ctx.exit()


@click.group(cls=Commands, context_settings=CONTEXT)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, asked: _show_version(ctx) if asked else None,
    help="Show the version and the engine, and exit.",
)
def main() -> None:
    """Train small neural networks from one YAML file, with the same bits on any CPU.

    \b
    First steps:
      cnntrain fit configs/digits.yaml           train on the embedded digits
      cnntrain eval runs/digits/1                test the best checkpoint of that run
      cnntrain trace configs/worked-2-2-2.yaml   see one update with all its numbers
      cnntrain gradcheck                         prove every gradient numerically

    \b
    Exit codes: 0 done, 1 failed, 2 usage or config error, 3 diverged,
    4 gradient check failed, 5 checkpoint unreadable, 129/130/143 stopped by a signal.
    """


for found in pkgutil.iter_modules(__path__):
    if found.name != "options":  # every other module is one command
        main.add_command(importlib.import_module(f"{__name__}.{found.name}").command)


def run() -> None:
    """Run the command line; every failure ends in one message and a documented exit code."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without Unicode shows escapes
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main(prog_name="cnntrain", standalone_mode=False)
    except CnntrainError as error:
        code = _fail(str(error), error.exit_code)
    except click.NoSuchOption as error:
        from cnntrain.commands.settings import setting_for

        setting = setting_for(error.option_name)
        if setting and error.ctx and error.ctx.info_name in ("fit", "data", "time", "summary"):
            message = f"no such option {error.option_name}; write --set {setting}=..."
            click.UsageError(message, error.ctx).show()
        else:
            error.show()
        code = ExitCode.USAGE
    except click.ClickException as error:
        code = _misused(error)
    except (click.Abort, KeyboardInterrupt):
        code = _fail("stopped at once", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        code = _close_stdout()
    except MemoryError:
        code = _fail("not enough memory; use a smaller batch or network", ExitCode.FAILED)
    except OSError as error:
        code = _fail(_os_message(error), ExitCode.FAILED)
    sys.exit(int(code or 0))


def _fail(message: str, code: ExitCode) -> ExitCode:
    if message:  # another rank says it
        click.echo(printable(f"Error: {message}"), err=True)
    return code


def _misused(error: click.ClickException) -> ExitCode:
    """Say what click says, which quotes the command line."""
    said = io.StringIO()
    error.show(said)
    click.echo(printable(said.getvalue()), err=True, nl=False)
    return ExitCode.USAGE


def _os_message(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}; check the path, its permissions and the free space"


def _close_stdout() -> ExitCode:
    """Handle a reader that has gone (``| head -1``): there is nothing more to do."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ExitCode.FAILED

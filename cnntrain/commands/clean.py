"""``cnntrain clean``: what nobody needs any more, shown first and removed on request."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cnntrain.errors import ExitCode, RunFolderError
from cnntrain.runs.console import warn
from cnntrain.runs.litter import Busy, Item, removable, remove
from cnntrain.runs.names import RUNS
from cnntrain.text import counted, printable, size, table


def run_clean(folder: Path | None, checkpoints: bool, agreed: Callable[[str], bool]) -> ExitCode:
    """List what would be removed, and remove it if ``agreed(question)``."""
    folder = folder or RUNS
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: no such folder; name one that holds runs")
    found = list(removable(folder, checkpoints))
    items = [each for each in found if isinstance(each, Item)]
    for each in found:
        if isinstance(each, Busy):
            warn(f"left alone: {each.folder}: {each.writer} is writing there")
    if not items:
        print(printable(f"nothing to remove below {folder}"))
        return ExitCode.DONE
    print(printable(items_text(items)))
    if not agreed(f"Remove {_in_words(items)}?"):
        warn("nothing was removed; --yes removes it without asking")
        return ExitCode.DONE
    kept = [item for item in items if not remove(item)]
    for item in kept:
        warn(f"left alone: {item.path}: it is in use by now")
    print(printable(f"removed {_in_words([item for item in items if item not in kept])}"))
    return ExitCode.DONE


def items_text(items: Sequence[Item]) -> str:
    """A row per file or folder."""
    rows = [[str(item.path), item.why, size(item.size) if item.name else ""] for item in items]
    return table([["path", "what it is", "size"], *rows], left=2)


def _in_words(items: Sequence[Item]) -> str:
    files = [item for item in items if item.name]
    parts = [f"{counted(len(files), 'file')} ({size(sum(i.size for i in files))})"] if files else []
    if empty := len(items) - len(files):
        parts.append(counted(empty, "empty folder"))
    return " and ".join(parts) or "nothing"

"""What a person calls a run: its folder, the name of its experiment, or a file."""

from pathlib import Path

from cnntrain.errors import RunFolderError
from cnntrain.files import native

RUNS = Path("runs")


def resolve(path: Path) -> Path:
    """The file or folder that is meant: a name means the newest run of that name.

    A run of that name takes precedence over a folder that is not a run.
    """
    if path.is_file() or is_run(path):
        return path
    if len(path.parts) == 1 and (numbers := numbered(RUNS / native(str(path)))):
        return RUNS / native(str(path)) / str(max(numbers))
    if path.is_dir() and (numbers := numbered(path)):
        shown = ", ".join(str(path / str(number)) for number in numbers[-5:])
        raise RunFolderError(f"{path}: holds {len(numbers)} runs, not one; choose from {shown}")
    return path


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    return path.is_dir() and ((path / "checkpoints").is_dir() or (path / "metrics.jsonl").is_file())


def numbered(folder: Path) -> list[int]:
    """The numbers of the runs in a folder, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(e.name) for e in folder.iterdir() if e.name.isdecimal() and is_run(e))


def config_of(path: Path) -> Path:
    """The config that is meant: a run folder or a name stands for the config of that run."""
    found = resolve(path)
    return found / "config.yaml" if is_run(found) else found

"""Everything that can go wrong, one class per exit code.

Every message reads "where: what; what would be right". The command line prints it in one piece
and leaves with the class's ``exit_code``; a user never sees a traceback.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller (README, "Exit codes")."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIVERGED = 3
    GRADIENT = 4
    CHECKPOINT = 5
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class CnntrainError(Exception):
    """Base of all errors that cnntrain raises on purpose."""

    exit_code = ExitCode.FAILED


class ConfigError(CnntrainError):
    """The config says something that cannot be; found before a folder is made.

    ``path`` is the place in the config, unless the message says it itself.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class ShapeError(ConfigError):
    """Two layers, or a layer and the data, do not fit."""


class NotAnImage(ShapeError):
    """A layer that works on images was given something else."""


class ConfigErrors(ConfigError):
    """Several at once."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


class Problems:
    """What checks that do not need each other found wrong with a config."""

    def __init__(self) -> None:
        self.found: list[ConfigError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """A ConfigError raised inside is kept, and told with the others."""
        try:
            yield
        except ConfigError as error:
            self.found.append(error)

    def check(self) -> None:
        """Raise what was found so far, if anything was."""
        if self.found:
            raise self.found[0] if len(self.found) == 1 else ConfigErrors(self.found)


class DataError(CnntrainError):
    """A data file is missing, broken, or does not fit the network."""


class MissingFile(DataError):
    """A data file is not to be found. ``name`` is how the config calls it."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class RunFolderError(CnntrainError):
    """A run folder cannot be made, written or continued."""


class WriteError(CnntrainError):
    """A file cannot be written: the disk is full, the folder is gone or may not be written."""


class Diverged(CnntrainError):
    """A loss, gradient or weight is not finite."""

    exit_code = ExitCode.DIVERGED


class CheckpointError(CnntrainError):
    """A checkpoint cannot be read, or does not match its config."""

    exit_code = ExitCode.CHECKPOINT

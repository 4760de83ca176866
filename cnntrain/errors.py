"""All errors, one class per exit code.

Every message has the form "where: what; what would be right". The command line prints it and exits
with the ``exit_code`` of the class; users never see a traceback.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of the process (README, "Exit codes")."""

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
    """Base of all errors that cnntrain raises deliberately."""

    exit_code = ExitCode.FAILED


class ConfigError(CnntrainError):
    """An invalid config, detected before a run folder is created.

    ``path`` is the location in the config, unless the message already contains it.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class ShapeError(ConfigError):
    """A mismatch between two layers, or between a layer and the data."""


class NotAnImage(ShapeError):
    """A layer that works on images was given something else."""


class ConfigErrors(ConfigError):
    """Several config errors at once."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


class Problems:
    """Collected errors of independent checks of a config."""

    def __init__(self) -> None:
        self.found: list[ConfigError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Collect a ConfigError raised inside, to be reported with the others."""
        try:
            yield
        except ConfigError as error:
            self.found.append(error)

    def check(self) -> None:
        """Raise the errors found so far, if any."""
        if self.found:
            raise self.found[0] if len(self.found) == 1 else ConfigErrors(self.found)


class DataError(CnntrainError):
    """A data file that is missing, broken, or does not match the network."""


class MissingFile(DataError):
    """A data file that cannot be found. ``name`` is its name in the config."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class PluginError(CnntrainError):
    """A plug-in of another package that cannot be imported."""


class RunFolderError(CnntrainError):
    """A run folder that cannot be created, written or resumed."""


class WriteError(CnntrainError):
    """A file that cannot be written: the disk is full, or the folder is missing or read-only."""


class Diverged(CnntrainError):
    """A loss, gradient or weight that is not finite."""

    exit_code = ExitCode.DIVERGED


class CheckpointError(CnntrainError):
    """A checkpoint that cannot be read, or does not match its config."""

    exit_code = ExitCode.CHECKPOINT


class RankError(CnntrainError):
    """A rank of an MPI job that has failed, or that nobody hears of any more."""


class KnownToAll(CnntrainError):
    """What hinders the start of an MPI job; without a message on all ranks but one."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code

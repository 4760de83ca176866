"""Ranks of an MPI job as a team; needs mpi4py (extra ``mpi``) and any MPI.

Whoever waits for a message looks whether the job still lives: every rank gives a sign of life to
the next one, and what goes wrong anywhere is told to all. Messages between ranks of one job are
trusted as the processes themselves are.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cnntrain import __version__
from cnntrain.config.differences import differences
from cnntrain.config.read import plan_to_tree
from cnntrain.environment import environment
from cnntrain.errors import CnntrainError, ConfigError, ExitCode, KnownToAll, RankError
from cnntrain.native import current
from cnntrain.runs.console import warn
from cnntrain.runs.pulse import Pulse
from cnntrain.training.experiment import Experiment
from cnntrain.training.team import ALONE, Ranks, Team

T = TypeVar("T")

VALUE, ASIDE = 1, 2  # tags of messages, by thread
LAUNCHERS = ("OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK")  # set by mpiexec, or by srun --mpi
BUSY = 2000  # looks for a message in a row (of a thread that nobody waits for: BURST), before
BURST = 20
LEAST_PAUSE_S, MOST_PAUSE_S = 5e-5, 1e-2  # each of the following ones: who waits long may wait
PAUSE = 0.02  # this share of the time longer, and leaves the core to others
UNTIL_READ_S = 0.5  # the launcher passes on what was said, unless the job ends before
GRACE_S = 5.0  # for rank 0 to write a checkpoint, once a rank has failed


class Said(NamedTuple):
    """What each rank says at the start."""

    problem: str | None
    exit_code: int
    about: Mapping[str, Any]


class MpiTeam(Ranks):
    """The ranks of ``MPI.COMM_WORLD``."""

    def __init__(self, mpi: Any, wrapped: Any) -> None:
        self._mpi, self._world = mpi, mpi.COMM_WORLD
        self._comm = wrapped(self._world.Dup())
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        shared = self._world.Split_type(mpi.COMM_TYPE_SHARED)
        self.on_this_host = int(shared.Get_size())
        self._tag = VALUE
        self._waiting_s = self._communication_s = 0.0
        self.hosts: list[str] = self._world.allgather(socket.gethostname())
        self.pulse = Pulse(self._world.Dup(), [self.called(k) for k in range(self.size)])

    def called(self, rank: int) -> str:
        """``rank 2 on node7``."""
        return f"rank {rank} on {self.hosts[rank]}"

    def exchange(self, sends: Sequence[tuple[Any, int]], source: int | None) -> Any:
        began = time.perf_counter()
        sent = [self._comm.isend(value, dest=to, tag=self._tag) for value, to in sends]
        message = None if source is None else self._first(source)
        arriving = time.perf_counter()
        found = None if message is None else message.recv()
        for request in sent:
            self._until(partial(_is_sent, request))
        self._waiting_s += arriving - began
        self._communication_s += time.perf_counter() - arriving
        return found

    def aside(self) -> "MpiTeam":
        found = copy(self)
        found._tag, found.is_awaited = ASIDE, False
        found._waiting_s = found._communication_s = 0.0
        return found

    @property
    def spent_s(self) -> tuple[float, float]:
        return self._communication_s, self._waiting_s

    def _first(self, source: int) -> Any:
        return self._until(lambda: self._comm.improbe(source, self._tag))

    def _until(self, look: Callable[[], T | None]) -> T:
        """What ``look`` finds, as soon as it finds something."""
        found = self._looked(look)
        if not found:
            with self.pulse.waiting():
                found = self._awaited(look)
        return found

    def _awaited(self, look: Callable[[], T | None]) -> T:
        looks, began = 0, time.monotonic()
        while not (found := self._looked(look)):
            if self.pulse.failure is not None:
                raise RankError(self.pulse.failure)
            looks += 1
            if looks > BUSY or not (self.is_awaited or looks % BURST):
                pause = PAUSE * (time.monotonic() - began)
                time.sleep(min(max(LEAST_PAUSE_S, pause), MOST_PAUSE_S))
            elif looks % 50 == 0:
                time.sleep(0)  # another rank may need this core
        return found

    def _looked(self, look: Callable[[], T | None]) -> T | None:
        try:
            return look()
        except self._mpi.Exception as error:
            raise RankError(f"{self.called(self.rank)}: lost contact ({error})") from None

    def of_first(self, value: T) -> T:
        if self.rank == 0:
            self.exchange([(value, to) for to in range(1, self.size)], None)
            return value
        found: T = self.exchange([], 0)
        return found

    def highest(self, value: int) -> int:
        mine, found = bytearray(value.to_bytes(8, "little")), bytearray(8)
        kind = self._mpi.INT64_T
        request = self._world.Iallreduce([mine, kind], [found, kind], self._mpi.MAX)
        self._until(request.Test)
        return int.from_bytes(found, "little")

    def gathered(self, value: T) -> list[T]:
        found = [value if k == self.rank else None for k in range(self.size)]
        for k in range(self.size):
            others = [to for to in range(self.size) if to != k]
            if self.rank == k:
                self.exchange([(value, to) for to in others], None)
            else:
                found[k] = self.exchange([], k)
        return found  # type: ignore[return-value]  # all are there

    def opened(self, work: Callable[[], T]) -> T:
        """What ``work`` reads, if it is the same on all ranks; else an error that names them."""
        found: Any = None
        try:
            found = work()
            said = Said(None, 0, about(found[0]))
        except CnntrainError as error:
            said = Said(str(error), int(error.exit_code), {})
        told = self.gathered(said)
        problem = self._problem(told)
        if problem is None:
            read: T = found
            return read
        code = next((other.exit_code for other in told if other.problem), int(ExitCode.FAILED))
        if self.rank == 0:
            raise KnownToAll(problem, ExitCode(code))
        raise KnownToAll("", ExitCode(code))

    def _problem(self, told: Sequence[Said]) -> str | None:
        """What hinders the start, in words: once, if it is the same everywhere."""
        problems = [said.problem for said in told]
        if any(problems):
            if len(set(problems)) == 1:
                return problems[0]
            return "\n".join(f"{self.called(k)}: {p}" for k, p in enumerate(problems) if p)
        lines = [
            f"  {self.called(k)}: {change}"
            for k, said in enumerate(told)
            for change in differences(dict(told[0].about), dict(said.about))
        ]
        if not lines:
            return None
        return (
            "not all ranks would train the same; compared with rank 0:\n"
            + "\n".join(lines)
            + "\nGive every host the same version, config, data and engine"
        )

    def close(self) -> None:
        """Wait for all ranks to be done."""
        self.highest(0)
        self.pulse.stop()

    def failed(self, error: BaseException) -> KnownToAll:
        """End the whole job: every rank learns why, and rank 0 says it."""
        known = isinstance(error, (CnntrainError, OSError))
        text = str(error) if known else f"{type(error).__name__}: {error}"
        code = error.exit_code if isinstance(error, CnntrainError) else ExitCode.FAILED
        told = self.pulse.failure
        if told is None:
            self.pulse.tell(f"{self.called(self.rank)}: {text}")
        if self.rank != 0:
            time.sleep(GRACE_S)
        warn(f"Error: {text if self.rank == 0 else told or f'{self.called(self.rank)}: {text}'}")
        time.sleep(UNTIL_READ_S)
        self._world.Abort(int(code))
        return KnownToAll("", code)


def _is_sent(request: Any) -> bool:
    return bool(request.test()[0])


def about(experiment: Experiment) -> dict[str, Any]:
    """What must be equal on all ranks for the weights to stay equal.

    The native engine gives the same bits on any CPU; NumPy's products depend on BLAS and CPU.
    """
    data = {"fingerprint": experiment.data.fingerprint[:12]}
    found: dict[str, Any] = {"version": __version__, "engine": current().name, "data": data}
    if current().name == "numpy":
        found |= {key: environment()[key] for key in ("numpy", "blas", "cpu")}
    tree = plan_to_tree(experiment.plan)
    del tree["log"]
    return {**found, "config": tree}


def is_launched() -> bool:
    """Whether an MPI launcher has started this process."""
    return any(name in os.environ for name in LAUNCHERS)


@contextmanager
def team_for(wanted: bool | None) -> Iterator[Team]:
    """The ranks of this job: ``wanted``, not, or (None) if a launcher has started it."""
    if not (is_launched() if wanted is None else wanted):
        yield ALONE
        return
    team = _mpi_team()
    if team.size == 1:
        team.pulse.stop()
        yield ALONE
        return
    try:
        yield team
        team.close()
    except KnownToAll:
        team.close()
        raise
    except BaseException as error:
        raise team.failed(error) from None


def _mpi_team() -> MpiTeam:
    try:
        from mpi4py import MPI
        from mpi4py.util import pkl5
    except (ImportError, RuntimeError) as error:  # RuntimeError: there is no library of MPI
        raise ConfigError(
            f"this process was started by MPI, or --mpi was given, but mpi4py does not work "
            f"({error}); install it with: pip install 'cnntrain[mpi]', and an MPI such as "
            "mpich, or let each process train alone with --no-mpi"
        ) from None
    return MpiTeam(MPI, pkl5.Intracomm)

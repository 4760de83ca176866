"""The events of a training, recorded and shown by one process, and followed by all ranks."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from cnntrain.diagnostics.verdict import cause_of, in_words
from cnntrain.errors import CnntrainError, DataError, ExitCode, RankError
from cnntrain.runs.console import Console, warn
from cnntrain.runs.logs import read_metrics
from cnntrain.runs.signals import StopRequest
from cnntrain.runs.tensorboard import TensorBoard
from cnntrain.runs.writer import RunFolder
from cnntrain.training.baseline import judged
from cnntrain.training.events import Event, Stopped
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import State
from cnntrain.training.team import Team
from cnntrain.training.train import train
from cnntrain.training.workers import Workers

LEAST_STEPS = 10  # updates, before which nobody expects a network to have learned


def recorded(
    events: Iterator[Event],
    run: RunFolder,
    console: Console,
    request: StopRequest,
    save_wanted: Callable[[], bool],
    team: Team,
) -> Stopped:
    """Record and show all events until training ends, or a signal asks for its end.

    If the data can no longer be read, or a rank fails, a checkpoint is written at the last step.
    """
    wanted = run.experiment.plan.log.tensorboard
    board = TensorBoard(run.place, run.state.step) if wanted else None
    try:
        for event in until_asked(events, run.state, request, team):
            run.record(event)
            console.show(event)
            if board is not None:
                board.record(event)
            if isinstance(event, Stopped):
                return event
            if save_wanted():
                run.save_now()
                console.say(f"checkpoint written at step {event.step}")
    except (DataError, RankError) as error:
        raise _with_checkpoint(error, run) from None
    raise AssertionError("a training ends with Stopped")


def _with_checkpoint(error: CnntrainError, run: RunFolder) -> CnntrainError:
    """The same error, after a checkpoint was written that a run can be resumed from."""
    run.save_now()
    return type(error)(
        f"{error}\nA checkpoint was written at step {run.state.step}; once this is put right, "
        f"continue with --out {run.path} --resume"
    )


def until_asked(
    events: Iterator[Event], state: State, request: StopRequest, team: Team
) -> Iterator[Event]:
    """The events until training ends, or until a signal has come to any rank."""
    for event in events:
        yield event
        if isinstance(event, Stopped):
            return
        number = team.highest(request.received or 0)
        if number:
            request.received = signal.Signals(number)
            at = (event.epoch, event.step, state.metrics, event.elapsed_s)
            yield Stopped("interrupted", request.received.name, *at)
            return


def compare_with_guessing(
    run: RunFolder, stopped: Stopped, workers: Workers, request: StopRequest
) -> None:
    """Record what guessing would give; warn, with the cause, if training ended no better."""
    if stopped.reason in ("diverged", "interrupted"):
        return
    epochs = [line for line in read_metrics(run.path) if line["event"] == "epoch"]
    baseline = judged(run.experiment, stopped.metrics, epochs)
    if baseline is None:
        return
    found: dict[str, Any] = asdict(baseline)
    if not baseline.better and stopped.step >= LEAST_STEPS:
        cause = cause_of(run.experiment, stopped, workers, lambda: request.received is not None)
        found |= {"cause": f"{cause.name}: {cause.found}", "remedy": cause.remedy}
        warning = in_words(baseline, cause)
        warn(f"Warning: {warning}")
        run.log(f"warning: {' '.join(warning.split())}")
    run.record_baseline(found)


def help_to_train(experiment: Experiment, team: Team, threads: int) -> ExitCode:
    """Train as rank 0 says, without writing anything."""
    with StopRequest() as request, Workers(threads, team) as workers:
        told: Any = team.of_first(None)
        if isinstance(told, ExitCode):  # there is nothing to train
            return told
        state, elapsed_s = told
        for event in until_asked(
            train(experiment, state, workers, elapsed_s), state, request, team
        ):
            if isinstance(event, Stopped) and event.reason == "diverged":
                return ExitCode.DIVERGED
    return request.exit_code

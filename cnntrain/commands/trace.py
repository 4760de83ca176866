"""``cnntrain trace``: updates with all their numbers, or the sums behind single entries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.commands.target import Target, is_trained, open_target, with_step_settings
from cnntrain.errors import ConfigError, ExitCode
from cnntrain.files import write_text
from cnntrain.optimizers.schedules import Clock
from cnntrain.registry import did_you_mean
from cnntrain.runs.console import warn
from cnntrain.text import json_text, printable
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.feed import batch_indices
from cnntrain.training.state import State, initial_optimizer_state, optimizer_state_names
from cnntrain.training.workers import Workers
from cnntrain.views.languages import say
from cnntrain.views.trace.page import check_page, trace_page
from cnntrain.views.trace.page_samples import pictures_of
from cnntrain.views.trace.samples import Choice, chosen_sample, default_samples
from cnntrain.views.trace.terms import Explanation, explain_entry
from cnntrain.views.trace.text import explanation_text, trace_text
from cnntrain.views.trace.trace import Trace, trace
from cnntrain.views.tree import tree

NEGLIGIBLE = 1e-6  # of η beside the optimizer's lr, and of δ


@dataclass(frozen=True)
class TraceOptions:
    """The options of the command, as given."""

    settings: Sequence[str] = ()
    data_dir: Path | None = None
    samples: Sequence[int | Choice] = ()
    steps: int = 1
    lr: float | None = None
    resume_step: bool = False
    layers: Sequence[str] = ()
    entries: Sequence[str] = ()
    as_json: bool = False
    html: Path | None = None


def run_trace(path: Path, options: TraceOptions) -> ExitCode:
    """Trace and print; with ``entries`` only those, of the last step; with ``html`` make a page."""
    if options.html is not None:
        check_page()
    experiment, state = _opened(path, options)
    _check(experiment, options)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    samples = _samples(experiment, state, options, clock)
    with Workers(threads=1):
        found = trace(experiment, state, clock, samples, options.steps, options.lr)
    for line in nothing_to_see(found, experiment.plan.optimizer.lr):
        warn(line)
    explained = [explain_entry(found.steps[-1], entry, found.classes) for entry in options.entries]
    if options.html is not None:
        _write_page(options.html, _page(experiment, found, options.layers))
    if options.as_json:
        print(json_text(document(found, explained, options.layers)))
    elif explained:
        print(printable("\n\n".join(map(explanation_text, explained))))
    elif options.html is None:
        print(printable(trace_text(found, options.layers)))
    return ExitCode.DONE


def _opened(path: Path, options: TraceOptions) -> tuple[Experiment, State]:
    """(network and data, its state); settings may change the step of a checkpoint, not its net."""
    if not is_trained(path):
        return open_target(path, options.settings, options.data_dir).experiment()
    target = open_target(path, (), options.data_dir)
    if not options.settings or target.checkpoint is None:
        return target.experiment()
    plan = with_step_settings(target.plan, options.settings)
    changed = replace(target.checkpoint, plan=plan)
    experiment, state = Target(plan, target.folders, checkpoint=changed).experiment()
    known = optimizer_state_names(plan, experiment.network)
    if known.keys() != state.optimizer_state.keys():
        fresh = initial_optimizer_state(plan, experiment.network, state.params)
        state = replace(state, optimizer_state=fresh)
    return experiment, state


def _samples(
    experiment: Experiment, state: State, options: TraceOptions, clock: Clock
) -> Sequence[int]:
    """The samples to trace: those asked for, the batch of the next step, or instructive ones."""
    if options.resume_step:
        n = len(experiment.data.train)
        batch: list[int] = batch_indices(experiment.plan, n, state.step, clock).tolist()
        return batch
    if not options.samples:
        return default_samples(experiment, state)
    return [
        sample if isinstance(sample, int) else chosen_sample(experiment, state, sample)
        for sample in options.samples
    ]


def nothing_to_see(found: Trace, lr: float) -> Iterator[str]:
    """A warning where η or δ is so small that the update shows nothing, with the remedy."""
    step = found.steps[0]
    if abs(step.lr) < NEGLIGIBLE * lr:
        yield say("trace.no_lr", lr=f"{step.lr:.3g}", start=f"{lr:g}")
    if max(float(np.abs(loss.delta).max()) for loss in step.losses) < NEGLIGIBLE:
        yield say("trace.no_delta")


def _page(experiment: Experiment, found: Trace, layers: Sequence[str]) -> str:
    return trace_page(found, layers, pictures_of(experiment, found.samples))


def _write_page(path: Path, page: str) -> None:
    write_text(path, page)
    warn(say("trace.open_page", path=path, size=f"{len(page.encode()) / 1000:.0f}"))


def _check(experiment: Experiment, options: TraceOptions) -> None:
    known = [node.name for node in experiment.network.nodes]
    for name in options.layers:
        if name not in known:
            raise ConfigError(
                f"--layer {name}: there is no layer of that name{did_you_mean(name, known)}"
            )
    n = len(experiment.data.train)
    for sample in options.samples:
        if isinstance(sample, int) and sample >= n:
            raise ConfigError(f"--sample {sample}: the training samples are 0..{n - 1}")


def document(
    found: Trace, explained: Sequence[Explanation], layers: Sequence[str]
) -> dict[str, Any]:
    """The JSON document: the trace of the chosen layers, and the explained entries."""
    whole: dict[str, Any] = tree(found)
    for step in whole["steps"]:
        if layers:
            step["layers"] = [layer for layer in step["layers"] if layer["name"] in layers]
    if explained:
        whole["explained"] = [
            tree(entry) | {"sum": sum(term.value for term in entry.terms)} for entry in explained
        ]
    return whole

"""``cnntrain trace``: updates with all their numbers, or the sums behind single entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnntrain.commands.target import open_target
from cnntrain.errors import ConfigError, ExitCode
from cnntrain.files import write_text
from cnntrain.registry import did_you_mean
from cnntrain.runs.console import warn
from cnntrain.text import json_text, printable
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.workers import Workers
from cnntrain.views.trace.page import check_page, trace_page
from cnntrain.views.trace.terms import Explanation, explain_entry
from cnntrain.views.trace.text import explanation_text, trace_text
from cnntrain.views.trace.trace import Trace, default_samples, trace
from cnntrain.views.tree import tree


@dataclass(frozen=True)
class TraceOptions:
    """The options of the command, as given."""

    settings: Sequence[str] = ()
    data_dir: Path | None = None
    samples: Sequence[int] = ()
    steps: int = 1
    layers: Sequence[str] = ()
    entries: Sequence[str] = ()
    as_json: bool = False
    html: Path | None = None


def run_trace(path: Path, options: TraceOptions) -> ExitCode:
    """Trace and print; with ``entries`` only those, of the last step; with ``html`` make a page."""
    if options.html is not None:
        check_page()
    target = open_target(path, options.settings, options.data_dir)
    experiment, state = target.experiment()
    _check(experiment, options)
    samples = options.samples or default_samples(experiment)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Workers(threads=1):
        found = trace(experiment, state, clock, samples, options.steps)
    explained = [explain_entry(found.steps[-1], entry, found.classes) for entry in options.entries]
    if options.html is not None:
        _write_page(options.html, trace_page(found, options.layers))
    if options.as_json:
        print(json_text(document(found, explained, options.layers)))
    elif explained:
        print(printable("\n\n".join(map(explanation_text, explained))))
    elif options.html is None:
        print(printable(trace_text(found, options.layers)))
    return ExitCode.DONE


def _write_page(path: Path, page: str) -> None:
    write_text(path, page)
    warn(f"{path}: {len(page.encode()) / 1000:.0f} kB; open it in a browser")


def _check(experiment: Experiment, options: TraceOptions) -> None:
    known = [node.name for node in experiment.network.nodes]
    for name in options.layers:
        if name not in known:
            raise ConfigError(
                f"--layer {name}: there is no layer of that name{did_you_mean(name, known)}"
            )
    n = len(experiment.data.train)
    for sample in options.samples:
        if sample >= n:
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

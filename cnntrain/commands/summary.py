"""``cnntrain summary``: the network at a glance."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cnntrain.commands.target import Target, open_target
from cnntrain.environment import available_cores
from cnntrain.errors import DataError, ExitCode
from cnntrain.runs.console import warn
from cnntrain.text import json_text, printable
from cnntrain.views.explain.summary import mermaid, summarize, summary_text

MANY = 1 << 40  # samples, where their number does not matter


def run_summary(
    path: Path,
    settings: Sequence[str],
    data_dir: Path | None,
    threads: int | None,
    as_json: bool,
    as_mermaid: bool,
) -> ExitCode:
    """Print the table, the JSON document, or the graph."""
    target = open_target(path, settings, data_dir)
    network = target.network()
    found = summarize(target.plan, network, _samples(target), threads or available_cores())
    if as_json:
        print(json_text(asdict(found)))
    else:
        print(printable(mermaid(found) if as_mermaid else summary_text(found)))
    return ExitCode.DONE


def _samples(target: Target) -> int:
    """The number of training samples matters only if a batch is all of them."""
    if target.plan.train.mode != "batch":
        return MANY
    try:
        return len(target.experiment()[0].data.train)
    except DataError as error:
        warn(f"Warning: a batch is all samples, but {error}; memory is shown for one sample")
        return 1

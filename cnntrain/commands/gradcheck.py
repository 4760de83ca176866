"""``cnntrain gradcheck``: the gradients of all layers, or of one network."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.commands.target import open_target
from cnntrain.diagnostics.differences import Verdict
from cnntrain.diagnostics.gradcheck import BATCH, check_network, check_registry
from cnntrain.diagnostics.student.process import check_module
from cnntrain.errors import ExitCode
from cnntrain.network.objective import Objective, Penalty
from cnntrain.text import json_text, printable, table


def run_gradcheck(
    target: Path | None, tolerance: float, seed: int | None, as_json: bool, data_dir: Path | None
) -> ExitCode:
    """Check, print the table or the JSON document, and return 0 or 4."""
    verdicts = list(_verdicts(target, tolerance, seed, data_dir))
    ok = all(verdict.ok for verdict in verdicts)
    if as_json:
        rows = [asdict(verdict) for verdict in verdicts]
        document: dict[str, Any] = {"ok": ok, "tolerance": tolerance, "seed": seed, "arrays": rows}
        print(json_text(document))
    else:
        print(printable(report(verdicts, tolerance)))
    return ExitCode.DONE if ok else ExitCode.GRADIENT


def run_module_check(path: Path, seed: int, as_json: bool) -> ExitCode:
    """Check a learner's functions, print a line for each, and return 0 or 4."""
    found = check_module(path, seed)
    ok = all(finding.ok for finding in found)
    if as_json:
        print(json_text({"ok": ok, "seed": seed, "functions": [asdict(one) for one in found]}))
    else:
        width = max(len(finding.name) for finding in found)
        lines = [f"{f.name:<{width}}  {'ok' if f.ok else 'WRONG'}: {f.found}" for f in found]
        print(printable("\n".join(lines)))
    return ExitCode.DONE if ok else ExitCode.GRADIENT


def _verdicts(
    target: Path | None, tolerance: float, seed: int | None, data_dir: Path | None
) -> Iterable[Verdict]:
    if target is None:
        return check_registry(seed or 0, tolerance)
    opened = open_target(target, (), data_dir)
    plan, network = opened.plan, opened.network()
    if opened.checkpoint is not None:
        params = opened.checkpoint.state.params
    else:
        with opened.places():
            params = network.init(plan.seed, np.dtype(np.float64))
    units = network.out_shape[0]
    objective = Objective(plan.loss).named(None).fitted(np.arange(units), units)
    penalty = Penalty(plan.train.l2 / BATCH, plan.train.l1 / BATCH)
    return check_network(
        network, objective, params, penalty, plan.seed if seed is None else seed, tolerance
    )


def _word(verdict: Verdict) -> str:
    if verdict.ok:
        return "ok"
    return "only kinks" if 0 < verdict.kinks == verdict.checked else "WRONG"


def report(verdicts: list[Verdict], tolerance: float) -> str:
    """One row per array, and a line about all of them."""
    rows = [
        [
            verdict.name,
            "x".join(map(str, verdict.shape)),
            str(verdict.checked),
            str(verdict.kinks or ""),
            f"{verdict.error:.1e}",
            _word(verdict),
        ]
        for verdict in verdicts
    ]
    head = ["array", "shape", "checked", "kinks", "largest relative error", "verdict"]
    wrong = sum(not verdict.ok for verdict in verdicts)
    total = sum(verdict.checked for verdict in verdicts)
    line = (
        f"{len(verdicts)} arrays, {total:,} derivatives: "
        + (f"{wrong} arrays WRONG" if wrong else "all gradients are right")
        + f" (tolerance {tolerance:g})"
    )
    return f"{table([head, *rows], left=2)}\n\n{line}"

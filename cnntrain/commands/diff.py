"""``cnntrain diff``: how two runs differ, and where they diverge."""

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.config.differences import Difference, differences
from cnntrain.config.overrides import dotted
from cnntrain.config.read import plan_to_tree
from cnntrain.errors import ExitCode
from cnntrain.runs.checkpoint import Checkpoint, load
from cnntrain.runs.logs import read_metrics, recorded_environment, recorded_summary
from cnntrain.runs.names import resolve
from cnntrain.text import json_text, literal, printable
from cnntrain.training.state import weights_sha256

CLOCKS = ("elapsed_s", "samples_per_s")
APART = ("weights_sha256",)  # reported with the weights


def run_diff(a: Path, b: Path, as_json: bool) -> ExitCode:
    """Print the differences on stdout; FAILED (1) if weights or metrics differ, as diff(1)."""
    result = compare(resolve(a), resolve(b))
    print(json_text(result) if as_json else printable(report(result)))
    return ExitCode.DONE if result["same"] else ExitCode.FAILED


def compare(a: Path, b: Path) -> dict[str, Any]:
    """The JSON document of a comparison."""
    last_a, last_b = (load(path / "checkpoints" / "last.npz") for path in (a, b))
    weights = _weights(last_a, last_b)
    parting = first_parting(read_metrics(a), read_metrics(b))
    return {
        "a": str(a),
        "b": str(b),
        "same": weights["same"] and parting is None,
        "config": _listed(differences(plan_to_tree(last_a.plan), plan_to_tree(last_b.plan))),
        "environment": _listed(differences(recorded_environment(a), recorded_environment(b))),
        "results": _listed(differences(_results(a), _results(b))),
        "weights": weights,
        "metrics": {"same": parting is None, "part_at": parting},
    }


def _weights(a: Checkpoint, b: Checkpoint) -> dict[str, Any]:
    """Whether all arrays are identical, and how far apart those are that are not."""
    digests = [weights_sha256(found.state.params) for found in (a, b)]
    apart: dict[str, float | None] = {}
    for name in {**a.state.params, **b.state.params}:
        old, new = a.state.params.get(name), b.state.params.get(name)
        if old is None or new is None or old.shape != new.shape:
            apart[name] = None
        elif old.dtype != new.dtype or old.tobytes() != new.tobytes():
            apart[name] = float(np.abs(old.astype(np.float64) - new).max())
    same = digests[0] == digests[1]
    return {"same": same, "a": digests[0], "b": digests[1], "largest_differences": apart}


def first_parting(
    a: Sequence[dict[str, Any]], b: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """The first line at which two metric streams differ, with the differences; times do not count.

    A stream that ends earlier differs there.
    """
    ended: dict[str, Any] = {}
    for old, new in itertools.zip_longest(a, b, fillvalue=ended):
        figures = _listed(differences(_timeless(old), _timeless(new)))
        if figures:
            at = old or new
            return {"epoch": at["epoch"], "step": at["step"], "figures": figures}
    return None


def _timeless(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in CLOCKS}


def _results(path: Path) -> dict[str, Any]:
    summary = recorded_summary(path)
    return {key: value for key, value in _timeless(summary).items() if key not in APART}


def _listed(found: Iterable[Difference]) -> list[dict[str, Any]]:
    return [
        {"key": dotted(each.path)}
        | {side: json.loads(text) for side, text in zip("ab", each.values, strict=True) if text}
        for each in found
    ]


def report(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [f"a: {result['a']}", f"b: {result['b']}"]
    for section in ("config", "environment", "results"):
        lines += _section(section, result[section])
    weights, parting = result["weights"], result["metrics"]["part_at"]
    if weights["same"]:
        lines.append(f"weights: identical (SHA-256 {weights['a'][:12]})")
    else:
        lines.append(f"weights: differ (SHA-256 {weights['a'][:12]}, {weights['b'][:12]})")
    for name, size in weights["largest_differences"].items():
        lines.append(
            f"  {name}: " + ("different shape" if size is None else f"by up to {size:.3g}")
        )
    if parting is None:
        lines.append("metrics: the same")
    else:
        where = f"metrics: differ from epoch {parting['epoch']} (step {parting['step']})"
        lines += _section(where, parting["figures"])
    return "\n".join(lines)


def _section(name: str, found: Sequence[dict[str, Any]]) -> list[str]:
    if not found:
        return [f"{name}: the same"]
    return [f"{name}:", *(f"  {each['key']}: {_side(each, 'a')} -> {_side(each, 'b')}"
                          for each in found)]  # fmt: skip


def _side(found: dict[str, Any], side: str) -> str:
    return literal(found[side]) if side in found else "absent"

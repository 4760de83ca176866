"""scripts/bench.py runs, with PyTorch where it is installed and without it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"
RUN = "import runpy, sys; del sys.argv[0]; {} runpy.run_path(sys.argv[0], run_name='__main__')"
WITHOUT_TORCH = "sys.modules['torch'] = None;"


def bench(tmp_path, *arguments, prelude=""):
    """(printed table, figures) of a run of one step each."""
    figures = tmp_path / "figures.json"
    words = [str(SCRIPT), "--quick", "--runs", "1", "--threads", "1", "--json", str(figures)]
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(prelude), *words, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(figures.read_text())


def test_our_own_figures_need_no_pytorch(tmp_path):
    arguments = ["--net", "mlp-784-300-100-10", "--net", "lenet5-batch1"]
    printed, figures = bench(tmp_path, *arguments, prelude=WITHOUT_TORCH)
    assert [result["net"] for result in figures["results"]] == arguments[1::2]
    for result in figures["results"]:
        assert list(result["ms"]) == ["cnntrain"]
        assert result["ratio"] is None
        assert result["gflops"] > 0
        assert result["net"] in printed


@pytest.mark.slow
def test_pytorch_takes_its_turns(tmp_path):
    pytest.importorskip("torch", reason="the comparison needs PyTorch")
    _, figures = bench(tmp_path, "--net", "lenet5-batch64")
    (result,) = figures["results"]
    assert list(result["ms"]) == ["cnntrain", "eager", "channels_last"]
    assert result["ratio"] > 0

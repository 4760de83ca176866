"""scripts/bench.py runs, with and without rivals installed."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from cnntrain.native import NUMPY, current

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))  # as if a script there were run
from benchmark.nets import NETS, experiment_of  # noqa: E402
from benchmark.rivals import torch_model  # noqa: E402
from benchmark.scaling import growth_rows  # noqa: E402

SCRIPT = SCRIPTS / "bench.py"
OURS = ["cnntrain"] if current() == NUMPY else ["cnntrain", "by NumPy"]
RUN = (
    "import runpy, sys; del sys.argv[0]; sys.path.insert(0, {folder!r}); {prelude}"
    " runpy.run_path(sys.argv[0], run_name='__main__')"
)
WITHOUT_RIVALS = "sys.modules['torch'] = sys.modules['sklearn'] = None;"


def bench(tmp_path, *arguments, prelude=""):
    """(printed table, metrics) of a run of one step each."""
    metrics = tmp_path / "metrics.json"
    code = RUN.format(folder=str(SCRIPTS), prelude=prelude)
    words = [str(SCRIPT), "--quick", "--runs", "1", "--threads", "1", "--json", str(metrics)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(metrics.read_text())


def test_own_measurements_need_no_rivals(tmp_path):
    arguments = ["--steps", "--net", "mlp-784-300-100-10", "--net", "lenet5-batch1"]
    printed, metrics = bench(tmp_path, *arguments, prelude=WITHOUT_RIVALS)
    assert [result["net"] for result in metrics["results"]] == arguments[2::2]
    for result in metrics["results"]:
        assert list(result["ms"]) == OURS
        assert result["ratio"] is None
        assert result["gflops"] > 0
        assert 0 < result["input_share"] < 1
        assert result["net"] in printed
    assert "processes" not in metrics


@pytest.mark.slow
def test_rivals_are_measured_alternately(tmp_path):
    pytest.importorskip("torch", reason="the comparison needs PyTorch")
    pytest.importorskip("sklearn", reason="the comparison needs scikit-learn")
    _, metrics = bench(
        tmp_path, "--steps", "--net", "mlp-784-300-100-10", "--net", "lenet5-batch64"
    )
    mlp, lenet = metrics["results"]
    assert list(mlp["ms"]) == [*OURS, "eager", "scikit-learn"]
    assert list(lenet["ms"]) == [*OURS, "eager", "channels_last"]
    assert lenet["ratio"] > 0


@pytest.mark.slow
def test_whole_processes(tmp_path):
    pytest.importorskip("torch", reason="the comparison needs PyTorch")
    printed, metrics = bench(tmp_path, "--net", "lenet5-batch1")
    found = metrics["processes"]
    ours, theirs = (found["cold_start"][contender] for contender in ("cnntrain", "eager"))
    assert 0 < ours["least_s"] <= ours["median_s"]
    assert ours["peak_mb"] < theirs["peak_mb"]  # else the peaks are those of the parent process
    peaks = found["peak_mb"]["lenet5-batch1"]
    assert 20 < peaks["cnntrain"] < peaks["eager"]
    assert 20 < found["installed_mb"]["cnntrain"] < found["installed_mb"]["eager"]
    assert "cold start" in printed


@pytest.mark.parametrize("name", [name for name in NETS if name != "lenet5-batch1"])
def test_pytorch_runs_the_same_network(torch, name):
    net = NETS[name]
    network = experiment_of(net, 10).network
    model = torch_model(torch, net)
    weights = sum(math.prod(p.shape) for p in network.params.values() if not p.is_buffer)
    assert sum(p.numel() for p in model.parameters()) == weights
    assert model(torch.zeros(2, *net.in_shape)).shape == (2, *network.out_shape)


@pytest.mark.slow
def test_growth_has_a_line_for_every_doubling(tmp_path):
    """One axis in full; the table consists of such lines."""
    _, metrics = bench(tmp_path, "--grow", "batch", "2")
    assert metrics["gflop"] == pytest.approx(
        2 * bench(tmp_path, "--grow", "batch", "1")[1]["gflop"]
    )
    rows = growth_rows([{"axis": "batch", "factor": 2, "peak_mb": 80.0, **metrics}])
    assert rows[1][:2] == ["batch", "x2"]


def test_a_big_file_is_trained_on_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed, metrics = bench(tmp_path, "--big", "400M")
    assert "0.4 GB (130,165 samples)" in printed
    assert metrics["peak_mb"] < 400
    assert not list(tmp_path.glob("*/big.bin"))

"""Which engine runs, and what is recorded and required of it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from cnntrain import cli
from cnntrain.errors import ConfigError
from cnntrain.layers import Layer
from cnntrain.native import NUMPY, available, current, engine_named, kernels_of, place_of_kernel
from cnntrain.native import engine as engines
from cnntrain.native.engine import empty, native, using, why_slow
from cnntrain.runs.checkpoint import load


def test_the_best_instruction_set_is_taken_by_default(monkeypatch):
    for name in ("CNNTRAIN_ENGINE", "CNNTRAIN_ISA", "CNNTRAIN_NATIVE"):
        monkeypatch.delenv(name, raising=False)
    assert engine_named() == native(available()[0])
    assert "plain" in available()


@pytest.mark.parametrize("isa", available())
def test_the_environment_names_an_instruction_set(monkeypatch, isa):
    monkeypatch.setenv("CNNTRAIN_ISA", isa)
    assert engine_named("native").isa == isa


def test_the_environment_chooses_numpy(monkeypatch):
    monkeypatch.setenv("CNNTRAIN_ENGINE", "numpy")
    assert engine_named() == NUMPY
    assert why_slow() is None
    monkeypatch.setenv("CNNTRAIN_ENGINE", "auto")
    monkeypatch.setenv("CNNTRAIN_NATIVE", "off")
    assert engine_named() == NUMPY


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CNNTRAIN_ENGINE", "fast", "engine 'fast': must be auto, native or numpy"),
        ("CNNTRAIN_ISA", "v9", f"CNNTRAIN_ISA=v9: this CPU can run {', '.join(available())}"),
    ],
)
def test_an_unknown_choice_is_explained(monkeypatch, name, value, message):
    monkeypatch.delenv("CNNTRAIN_ENGINE", raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        engine_named()
    assert str(caught.value) == message


def test_without_kernels_numpy_runs_and_says_so(monkeypatch):
    monkeypatch.setattr(engines, "_missing", "no module named _kernels")
    engines.native.cache_clear()
    monkeypatch.delenv("CNNTRAIN_ENGINE", raising=False)
    with using(NUMPY):
        monkeypatch.setattr(engines._Choice, "is_named", False)
        assert engine_named() == NUMPY
        assert "install a C compiler" in why_slow()
        with pytest.raises(ConfigError, match="engine native: no compiled kernels"):
            engine_named("native")
    engines.native.cache_clear()


SMALL = """
name: small
data: {source: synthetic, problem: xor, n: 40}
network: [{dense: {units: 4, activation: tanh}}, {dense: {units: 2}}]
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 2, batch_size: 8}
"""


@pytest.fixture
def fit(tmp_path):
    """``fit("--engine", "numpy")``: the result of the command on a small config."""
    (tmp_path / "small.yaml").write_text(SMALL)

    def run(*options):
        words = ["fit", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "run"), *options]
        before = current()
        result = CliRunner().invoke(cli.main, words, standalone_mode=False)
        assert current() == before  # the choice ends with the command
        return result

    return run


@pytest.mark.parametrize("name", ["native", "numpy"])
def test_a_run_records_its_engine(fit, tmp_path, name):
    assert fit("--engine", name).exception is None
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    env = json.loads((tmp_path / "run" / "env.json").read_text())
    assert summary["engine"] == env["engine"]["name"] == name
    assert (env["engine"]["instruction_set"] is None) == (name == "numpy")
    assert load(tmp_path / "run" / "checkpoints" / "last.npz").engine == name


def test_a_run_is_not_resumed_by_another_engine(fit):
    assert fit("--engine", "native").exception is None
    refused = fit("--engine", "numpy", "--resume", "--set", "train.epochs=3").exception
    assert "engine: native -> numpy; use --engine native" in str(refused)
    assert fit("--engine", "native", "--resume", "--set", "train.epochs=3").exception is None


def test_a_named_engine_is_part_of_the_command_to_resume(fit, tmp_path):
    code = "from cnntrain.commands.fit import FitOptions, fit_command; from pathlib import Path\n"
    code += "from cnntrain.native import NUMPY, using\n"
    code += "with using(NUMPY): print(fit_command(Path('c.yaml'), FitOptions()))"
    env = {k: v for k, v in os.environ.items() if not k.startswith("CNNTRAIN")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout == "fit c.yaml --engine numpy\n", done.stderr


def test_large_arrays_begin_on_a_cache_line():
    for size in (1, 10, 100_000, 1_000_003):
        array = empty((size,), np.dtype(np.float32))
        assert array.shape == (size,)
        assert array.flags.writeable
        assert array.nbytes < engines.LARGE or array.ctypes.data % 64 == 0


def test_kernels_are_found_in_the_sources():
    from cnntrain.layers.conv2d import conv2d_forward

    assert kernels_of(conv2d_forward) == ["conv2d_forward"]
    path, line = place_of_kernel("conv2d_forward")
    assert "static int conv2d_forward(" in path.read_text().splitlines()[line - 1]
    assert set(native().kernels["f"]) == {
        name for name in native().kernels["d"] if place_of_kernel(name)
    }


@pytest.mark.parametrize("kind", ["dense", "conv2d", "batch_norm", "relu", "gelu", "max_pool2d"])
def test_explain_names_both_twins(kind):
    from cnntrain.views.explain.kinds import describe

    code = describe(Layer.kinds[kind]).code
    assert any(place.file.endswith(".py") for place in code)
    assert any("/native/c/" in place.file for place in code)

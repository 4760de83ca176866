"""Every config in configs/ makes checkpoints whose exports give what the network gives."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.export import run_export
from cnntrain.commands.import_ import ImportOptions, run_import
from cnntrain.config.read import read_config
from cnntrain.data.dataset import Schema, Split
from cnntrain.data.normalize import fit_normalizer
from cnntrain.exchange.stand_in import stand_in
from cnntrain.network.network import Pass
from cnntrain.runs.checkpoint import load, save
from cnntrain.training.experiment import build_network
from cnntrain.training.state import start

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
every_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)


def no_files(name):
    raise AssertionError(f"{name}: the shape must follow from the config")


@pytest.fixture
def trained(tmp_path):
    """``trained(config)``: a checkpoint of it, with statistics as training leaves them."""

    def make(config):
        plan, rng = read_config(config).plan, np.random.default_rng(5)
        network = build_network(plan, no_files)
        x = (40 + 20 * rng.standard_normal((32, *network.in_shape))).astype(np.float32)
        normalizer = fit_normalizer(plan.data.normalize, Split(x, np.zeros(32)))
        experiment = stand_in(plan, network, normalizer, Schema(None))
        state = start(plan, network)
        for name, param in network.params.items():
            if param.is_buffer:
                state.params[name] = rng.uniform(0.5, 2, param.shape).astype(plan.dtype)
        save(tmp_path / "best.npz", experiment, state)
        return load(tmp_path / "best.npz"), x

    return make


def expected_of(found, x):
    """(N, ...) of our own network, for samples (N, ...)."""
    last = found.normalizer.apply(np.moveaxis(x, 0, -1), found.plan.numpy_dtype)
    z, _ = found.network.forward(found.state.params, last, Pass())
    return np.moveaxis(z, -1, 0)


def assert_near(found, expected):
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


@every_config
def test_in_onnxruntime(trained, config, tmp_path, capsys):
    pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
    runtime = pytest.importorskip("onnxruntime", reason="the independent witness is missing")
    found, x = trained(config)
    run_export(found.path, tmp_path / "model.onnx", None, True)
    assert capsys.readouterr().out == f"wrote {tmp_path / 'model.onnx'}\n"
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    assert_near(session.run(None, {"input": x})[0], expected_of(found, x))


@every_config
def test_in_numpy(trained, config, tmp_path):
    found, x = trained(config)
    run_export(found.path, tmp_path / "net.py", None, True)
    names = runpy.run_path(str(tmp_path / "net.py"))
    assert_near(names["predict"](x), expected_of(found, x))


@every_config
def test_in_safetensors_and_back(trained, config, tmp_path, capsys):
    pytest.importorskip("safetensors", reason="needs the extra 'safetensors'")
    found, x = trained(config)
    run_export(found.path, tmp_path / "net.safetensors", None, True)
    options = ImportOptions(out=tmp_path / "back", weights=tmp_path / "net.safetensors")
    run_import(config, options)
    again = load(tmp_path / "back" / "best.npz")
    assert f"back: {again.network.parameter_count:,} parameters" in capsys.readouterr().out
    np.testing.assert_array_equal(expected_of(again, x), expected_of(found, x))


@every_config
def test_in_onnx_and_back(trained, config, tmp_path):
    pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
    found, x = trained(config)
    run_export(found.path, tmp_path / "net.onnx", None, True)
    options = ImportOptions(out=tmp_path / "back", settings=[f"dtype={found.plan.dtype}"])
    run_import(tmp_path / "net.onnx", options)
    again = load(tmp_path / "back" / "best.npz")
    assert_near(expected_of(again, x), expected_of(found, x))

"""ONNX models are read as networks that give what onnxruntime gives."""

import dataclasses

import numpy as np
import pytest

from cnntrain.diagnostics.gradcheck import example_input
from cnntrain.exchange.onnx_in import read_onnx
from cnntrain.exchange.onnx_out.file import onnx_model
from cnntrain.layers import Layer
from cnntrain.network.network import Network, Pass

onnx = pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
runtime = pytest.importorskip("onnxruntime", reason="the independent witness is missing")


def is_layer(layer):
    """Whether it is written as something that can be read: the rest does nothing when in use."""
    return not (layer.is_random or layer.kind in ("identity", "dropout"))


EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, layer in Layer.kinds.items()
    for i, example in enumerate(layer.examples())
    if is_layer(example.layer) and not (kind == "flatten" and len(example.in_shape) == 1)
]


def expected_of(path, x):
    """What onnxruntime gives for samples that are first."""
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    return session.run(None, {given: x})[0]


def output_of(found, x):
    """What our network gives for samples that are first."""
    network = Network.build(found.items, found.in_shape)
    assert network.params.keys() == found.params.keys()
    last = found.normalizer.apply(np.moveaxis(x, 0, -1), np.dtype(np.float32))
    z, _ = network.forward(found.params, last, Pass())
    return np.moveaxis(z, -1, 0)


def assert_near(found, expected, tolerance=1e-5):
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("opset", [17, 21])
def test_every_layer_comes_back(example, opset, exported_network, tmp_path):
    rng = np.random.default_rng(3)
    model = exported_network(example, rng)
    onnx.save(onnx_model(model, opset), tmp_path / "a.onnx")
    found = read_onnx(tmp_path / "a.onnx", loss="squared_error")
    kinds = {item.layer.kind for item in found.items}
    assert example.layer.kind in (*kinds, "reshape")  # a shape (J,) comes back as flatten
    x = rng.uniform(-1, 1, (*model.network.in_shape, 5)).astype(np.float32)
    if not example.layer.joins:
        x = example_input(dataclasses.replace(example, batch=5), rng).astype(np.float32)
    expected, _ = model.network.forward(model.params, x, Pass())
    assert_near(output_of(found, np.moveaxis(x, -1, 0)), np.moveaxis(expected, -1, 0))

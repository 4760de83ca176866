"""Exported ONNX models give in onnxruntime what the network gives."""

import dataclasses
import json

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.data.normalize import Normalizer
from cnntrain.diagnostics.gradcheck import example_input
from cnntrain.exchange.model import Model
from cnntrain.exchange.onnx_out import MAPPINGS
from cnntrain.exchange.onnx_out.file import onnx_model, write_onnx
from cnntrain.layers import Layer
from cnntrain.network.network import Pass

onnx = pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
runtime = pytest.importorskip("onnxruntime", reason="the independent witness is missing")

EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, layer in Layer.kinds.items()
    for i, example in enumerate(layer.examples())
]
OPSETS = [17, 18, 20, 21, 22]


def run_onnx(made, x):
    """What onnxruntime gives for samples that are last, with samples last."""
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"input": np.ascontiguousarray(np.moveaxis(x, -1, 0))})
    return np.moveaxis(y, 0, -1)


def model_of(network, rng, normalizer=None, classes=None):
    params = {
        name: rng.standard_normal(param.shape, np.float32) for name, param in network.params.items()
    }
    return Model("small", network, params, normalizer, Schema(classes), "cross_entropy")


def assert_near(found, expected):
    """Equal within 1e-5 of the largest value, or of 1."""
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


def test_every_kind_of_layer_has_a_mapping():
    assert MAPPINGS.keys() == Layer.kinds.keys()


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("opset", OPSETS)
def test_every_layer_gives_the_same(example, opset, exported_network):
    rng = np.random.default_rng(3)
    model = exported_network(example, rng)
    network = model.network
    x = rng.uniform(-1, 1, (*network.in_shape, 5)).astype(np.float32)
    if not example.layer.joins:
        x = example_input(dataclasses.replace(example, batch=5), rng).astype(np.float32)
    expected, _ = network.forward(model.params, x, Pass())
    made = onnx_model(model, opset)
    onnx.checker.check_model(made, full_check=True)
    assert made.opset_import[0].version == opset
    assert_near(run_onnx(made, x), expected)


def test_the_batch_is_free_and_the_names_are_there(network_of, tmp_path):
    rng = np.random.default_rng(0)
    network = network_of((1, 4, 4), Layer.kinds["flatten"](), Layer.kinds["dense"](units=3))
    model = model_of(network, rng, classes=("none", "one", "möre"))
    write_onnx(model, tmp_path / "a.onnx")
    made = onnx.load(tmp_path / "a.onnx")
    assert (made.ir_version, made.opset_import[0].version) == (10, 18)
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    about = {entry.key: json.loads(entry.value) for entry in made.metadata_props}
    assert about == {"cnntrain.classes": ["none", "one", "möre"], "cnntrain.loss": "cross_entropy"}
    for n in (1, 7):
        assert run_onnx(made, np.zeros((1, 4, 4, n), np.float32)).shape == (3, n)


@pytest.mark.parametrize("shift", [0.0, 3.5, 1.7e6])
def test_the_normalization_is_part_of_the_graph(network_of, shift):
    rng = np.random.default_rng(1)
    network = network_of((2, 3, 3), Layer.kinds["flatten"](), Layer.kinds["dense"](units=3))
    normalizer = Normalizer(
        np.array([shift, 0.0]).reshape(2, 1, 1),
        np.array([2.0, 0.5]).reshape(2, 1, 1),
        np.array([1.0, 2.0, 3.0]),
        np.array([10.0, 20.0, 0.5]),
    )
    x = (shift + rng.standard_normal((2, 3, 3, 4))).astype(np.float32)
    model = model_of(network, rng, normalizer)
    z, _ = network.forward(model.params, normalizer.apply(x, np.dtype(np.float32)), Pass())
    assert_near(run_onnx(onnx_model(model), x), normalizer.of_targets.undo(z))
    bare = dataclasses.replace(model, preprocessing=None)
    plain, _ = network.forward(model.params, x, Pass())
    assert_near(run_onnx(onnx_model(bare), x), plain)


def test_the_same_model_gives_the_same_bytes(network_of, tmp_path):
    network = network_of((4,), Layer.kinds["dense"](units=3))
    for name in ("a.onnx", "b.onnx"):
        write_onnx(model_of(network, np.random.default_rng(0)), tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()

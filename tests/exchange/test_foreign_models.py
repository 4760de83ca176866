"""Models of PyTorch, Keras and scikit-learn, which ``tests/helpers/foreign_models.py`` made."""

from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.import_ import ImportOptions, run_import
from cnntrain.diagnostics.gradcheck import check_network
from cnntrain.exchange.onnx_in import read_onnx
from cnntrain.network.network import Pass
from cnntrain.network.objective import Objective, Penalty
from cnntrain.runs.checkpoint import load

onnx = pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
runtime = pytest.importorskip("onnxruntime", reason="the independent witness is missing")

DATA = Path(__file__).parent / "data"
TORCH = [
    "conv2d", "silu", "group_norm", "add", "gelu", "max_pool2d", "mish", "hard_swish",
    "global_avg_pool2d", "dense",
]  # fmt: skip
LAYERS = {
    "torchscript": TORCH,
    "dynamo": TORCH,
    "keras": [
        "conv2d", "relu", "conv2d", "max_pool2d", "conv2d", "relu6", "flatten", "dense", "elu",
        "dense",
    ],
    "sklearn-classes": ["dense", "relu", "dense"],
    "sklearn-yes-no": ["dense", "relu", "dense"],
    "sklearn-numbers": ["dense", "tanh", "dense"],
}  # fmt: skip
LOSSES = {"sklearn-yes-no": "binary_cross_entropy", "sklearn-numbers": "squared_error"}


def expected_of(path, shape):
    """(samples, what onnxruntime gives for them) with the samples first."""
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    x = np.random.default_rng(1).standard_normal((5, *shape)).astype(np.float32)
    channels_last = list(given.shape[1:]) != list(shape)
    found = session.run(None, {given.name: np.moveaxis(x, 1, -1) if channels_last else x})[-1]
    if isinstance(found, list):  # scikit-learn: a mapping of names to probabilities per sample
        found = np.array([list(row.values()) for row in found], np.float32)
    return x, found


def answers(loss, z):
    """The probabilities, as the exported model gives them, of our outputs."""
    if loss.kind == "binary_cross_entropy":
        p = loss.estimate(z)
        return np.concatenate([1 - p, p])
    return z if loss.kind == "squared_error" else loss.estimate(z)


def test_every_model_is_tested():
    assert {path.stem for path in DATA.glob("*.onnx")} == LAYERS.keys()


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_read_in_full(name, tmp_path):
    path = DATA / f"{name}.onnx"
    run_import(path, ImportOptions(out=tmp_path / "m"))
    found = load(tmp_path / "m" / "best.npz")
    assert [node.layer.kind for node in found.network.nodes] == LAYERS[name]
    objective = Objective(found.plan.loss)
    assert objective.main.loss.kind == LOSSES.get(name, "cross_entropy")

    x, expected = expected_of(path, found.network.in_shape)
    last = found.normalizer.apply(np.moveaxis(x, 0, -1), np.dtype(np.float32))
    z, _ = found.network.forward(found.state.params, last, Pass())
    is_logits = name in ("torchscript", "dynamo")
    y = z if is_logits else answers(objective.main.loss, z)
    np.testing.assert_allclose(y.T, expected, rtol=1e-4, atol=1e-5)

    verdicts = check_network(found.network, objective, found.state.params, Penalty(), 0, 1e-5)
    assert all(verdict.ok for verdict in verdicts)


def test_what_the_names_and_the_scaling_say():
    found = read_onnx(DATA / "sklearn-classes.onnx")
    assert found.about.classes == ("a", "b", "c")
    assert found.normalize == "per_channel"
    assert found.normalizer.shift.shape == (4,)


def test_reading_up_to_a_value_that_is_named(tmp_path):
    whole = read_onnx(DATA / "sklearn-numbers.onnx")
    assert whole.out_shape == (1,)
    found = read_onnx(DATA / "sklearn-numbers.onnx", output="next_activations")
    assert found.out_shape == (5,)
    assert [item.layer.kind for item in found.items] == ["dense", "tanh"]

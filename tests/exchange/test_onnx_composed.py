"""Layers that ONNX has no operator for are known by the operators written for them, or refused."""

import numpy as np
import pytest

from cnntrain.errors import DataError
from cnntrain.exchange.onnx_in import read_onnx
from cnntrain.exchange.onnx_out.file import onnx_model
from cnntrain.layers import Example
from cnntrain.layers.adaptive_pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d
from cnntrain.layers.lrn import Lrn
from cnntrain.layers.pooling import AvgPool2d

onnx = pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")

LAYERS = {
    "adaptive avg": AdaptiveAvgPool2d(size=(2, 3)),
    "adaptive max": AdaptiveMaxPool2d(size=(3, 2)),
    "ceil": AvgPool2d(size=3, stride=2, padding=1, ceil=True),
    "ceil without padding": AvgPool2d(size=2, padding=1, ceil=True, count_padding=False),
    "dilated": AvgPool2d(size=2, stride=1, dilation=(1, 2)),
    "one side": AvgPool2d(size=(2, 3), stride=2, padding=(1, 0, 0, 2), dilation=2),
    "lrn": Lrn(size=3, across="space", alpha=0.1, beta=0.6, k=2.0),
}
IN_SHAPE = (2, 7, 8)


@pytest.fixture
def written(exported_network, tmp_path):
    """``written(layer, change)``: a file with the layer, whose ONNX model is changed first."""

    def write(layer, change=lambda constants: None):
        made = onnx_model(exported_network(Example(layer, IN_SHAPE), np.random.default_rng(0)), 17)
        arrays = {a.name: onnx.numpy_helper.to_array(a).copy() for a in made.graph.initializer}
        change(arrays)
        for tensor in made.graph.initializer:
            tensor.CopyFrom(onnx.numpy_helper.from_array(arrays[tensor.name], tensor.name))
        onnx.save(made, tmp_path / "m.onnx")
        return tmp_path / "m.onnx"

    return write


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_they_come_back_with_their_options(written, layer):
    (item,) = read_onnx(written(layer), loss="squared_error").items
    assert type(item.layer) is type(layer)
    assert item.layer.out_shape(IN_SHAPE) == layer.out_shape(IN_SHAPE)
    x = np.random.default_rng(1).standard_normal((*IN_SHAPE, 2))
    np.testing.assert_allclose(
        item.layer.forward({}, x, None)[0], layer.forward({}, x, None)[0], rtol=1e-12
    )


def change(name):
    """Another number at the beginning of a constant."""

    def changed(arrays):
        (array,) = (array for full, array in arrays.items() if full.endswith(f".{name}"))
        array.reshape(-1)[0] += 1

    return changed


@pytest.mark.parametrize(
    ("layer", "constant", "why"),
    [
        ("adaptive avg", "vertical", "its matrices do not take the means of windows"),
        ("adaptive max", "start0", "its slices are not the windows"),
        ("ceil", "counts", "it divides by other numbers than those of the inputs"),
        ("ceil", "ones", "its constant differs within a channel"),
        ("lrn", "beta", None),
    ],
)
def test_what_only_looks_alike_is_refused_by_the_node(written, layer, constant, why):
    path = written(LAYERS[layer], change(constant))
    if why is None:
        (item,) = read_onnx(path, loss="squared_error").items
        assert item.layer.beta == 1.6
    else:
        with pytest.raises(DataError, match=rf"m\.onnx: node '.*' \(.*\): {why}"):
            read_onnx(path, loss="squared_error")

"""Weights written for PyTorch: loaded there, its layers give what ours give; and back again."""

import dataclasses
from collections import OrderedDict

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.errors import DataError
from cnntrain.exchange.model import Model
from cnntrain.exchange.safetensors_file import read_safetensors, write_safetensors
from cnntrain.exchange.torch_names import NAMES, from_state_dict, to_state_dict
from cnntrain.layers import Layer
from cnntrain.network.network import Pass
from cnntrain.types import as_pair


def is_known_there(layer, in_shape):
    """Whether PyTorch has it: its padding is symmetric."""
    return not hasattr(layer, "axes") or all(a.before == a.after for a in layer.axes(in_shape))


EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, layer in Layer.kinds.items()
    for i, example in enumerate(layer.examples())
    if example.layer.params(example.in_shape) and is_known_there(example.layer, example.in_shape)
]


def windows(layer, in_shape):
    """Options of a convolution in PyTorch."""
    pads = tuple(axis.before for axis in layer.axes(in_shape))
    return {"kernel_size": as_pair(layer.kernel), "stride": as_pair(layer.stride), "padding": pads}


def module_for(nn, layer, in_shape):
    """The same layer in PyTorch."""
    kind, c = layer.kind, in_shape[0]
    if kind == "dense":
        return nn.Linear(c, layer.units, bias=layer.bias)
    if kind in ("conv2d", "conv_transpose2d"):
        options = {**windows(layer, in_shape), "bias": layer.bias}
        if kind == "conv2d":
            more = {"dilation": as_pair(layer.dilation), "groups": layer.groups}
            return nn.Conv2d(c, layer.filters, **options, **more)
        return nn.ConvTranspose2d(
            c, layer.filters, output_padding=as_pair(layer.output_padding), **options
        )
    if kind == "batch_norm":
        return (nn.BatchNorm1d if len(in_shape) == 1 else nn.BatchNorm2d)(c)
    if kind == "layer_norm":
        return nn.LayerNorm(in_shape)
    if kind == "group_norm":
        return nn.GroupNorm(layer.groups, c)
    return nn.PReLU(1 if layer.shared else c)


def test_every_kind_with_arrays_has_names():
    assert NAMES.keys() == {example.values[0].layer.kind for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES)
def test_pytorch_gives_the_same_with_these_arrays(torch, example, exported_network):
    rng = np.random.default_rng(3)
    model = exported_network(example, rng)
    module = module_for(torch.nn, example.layer, example.in_shape)
    (node,) = model.network.nodes
    theirs = torch.nn.Sequential(OrderedDict({node.name: module})).eval()
    arrays = to_state_dict(model.network, model.params)
    theirs.load_state_dict({name: torch.tensor(a) for name, a in arrays.items()}, strict=True)
    x = rng.standard_normal((*example.in_shape, 4)).astype(np.float32)
    expected, _ = model.network.forward(model.params, x, Pass())
    with torch.no_grad():
        y = theirs(torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 0)))).numpy()
    np.testing.assert_allclose(np.moveaxis(y, 0, -1), expected, rtol=1e-4, atol=1e-5)
    again = from_state_dict(model.network, arrays, "x")
    assert again.keys() == model.params.keys()
    for name, array in again.items():
        np.testing.assert_array_equal(array, model.params[name])


# --- files -----------------------------------------------------------------------------------

FLOAT32 = np.dtype(np.float32)


@pytest.fixture
def lenet(network_of):
    kinds = Layer.kinds
    network = network_of(
        (1, 12, 12), kinds["conv2d"](filters=3, kernel=3), kinds["relu"](),
        kinds["max_pool2d"](size=2), kinds["flatten"](), kinds["dense"](units=4),
    )  # fmt: skip
    params = network.init(1, FLOAT32)
    return Model("lenet", network, params, None, Schema(("a", "b", "c", "d")), "cross_entropy")


def torch_lenet(nn):
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(75, 4)
    )


def test_a_file_of_pytorch_and_back(torch, lenet, tmp_path):
    files = pytest.importorskip("safetensors.torch", reason="needs the extra 'safetensors'")
    theirs = torch_lenet(torch.nn)
    files.save_file(theirs.state_dict(), tmp_path / "a.safetensors")
    params, about = read_safetensors(tmp_path / "a.safetensors", lenet.network, FLOAT32)
    assert about.classes is None
    x = np.random.default_rng(0).standard_normal((1, 12, 12, 3)).astype(np.float32)
    y, _ = lenet.network.forward(params, x, Pass())
    with torch.no_grad():
        expected = theirs(torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 0)))).numpy()
    np.testing.assert_allclose(y.T, expected, rtol=1e-4, atol=1e-5)

    write_safetensors(dataclasses.replace(lenet, params=params), tmp_path / "b.safetensors")
    named = OrderedDict(zip(("conv1", "relu1", "pool", "flat", "dense1"), theirs, strict=True))
    torch.nn.Sequential(named).load_state_dict(
        files.load_file(tmp_path / "b.safetensors"), strict=True
    )
    _, about = read_safetensors(tmp_path / "b.safetensors", lenet.network, FLOAT32)
    assert about.classes == ("a", "b", "c", "d")


def without(name):
    return lambda arrays: {key: a for key, a in arrays.items() if key != name}


def also(name, array):
    return lambda arrays: {**arrays, name: array}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            without("conv1.bias"),
            r"conv1 has weight \(3, 1, 3, 3\), but conv1 \(conv2d\) needs bias",
        ),
        (also("conv2.weight", np.zeros(3)), "it has arrays of conv2; give the layers"),
        (
            also("dense1.weight", np.zeros((4, 70))),
            r"dense1 has bias \(4,\), weight \(4, 70\), but",
        ),
        (also("dense1.bias", np.full(4, np.nan)), "dense1.b has values that are no finite"),
        (also("dense1.bias", np.zeros(4, np.int64)), "dense1.b has values that are no finite"),
        (lambda arrays: {"encoder.weight": np.zeros(3)}, "it has no arrays of conv1, dense1 and"),
    ],
)
def test_a_foreign_file_is_refused(lenet, tmp_path, change, message):
    files = pytest.importorskip("safetensors.numpy", reason="needs the extra 'safetensors'")
    arrays = change(to_state_dict(lenet.network, lenet.params))
    files.save_file(arrays, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match=message):
        read_safetensors(tmp_path / "x.safetensors", lenet.network, FLOAT32)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\3\4 something else", "not a .safetensors file"),
        (b"\xff" * 8 + b"{}", "not a .safetensors file"),
        (b"\2\0\0\0\0\0\0\0{}", "has no arrays of conv1, dense1"),
    ],
)
def test_a_broken_file_is_refused(lenet, tmp_path, content, message):
    pytest.importorskip("safetensors", reason="needs the extra 'safetensors'")
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_safetensors(tmp_path / "x.safetensors", lenet.network, FLOAT32)


def test_damaged_metadata_is_refused(lenet, tmp_path):
    files = pytest.importorskip("safetensors.numpy", reason="needs the extra 'safetensors'")
    arrays = to_state_dict(lenet.network, lenet.params)
    for text in ("{", '[1, "a"]', "3", '"x"'):
        files.save_file(arrays, tmp_path / "x.safetensors", {"cnntrain.classes": text})
        with pytest.raises(DataError, match="metadata that begins with"):
            read_safetensors(tmp_path / "x.safetensors", lenet.network, FLOAT32)

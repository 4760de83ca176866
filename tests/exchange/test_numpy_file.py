"""An exported model.py gives what the network gives, in a process that has only NumPy."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.data.normalize import Normalizer
from cnntrain.diagnostics.gradcheck import example_input
from cnntrain.errors import ConfigError, DataError
from cnntrain.exchange.model import Model
from cnntrain.exchange.numpy_file import numpy_model, write_numpy
from cnntrain.exchange.numpy_lines import LINES
from cnntrain.layers import Layer
from cnntrain.network.network import Pass

EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, layer in Layer.kinds.items()
    for i, example in enumerate(layer.examples())
]


def predictor(source, arrays, tmp_path):
    """The function ``predict`` of the file, run as a module."""
    (tmp_path / "m.py").write_text(source, encoding="utf-8")
    np.savez(tmp_path / "m.npz", **arrays)
    names = {"__file__": str(tmp_path / "m.py"), "__name__": "m"}
    exec(compile(source, "m.py", "exec"), names)
    return names["predict"]


def test_every_kind_of_layer_has_a_line():
    assert LINES.keys() == Layer.kinds.keys()


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_layer_gives_the_same(example, tmp_path, exported_network):
    rng = np.random.default_rng(3)
    model = exported_network(example, rng)
    x = rng.uniform(-1, 1, (*model.network.in_shape, 5)).astype(np.float32)
    if not example.layer.joins:
        x = example_input(dataclasses.replace(example, batch=5), rng).astype(np.float32)
    expected, _ = model.network.forward(model.params, x, Pass())
    predict = predictor(*numpy_model(model, "m"), tmp_path)
    y = predict(np.moveaxis(x, -1, 0))
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(np.moveaxis(y, 0, -1), expected, rtol=0, atol=1e-5 * scale)
    assert y.dtype == np.float32


@pytest.fixture
def small(network_of):
    network = network_of((1, 4, 4), Layer.kinds["flatten"](), Layer.kinds["dense"](units=2))
    normalizer = Normalizer(np.full((1, 1, 1), 3.0), np.full((1, 1, 1), 2.0))
    params = network.init(0, np.dtype(np.float32))
    return Model("small", network, params, normalizer, Schema(("no", "yes")), "cross_entropy")


def test_it_runs_without_this_package(small, tmp_path):
    write_numpy(small, tmp_path / "model.py")
    x = np.random.default_rng(0).standard_normal((3, 1, 4, 4))
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, importlib.abc\n"
        "class Only(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('cnntrain', 'scipy', 'torch'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Only())\n"
        "import numpy as np, model\n"
        "np.save('y.npy', model.predict(np.load('x.npy')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, timeout=60)
    last = small.preprocessing.apply(np.moveaxis(x, 0, -1), np.dtype(np.float32))
    expected, _ = small.network.forward(small.params, last, Pass())
    y = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(y, expected.T, rtol=0, atol=1e-5)
    shown = subprocess.run(
        [sys.executable, "model.py", "x.npy"],
        check=True, cwd=tmp_path, timeout=60, capture_output=True, text=True,
    )  # fmt: skip
    assert shown.stdout.split() == [("no", "yes")[k] for k in y.argmax(axis=1)]


@pytest.mark.parametrize("example", Layer.kinds["conv2d"].examples())
def test_no_line_is_long(example, tmp_path, exported_network):
    source, _ = numpy_model(exported_network(example, np.random.default_rng(0)), "m")
    assert max(map(len, source.splitlines())) <= 100


def test_the_file_can_be_read(small, tmp_path):
    written = write_numpy(small, tmp_path / "model.py")
    assert [path.name for path in written] == ["model.py", "model.npz"]
    source = (tmp_path / "model.py").read_text()
    assert max(map(len, source.splitlines())) <= 100
    assert "conv2d" not in source  # only what is used


def test_targets_come_in_the_units_of_the_data(small, tmp_path):
    normalizer = small.preprocessing.with_targets(
        Normalizer(np.array([1.0, 2.0]), np.array([10.0, 0.5]))
    )
    model = dataclasses.replace(small, preprocessing=normalizer, schema=Schema(None))
    predict = predictor(*numpy_model(model, "m"), tmp_path)
    x = np.ones((1, 4, 4, 1), np.float32)
    z, _ = model.network.forward(model.params, normalizer.apply(x, x.dtype), Pass())
    y = predict(np.ones((1, 1, 4, 4)))
    np.testing.assert_allclose(y.T, normalizer.of_targets.undo(z), rtol=1e-5)


def test_one_output_decides_between_two_classes(small, network_of, tmp_path):
    network = network_of((1, 4, 4), Layer.kinds["flatten"](), Layer.kinds["dense"](units=1))
    params = network.init(0, np.dtype(np.float32))
    model = dataclasses.replace(small, network=network, params=params)
    x = np.random.default_rng(0).standard_normal((20, 1, 4, 4))
    names = predictor(*numpy_model(model, "m"), tmp_path).__globals__
    expected = [("no", "yes")[int(z > 0)] for z in names["predict"](x)[:, 0]]
    assert names["classify"](x) == expected
    assert set(expected) == {"no", "yes"}


@pytest.mark.parametrize("name", ["my-model", "class"])
def test_a_name_that_python_cannot_import(small, tmp_path, name):
    with pytest.raises(ConfigError, match=rf"{name}.py: Python cannot import"):
        write_numpy(small, tmp_path / f"{name}.py")


@pytest.mark.parametrize("name", ["numpy", "random"])
def test_a_name_that_would_hide_a_module(small, tmp_path, name):
    with pytest.raises(ConfigError, match=f"Python has a module '{name}' already"):
        write_numpy(small, tmp_path / f"{name}.py")


def test_a_folder_that_is_missing(small, tmp_path):
    with pytest.raises(DataError, match=r"no folder .*absent; make it"):
        write_numpy(small, tmp_path / "absent" / "model.py")

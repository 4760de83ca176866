"""``export`` and ``import``: what they print, and say about files that they cannot use."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from cnntrain import cli
from cnntrain.exchange import extras

pytestmark = pytest.mark.usefixtures("empty_folder")
DATA = Path(__file__).parents[1] / "exchange" / "data"


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("export", path, ...)``: (exit code, stdout, stderr) of the command."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cnntrain", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.run()
        streams = capsys.readouterr()
        assert "Traceback" not in streams.err
        return stopped.value.code, streams.out, streams.err

    return call


def need_extra_of(name):
    """Skip the test without the library that writes this file."""
    module = {".onnx": "onnx", ".safetensors": "safetensors"}.get(Path(name).suffix)
    if module:
        pytest.importorskip(module, reason=f"this file needs the extra {module!r}")


def litter(folder):
    """What an interrupted write would leave behind."""
    return [path.name for path in folder.rglob("*") if path.name.endswith(".tmp")]


def test_a_model_goes_out_and_comes_back(command, fitted, tmp_path):
    pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
    run = fitted()
    assert command("export", run, tmp_path / "m.onnx") == (0, f"wrote {tmp_path / 'm.onnx'}\n", "")
    code, out, err = command("import", tmp_path / "m.onnx", "--out", tmp_path / "back")
    assert (code, out) == (0, f"wrote {tmp_path / 'back'}: 22 parameters, samples 2\n")
    assert "The loss is cross_entropy" in err
    for words in (["eval"], ["summary"], ["gradcheck"], ["trace"]):
        assert command(*words, tmp_path / "back")[0] == 0
    config = tmp_path / "back" / "config.yaml"
    fit = ["--init-from", tmp_path / "back", "--out", tmp_path / "more", "--set", "train.epochs=1"]
    assert command("fit", config, *fit)[0] == 0
    assert litter(tmp_path) == []


def test_data_and_training_of_a_config(command, fitted, config_file, tmp_path):
    pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
    run = fitted()
    command("export", run, tmp_path / "m.onnx")
    words = ["import", tmp_path / "m.onnx", "--like", config_file(), "--out", tmp_path / "back"]
    assert command(*words)[::2] == (0, "")
    shown = command("eval", tmp_path / "back")[1]
    assert shown.splitlines()[1:] == command("eval", run)[1].splitlines()[1:]


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("m.txt", (), "m.txt: the ending must be one of .onnx, .py, .safetensors"),
        ("m.py", ("--opset", 18), "--opset is for ONNX"),
        ("m.onnx", ("--opset", 3), "--opset 3: must be from 17 to"),
        ("my model.py", (), "Python cannot import a module of this name"),
    ],
)
def test_what_cannot_be_exported(command, fitted, tmp_path, name, words, expected):
    need_extra_of(name)
    code, out, err = command("export", fitted(), tmp_path / name, *words)
    assert (code, out) == (2, "")
    assert expected in err
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("ending", [".onnx", ".py", ".safetensors"])
def test_a_place_that_cannot_be_written(command, fitted, tmp_path, ending):
    run = fitted()
    code, _, err = command("export", run, tmp_path / "absent" / f"m{ending}")
    assert (code, "there is no folder" in err) == (1, True)
    (tmp_path / f"folder{ending}").mkdir()
    code, _, err = command("export", run, tmp_path / f"folder{ending}")
    assert (code, "this is a folder; name a file in it" in err) == (1, True)


@pytest.mark.parametrize("ending", [".onnx", ".py", ".safetensors"])
def test_a_full_disk_leaves_the_old_file(command, fitted, tmp_path, monkeypatch, ending):
    import os

    need_extra_of(f"m{ending}")
    path = tmp_path / f"m{ending}"
    path.write_text("before")
    run = fitted()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = command("export", run, path)
    assert (code, "No space left on device" in err) == (1, True)
    assert path.read_text() == "before"
    assert litter(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (["export", "RUN", "m.onnx"], "onnx", "onnx"),
        (["export", "RUN", "m.safetensors"], "safetensors.numpy", "safetensors"),
        (["import", DATA / "keras.onnx", "--out", "back"], "onnx", "onnx"),
    ],
)
def test_without_the_extra_the_remedy_is_named(command, fitted, monkeypatch, words, module, extra):
    whole = extras.importlib.import_module

    def without(name):
        if name == module:
            raise ImportError(name)
        return whole(name)

    run = fitted()
    monkeypatch.setattr(extras.importlib, "import_module", without)
    code, _, err = command(*(run if word == "RUN" else word for word in words))
    assert code == 1
    assert f"needs {extra}; install it with: pip install 'cnntrain[{extra}]'" in err


# --- foreign files ---------------------------------------------------------------------------


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")


def model_of(onnx, in_shape, *nodes, **arrays):
    """A model of these nodes from x to y."""
    helper = onnx.helper
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes),
        "g",
        [info("x", onnx.TensorProto.FLOAT, ["N", *in_shape])],
        [info("y", onnx.TensorProto.FLOAT, ["N", 3])],
        [array if hasattr(array, "dims") else onnx.numpy_helper.from_array(array, name)
         for name, array in arrays.items()],
    )  # fmt: skip
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


def hostile(onnx):
    """{what is wrong: (the model, what is said about it)}."""
    node, tensor = onnx.helper.make_node, onnx.TensorProto
    gemm = node("Gemm", ["x", "W"], ["y"], "first")
    W = np.ones((4, 3), np.float32)
    huge = tensor(name="W", data_type=1, dims=[1 << 40, 1 << 20], raw_data=b"\0" * 8)
    outside = tensor(name="W", data_type=1, dims=[4, 3], data_location=tensor.EXTERNAL)
    outside.external_data.add(key="location", value="../../../../etc/passwd")
    return {
        "unknown operator": (
            model_of(onnx, (4,), node("Einsum", ["x", "W"], ["y"], "odd", equation="ij,jk"), W=W),
            "node 'odd' (Einsum): this operator is not supported",
        ),
        "foreign domain": (
            model_of(onnx, (4,), node("Magic", ["x"], ["y"], "odd", domain="com.example")),
            "node 'odd' (com.example.Magic): this operator is not supported",
        ),
        "huge array": (model_of(onnx, (4,), gemm, W=huge), "raw_data size (8 bytes) is too small"),
        "array outside": (model_of(onnx, (4,), gemm, W=outside), "not a readable ONNX model"),
        "NaN": (model_of(onnx, (4,), gemm, W=W * np.nan), "the constant 'W' contains NaN"),
        "huge input": (model_of(onnx, (1 << 40,), gemm, W=W), "has more than 16,777,216 numbers"),
        "no shape": (model_of(onnx, ("a",), gemm, W=W), "the input 'x' is (N, a); it must be real"),
        "weights of another shape": (
            model_of(onnx, (5,), gemm, W=W), "node 'first' (Gemm): weights (4, 3) for samples (5,)"
        ),
        "huge resizing": (
            model_of(
                onnx, (1, 2, 2), node("Resize", ["x", "", "s"], ["y"], "first"),
                s=np.array([1, 1, 1e38, 2], np.float32),
            ),
            "node 'first' (Resize): its output (1, ",
        ),
        "negative slope": (
            model_of(onnx, (4,), node("LeakyRelu", ["x"], ["y"], "first", alpha=-0.5)),
            "node 'first' (LeakyRelu): leaky_relu.slope = -0.5: Input should be greater than or",
        ),
    }  # fmt: skip


CASES = [
    "unknown operator", "foreign domain", "huge array", "array outside", "NaN", "huge input",
    "no shape", "weights of another shape", "huge resizing", "negative slope",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_model_that_cannot_be_read(command, onnx, tmp_path, case):
    model, expected = hostile(onnx)[case]
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    code, out, err = command("import", tmp_path / "m.onnx", "--out", tmp_path / "back")
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: {tmp_path / 'm.onnx'}: ")
    assert expected in err
    assert err.count("\n") == 1
    assert not (tmp_path / "back").exists()


def test_every_case_is_run(onnx):
    assert hostile(onnx).keys() == set(CASES)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"", "the file is empty; export the model again"),
        (b"not a model at all", "not a readable ONNX model"),
        (b"PK\3\4" + bytes(100), "not a readable ONNX model"),
    ],
)
def test_a_file_that_is_no_model(command, onnx, tmp_path, content, expected):
    if content is not None:
        (tmp_path / "m.onnx").write_bytes(content)
    code, _, err = command("import", tmp_path / "m.onnx", "--out", tmp_path / "back")
    assert (code, expected in err) == (1, True)
    assert not (tmp_path / "back").exists()


def test_what_stands_in_the_way_stays(command, onnx, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, expected in (("full", "this folder is not empty"), ("file", "not a folder")):
        code, _, err = command("import", DATA / "keras.onnx", "--out", tmp_path / name)
        assert (code, f"{expected}; choose another --out" in err) == (1, True)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert command("import", DATA / "keras.onnx", "--out", tmp_path / "empty")[0] == 0


def test_a_failing_write_leaves_no_folder(command, onnx, tmp_path, monkeypatch):
    from cnntrain.exchange import folder

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "save", full)
    code, _, err = command("import", DATA / "keras.onnx", "--out", tmp_path / "back")
    assert (code, "No space left on device" in err) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_wrong_words(command, onnx, tmp_path):
    code, _, err = command("import", tmp_path / "config.yaml", "--out", tmp_path / "back")
    assert (code, "name a model that ends in .onnx, or a config and its --weights" in err) == (
        2,
        True,
    )
    words = ["import", DATA / "keras.onnx", "--out", tmp_path / "back"]
    code, _, err = command(*words, "--output", "dense")
    assert (code, "--output dense: no value has this name" in err) == (1, True)
    code, _, err = command(*words, "--set", "loss=nothing")
    assert (code, "nothing" in err) == (2, True)


@pytest.mark.parametrize("name", ["keras", "torchscript", "sklearn-classes"])
def test_a_damaged_model_is_refused_or_read(command, onnx, tmp_path, name):
    """One byte changed anywhere, or the end cut off: a message, or a model that can be loaded."""
    whole, draw = (DATA / f"{name}.onnx").read_bytes(), random.Random(0)
    for k in range(150):
        content = bytearray(whole)
        if k % 10 == 0:
            del content[draw.randrange(len(content)) :]
        else:
            content[draw.randrange(len(content))] = draw.randrange(256)
        (tmp_path / "m.onnx").write_bytes(content)
        code, _, err = command("import", tmp_path / "m.onnx", "--out", tmp_path / f"back{k}")
        assert code in (0, 1, 2), err
        assert (tmp_path / f"back{k}").exists() == (code == 0)
        if code == 0:
            assert command("summary", tmp_path / f"back{k}")[0] == 0

"""Every snippet that ``explain`` prints can be pasted into a config, and trains."""

import struct

import numpy as np
import pytest
import yaml

from cnntrain.commands.explain import run_explain
from cnntrain.errors import ConfigError
from cnntrain.layers import Layer
from cnntrain.views.explain.kinds import families
from cnntrain.views.explain.sections import EXAMPLES, config_keys, find_key, snippet
from cnntrain.views.explain.snippets import kind_snippet, sample_shape

CLASSES = {"source": "synthetic", "problem": "xor", "n": 30, "n_test": 10}
REGRESSION = {"source": "synthetic", "problem": "sine", "n": 30, "n_test": 10}
IMAGES = np.random.default_rng(0).integers(0, 255, (12, 1, 8, 8))
DENSE = ["flatten", {"dense": {"units": 2}}]
KINDS = [
    pytest.param(member, id=f"{family}-{kind}".replace(" ", "-"))
    for family, base in families().items()
    for kind, member in base.kinds.items()
    if member.__module__.startswith("cnntrain.")
]


def merged(tree, part):
    for key, value in part.items():
        both = isinstance(value, dict) and isinstance(tree.get(key), dict) and key != "optimizer"
        tree[key] = merged(dict(tree[key]), value) if both else value
    return tree


@pytest.fixture
def trains(experiment_of, small_tree, checked_training, train_events):
    """``trains(snippet, **sections)``: the snippet over a small config, trained for some steps."""

    def run(text, data_dir=None, **sections):
        from cnntrain.config.read import plan_from_tree
        from cnntrain.data.locate import DataFolders
        from cnntrain.training.opening import open_experiment

        tree = merged(small_tree(**{"data": CLASSES, **sections}), yaml.safe_load(text))
        tree["train"] = {**tree["train"], "max_steps": 8}
        if "mode: batch" in text:
            del tree["train"]["batch_size"]
        experiment = open_experiment(plan_from_tree(tree), DataFolders.of(data_dir).find)
        checked_training(experiment)
        events = list(train_events(experiment))
        assert events[-1].step >= 1

    return run


def test_every_key_has_an_example():
    assert set(config_keys()) == set(EXAMPLES)


@pytest.mark.parametrize("path", sorted(EXAMPLES))
def test_the_snippet_of_every_key_trains(trains, path, capsys):
    if path == "log.tensorboard":
        pytest.importorskip("tensorboardX")
    sections = {}
    if path == "data.normalize_targets":
        sections = {"data": REGRESSION, "network": [{"dense": {"units": 1}}],
                    "loss": "squared_error"}  # fmt: skip
    if path in ("data.augment", "data.source"):
        images = {"source": "inline", "inputs": IMAGES.tolist(), "targets": [0, 1] * 6}
        sections = {"data": images if path == "data.augment" else CLASSES, "network": DENSE}
    if path == "data.test_split":
        sections["data"] = {"source": "inline", "inputs": [[k, k] for k in range(20)],
                            "targets": [0, 1] * 10}  # fmt: skip
    trains(snippet(path), **sections)
    assert run_explain(path, (), None, False) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{path}: ")
    assert snippet(path) in text
    assert find_key(path).text


def images_of(shape, n=6):
    return np.random.default_rng(1).normal(size=(n, *shape)).round(3).tolist()


@pytest.mark.parametrize("member", KINDS)
def test_the_snippet_of_every_kind_trains(trains, member, tmp_path, monkeypatch):
    text = kind_snippet(member)
    if member.kind == "memory":
        assert text == ""
        return
    sections = {}
    if issubclass(member, Layer):
        inputs = images_of(sample_shape(member))
        sections = {"data": {"source": "inline", "inputs": inputs, "targets": [0, 1] * 3}}
    elif member.family == "data source":
        write_files(tmp_path)
        pytest.importorskip("PIL") if "image" in member.kind or member.kind == "folder" else None
        units = {"cifar10": 10, "cifar100": 100, "digits": 10, "idx": 10}.get(member.kind, 2)
        sections = {"network": ["flatten", {"dense": {"units": units}}], "data": {}}
    elif member.family == "augmentation":
        images = {"source": "inline", "inputs": IMAGES.tolist(), "targets": [0, 1] * 6}
        sections = {"data": images, "network": DENSE}
    elif member.kind == "bilinear":
        images = {"source": "inline", "inputs": IMAGES.tolist(), "targets": [0, 1] * 6}
        sections = {"data": images}
    elif member.family == "metric" and member.kind in ("mae", "rmse", "r2"):
        sections = {"data": REGRESSION, "network": [{"dense": {"units": 1}}],
                    "loss": "squared_error"}  # fmt: skip
    trains(text, data_dir=tmp_path, **sections)


def write_files(folder):
    """Small files under the names that the snippets use."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 5, 5)).astype(np.uint8)
    labels = np.array([0, 1] * 3, np.uint8)
    rows = "".join(f"{k},{2 * k},{'ab'[k % 2]}\n" for k in range(6))
    (folder / "train.csv").write_text(f"width,height,species\n{rows}")
    np.savez(folder / "train.npz", x=pixels, y=labels)
    parquet = pytest.importorskip("pyarrow.parquet", reason="tables need pyarrow")
    import pyarrow

    table = pyarrow.table({"width": range(6), "height": range(6), "label": list("ababab")})
    parquet.write_table(table, folder / "train.parquet")
    np.save(folder / "x.npy", pixels)
    np.save(folder / "y.npy", labels)
    (folder / "images-idx3-ubyte").write_bytes(
        struct.pack(">4B3I", 0, 0, 8, 3, 6, 5, 5) + pixels.tobytes()
    )
    (folder / "labels-idx1-ubyte").write_bytes(
        struct.pack(">4BI", 0, 0, 8, 1, 6) + labels.tobytes()
    )
    cifar = rng.integers(0, 256, (6, 3072)).astype(np.uint8)
    (folder / "data_batch_1.bin").write_bytes(np.hstack([labels[:, None], cifar]).tobytes())
    two = np.stack([labels, labels], axis=1)
    (folder / "train.bin").write_bytes(np.hstack([two, cifar]).tobytes())
    write_images(folder, pixels)


def write_images(folder, pixels):
    from PIL import Image

    names = []
    for k, image in enumerate(pixels):
        for place in (folder / "images" / "train" / "ab"[k % 2], folder / "images"):
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{k}.png")
        names.append(f"{k}.png,{'ab'[k % 2]}\n")
    (folder / "labels.csv").write_text("file,label\n" + "".join(names))


def test_a_section_lists_its_keys(capsys):
    assert run_explain("train.stop", (), None, False) == 0
    text = capsys.readouterr().out
    assert "keys: train.stop.threshold, train.stop.patience" in text
    assert "stop: {minutes: 30" in text or "stop: {patience: 5" in text


def test_a_mistyped_key_is_named():
    with pytest.raises(ConfigError, match=r"did you mean 'train\.l2'"):
        run_explain("train.l22", (), None, False)

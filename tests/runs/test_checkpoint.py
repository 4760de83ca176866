"""A checkpoint gives back what was saved, or an error of one line: never anything else."""

import io
import json
import pickle
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.errors import CheckpointError, ExitCode, WriteError
from cnntrain.runs import checkpoint
from cnntrain.runs.checkpoint import best_checkpoint, load, save
from cnntrain.training.state import start

SMALL = {
    "network": [{"dense": {"units": 2}}],
    "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}},
    "data": {"source": "synthetic", "problem": "xor", "n": 20, "normalize": "per_feature"},
    "train": {"epochs": 2},
}
ARRAYS = [
    "memory/velocity:dense1.W", "memory/velocity:dense1.b", "normalize/scale", "normalize/shift",
    "params/dense1.W", "params/dense1.b",
]  # fmt: skip


@pytest.fixture(scope="module")
def experiment(experiment_of):
    return experiment_of(**SMALL)


@pytest.fixture(scope="module")
def trained(experiment, train_events):
    """The state in the middle of the second epoch."""
    state = start(experiment.plan, experiment.network)
    for event in train_events(experiment, state):
        if event.step == 2:
            break
    return state


@pytest.fixture(scope="module")
def good(tmp_path_factory, experiment, trained):
    path = tmp_path_factory.mktemp("good") / "last.npz"
    save(path, experiment, trained)
    return path


@pytest.fixture
def refused(tmp_path):
    """``refused(data)``: the message about a file with this content, with FILE for its path."""

    def message(data, name="bad.npz"):
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            load(path)
        assert caught.value.exit_code == ExitCode.CHECKPOINT
        assert "\n" not in str(caught.value)
        assert "pickle" not in str(caught.value)
        return str(caught.value).replace(str(path), "FILE")

    return message


def contents(state):
    """All that a state holds, comparable."""
    arrays = {**state.params, **state.optimizer_state}
    rest = (state.step, state.sums, state.metrics, state.best, state.stale_epochs,
            state.largest_change)  # fmt: skip
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}, rest


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(entries, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def with_member(good, name, array):
    return archive_of({**members(good.read_bytes()), f"{name}.npy": npy(array)})


def with_header(good, **changes):
    header = {**header_of(good), **changes}
    kept = {key: value for key, value in header.items() if value is not ...}
    text = json.dumps(kept).encode()
    return with_member(good, "header", np.frombuffer(text, np.uint8))


def header_of(path):
    content = members(path.read_bytes())["header.npy"]
    return json.loads(np.lib.format.read_array(io.BytesIO(content)).tobytes())


# What is saved comes back


def test_everything_comes_back(good, experiment, trained):
    found = load(good)
    assert contents(found.state) == contents(trained)
    assert found.plan == experiment.plan
    assert found.network == experiment.network
    assert found.classes == experiment.data.classes
    assert found.fingerprint == experiment.data.fingerprint
    for name, array in experiment.data.normalizer.arrays().items():
        np.testing.assert_array_equal(found.normalizer.arrays()[name], array)


def test_the_members_are_the_arrays_and_a_header_of_json(good):
    assert sorted(members(good.read_bytes())) == sorted(
        f"{name}.npy" for name in ["header", *ARRAYS]
    )
    header = header_of(good)
    assert header["format"] == 1
    assert header["config"]["network"] == [
        {"dense": {**header["config"]["network"][0]["dense"], "units": 2}}
    ]
    assert header["step"] == 2
    with np.load(good, allow_pickle=False) as arrays:  # readable with NumPy alone
        assert arrays["params/dense1.W"].shape == (2, 2)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"dtype": "float64"},
        {"data": {"source": "digits", "validation": 0.1, "normalize": "per_channel"},
         "network": [{"conv2d": {"filters": 2, "kernel": 3, "activation": "relu"}}, "flatten",
                     {"dense": {"units": 10}}]},
        {"data": {"source": "synthetic", "problem": "sine"}, "loss": "squared_error",
         "network": [{"dense": {"units": 1, "trainable": {"b": False}}, "name": "größe"}]},
        {"train": {"epochs": 3, "stop": {"threshold": 1e-9}}},
    ],
)  # fmt: skip
def test_any_kind_of_training_round_trips(tmp_path, experiment_of, train_events, sections):
    experiment = experiment_of(**sections)
    state = start(experiment.plan, experiment.network)
    for event in train_events(experiment, state):
        if event.step % 2:
            continue
        save(tmp_path / "a.npz", experiment, state)
        found = load(tmp_path / "a.npz")
        assert contents(found.state) == contents(state)
        assert found.plan == experiment.plan


def test_equal_states_give_equal_bytes(tmp_path, experiment, trained, good):
    save(tmp_path / "again.npz", experiment, trained)
    assert (tmp_path / "again.npz").read_bytes() == good.read_bytes()


def test_what_was_loaded_saves_to_the_same_bytes(tmp_path, experiment, good):
    save(tmp_path / "again.npz", experiment, load(good).state)
    assert (tmp_path / "again.npz").read_bytes() == good.read_bytes()


def test_saving_replaces_the_file_and_leaves_no_litter(tmp_path, experiment, trained, good):
    path = tmp_path / "last.npz"
    path.write_bytes(b"old")
    save(path, experiment, trained)
    assert path.read_bytes() == good.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.npz"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_loaded_arrays_can_be_trained_on(good):
    for array in load(good).state.params.values():
        array += 1


# Broken files


def test_every_proper_prefix_is_refused(refused, good):
    data = good.read_bytes()
    for length in range(len(data)):
        assert refused(data[:length]).startswith("FILE: not a readable checkpoint (")


def same_or_refused(path, expected):
    try:
        found = load(path)
    except CheckpointError:
        return
    assert contents(found.state) == expected


@given(data=st.data())
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path_factory, good, trained, data):
    content = bytearray(good.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    path.write_bytes(content)
    same_or_refused(path, contents(trained))


@pytest.mark.slow
def test_every_flipped_bit_is_refused_or_changes_nothing(tmp_path, good, trained):
    path, expected = tmp_path / "flipped.npz", contents(trained)
    original = good.read_bytes()
    for position in range(len(original)):
        for bit in range(8):
            content = bytearray(original)
            content[position] ^= 1 << bit
            path.write_bytes(content)
            same_or_refused(path, expected)


@given(junk=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory, junk):
    path = tmp_path_factory.getbasetemp() / "junk.npz"
    path.write_bytes(junk)
    with pytest.raises(CheckpointError):
        load(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        pickle.dumps({"params": [1, 2]}),
        b"PK\x05\x06" + bytes(18),  # an empty archive
        npy([1.0, 2.0]),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"\x1f\x8b\x08\x00" + bytes(40),
    ],
    ids=["empty", "zeros", "pickle", "no members", "npy", "hdf5", "gzip"],
)
def test_other_files_are_refused(refused, data):
    message = refused(data)
    assert message.startswith("FILE: ")
    assert "checkpoint" in message


class Harmful:
    """Unpickling it leaves a file behind."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["params/dense1.W", "header"])
def test_an_object_array_is_refused_without_unpickling(refused, good, tmp_path, name):
    objects = np.array([Harmful(tmp_path / "trace"), None], dtype=object)
    entries = {**members(good.read_bytes()), f"{name}.npy": npy(objects, allow_pickle=True)}
    assert "a member that is not a plain array" in refused(archive_of(entries))
    assert not (tmp_path / "trace").exists()
    assert pickle.loads(pickle.dumps(objects)) is not None
    assert (tmp_path / "trace").exists()  # so the trap works


def test_a_config_that_names_a_class_is_refused(refused, good):
    message = refused(with_header(good, config={"class_name": "os.system", "config": ["ls"]}))
    assert message.startswith("FILE: the config in it is not valid: ")


NOT_OURS = "was not written by cnntrain; use a checkpoint made by cnntrain"


@pytest.mark.parametrize(
    "name", ["../../evil.npy", "/etc/evil.npy", "params/../evil.npy", "evil.npy", "a/b/c.npy"]
)
def test_members_with_other_names_are_refused(refused, good, tmp_path, name):
    found = refused(archive_of({**members(good.read_bytes()), name: npy([1.0])}))
    extra = name.removesuffix(".npy")
    assert found == f"FILE: does not match its config: not expected {extra}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.npz"]


def test_a_member_that_is_no_array_is_refused(refused, good):
    found = refused(archive_of({**members(good.read_bytes()), "run.py": b"import os"}))
    assert found == f"FILE: member 'run.py' {NOT_OURS}"


def test_a_member_given_twice_is_refused(refused, good):
    buffer = io.BytesIO(good.read_bytes())
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(buffer, "a") as archive,
    ):
        archive.writestr("params/dense1.W.npy", npy(np.zeros((2, 2), np.float32)))
    assert refused(buffer.getvalue()) == f"FILE: member 'params/dense1.W.npy' {NOT_OURS}"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused(refused, good, method):
    data = archive_of(members(good.read_bytes()), compression=method)
    assert NOT_OURS in refused(data)


def test_a_bomb_is_refused_unopened(refused, good):
    bomb = npy(np.zeros(30_000_000, np.float32))
    data = archive_of(
        {**members(good.read_bytes()), "params/dense1.W.npy": bomb},
        compression=zipfile.ZIP_DEFLATED,
    )
    assert len(data) < 1 << 20
    assert NOT_OURS in refused(data)


def test_encrypted_members_are_refused(refused, good):
    data = bytearray(good.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert NOT_OURS in refused(bytes(data))


def test_an_unknown_compression_method_is_refused(refused, good):
    data = bytearray(good.read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 10, 99)
    assert NOT_OURS in refused(bytes(data))


def test_huge_sizes_in_a_header_are_refused_before_allocation(refused, good):
    huge = npy(np.zeros((2, 2), np.float32)).replace(b"(2, 2), ", b"(99999999, 99999999), ")
    entries = {**members(good.read_bytes()), "params/dense1.W.npy": huge}
    assert refused(archive_of(entries)).startswith("FILE: ")


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((2, 3), np.float32), "params/dense1.W.npy is float32 (2, 3), not float32 (2, 2)"),
        (np.zeros((4,), np.float32), "params/dense1.W.npy is float32 (4,), not float32 (2, 2)"),
        (np.zeros((2, 2), np.float64), "params/dense1.W.npy is float64 (2, 2), not float32 (2, 2)"),
        (np.zeros((2, 2), np.int32), "params/dense1.W.npy is int32 (2, 2), not float32 (2, 2)"),
        (np.zeros((2, 2), ">f4"), "params/dense1.W.npy is >f4 (2, 2), not float32 (2, 2)"),
        (np.zeros((900, 900), np.float32),
         "params/dense1.W.npy does not have the size of an array (2, 2)"),
        (np.array([[0, np.nan], [0, 0]], np.float32),
         "params/dense1.W.npy contains NaN or infinity"),
        (np.array([[0, 0], [np.inf, 0]], np.float32),
         "params/dense1.W.npy contains NaN or infinity"),
    ],
)  # fmt: skip
def test_an_array_that_does_not_fit_is_refused(refused, good, array, found):
    assert refused(with_member(good, "params/dense1.W", array)) == f"FILE: {found}"


def test_a_transposed_array_of_the_right_shape_is_read_right(tmp_path, good):
    """Fortran order is a detail of the file."""
    W = load(good).state.params["dense1.W"]
    path = tmp_path / "fortran.npz"
    path.write_bytes(with_member(good, "params/dense1.W", np.asfortranarray(W)))
    found = load(path).state.params["dense1.W"]
    np.testing.assert_array_equal(found, W)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("name", ARRAYS)
def test_a_missing_array_is_refused(refused, good, name):
    entries = members(good.read_bytes())
    del entries[f"{name}.npy"]
    assert refused(archive_of(entries)) == f"FILE: does not match its config: missing {name}"


def test_the_memory_of_another_optimizer_is_refused(refused, good):
    config = {**header_of(good)["config"], "optimizer": {"sgd": {"lr": 0.1}}}
    assert refused(with_header(good, config=config)) == (
        "FILE: does not match its config: not expected memory/velocity:dense1.W,"
        " memory/velocity:dense1.b"
    )


# The header


def test_no_header_is_no_checkpoint(refused, good):
    entries = members(good.read_bytes())
    del entries["header.npy"]
    assert refused(archive_of(entries)) == "FILE: a .npz file, but not a checkpoint of cnntrain"


@pytest.mark.parametrize("version", [0, 2, 99, "1", None, True, 1.5, ...])
def test_another_format_is_refused(refused, good, version):
    message = refused(with_header(good, format=version))
    assert message.startswith(
        ("FILE: checkpoint format ", "FILE: the header is damaged at 'format'")
    )
    if version in (2, 99):
        assert message == f"FILE: checkpoint format {version}; this cnntrain reads format 1"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", -1),
        ("step", "2"),
        ("step", 2.5),
        ("step", ...),
        ("step", 10**400),
        ("step", 2**53 + 1),
        ("best", {"value": 1.0, "epoch": 10**400, "step": 1}),
        ("best", {"value": 10**400, "epoch": 1, "step": 1}),
        ("best", {"value": 1.0, "epoch": 1, "step": 3}),
        ("stale_epochs", 10**400),
        ("drops", 10**400),
        ("largest_change", -1.0),
        ("largest_change", 10**400),
        ("sums", None),
        ("sums", {"n": "x"}),
        ("sums", {"n": 8}),
        ("sums", {"n": 0, "loss": 1.0, "correct": 1}),
        ("sums", {"n": -8, "loss": 1.0, "correct": 1}),
        ("sums", {"n": 1.5, "loss": 1.0, "correct": 1}),
        ("sums", {"n": 10**400, "loss": 1.0, "correct": 1}),
        ("sums", {"n": 8, "loss": 10**400, "correct": 1}),
        ("sums", {"n": 8, "loss": "1.0", "correct": 1}),
        ("sums", {"n": 8, "loss": ["x"], "correct": 1}),
        ("sums", {"n": 8, "loss": [[1.0], [2.0, 3.0]], "correct": 1}),
        ("sums", {"n": 8, "correct": 1}),
        ("sums", {"n": 8, "loss": 1.0}),
        ("sums", {"n": 8, "loss": 1.0, "absolute_error": 1.0, "squared_error": -1.0}),
        ("metrics", []),
        ("best", {"value": 1.0}),
        ("best", {"value": 1.0, "epoch": 1, "step": 1, "more": 1}),
        ("stale_epochs", None),
        ("sample_shape", []),
        ("sample_shape", [0]),
        ("sample_shape", [2.5]),
        ("sample_shape", "ab"),
        ("sample_shape", [10**9, 10**9]),
        ("classes", "ab"),
        ("classes", [1, 2]),
        ("classes", []),
        ("classes", ["a", "b", "c"]),
        ("fingerprint", 3),
        ("config", None),
        ("config", []),
        ("config", "x"),
        ("config", {}),
        ("unknown", 1),
    ],
)
def test_a_damaged_header_is_refused(refused, good, key, value):
    message = refused(with_header(good, digest=None, **{key: value}))
    assert message.startswith("FILE: ")
    if key in ("step", "best", "sums", "classes", "stale_epochs", "drops", "largest_change"):
        assert "the header is damaged at" in message or "not a readable checkpoint" in message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("key", ["largest_change", "figures", "sums", "best"])
def test_a_number_that_is_none_is_refused(refused, good, key, number):
    mark = 123456789.5
    inside = {"figures": {"train/loss": mark}, "sums": {"n": 1, "loss": mark, "correct": 1},
              "best": {"value": mark, "epoch": 1, "step": 1}}  # fmt: skip
    text = json.dumps({**header_of(good), key: inside.get(key, mark)})
    assert str(mark) in text
    header = np.frombuffer(text.replace(str(mark), number).encode(), np.uint8)
    assert refused(with_member(good, "header", header)) == (
        "FILE: not a readable checkpoint (not finite); use another one of the same run"
    )


# Header and arrays belong together

APART = (
    "FILE: its header and arrays were not saved together: one was changed or comes from another "
    "checkpoint; use another one of the same run"
)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_another_checkpoint_is_refused(refused, good, experiment, tmp_path, name):
    other = start(experiment.plan, experiment.network)
    for array in (*other.params.values(), *other.optimizer_state.values()):
        array += 1
    save(tmp_path / "other.npz", experiment, other)
    entries, others = (members(p.read_bytes()) for p in (good, tmp_path / "other.npz"))
    if name.startswith("normalize"):
        others[f"{name}.npy"] = npy(np.full(2, 5.0))
    assert refused(archive_of({**entries, f"{name}.npy": others[f"{name}.npy"]})) == APART


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", 1),
        ("best", {"value": 9.0, "epoch": 1, "step": 1}),
        ("figures", {"train/loss": 0.0}),
        ("sums", {}),
        ("classes", ["1", "0"]),
        ("fingerprint", "0" * 64),
        ("stale_epochs", 7),
        ("drops", 7),
        ("largest_change", 7.0),
        ("version", "0.0.1"),
        ("digest", "0" * 64),
    ],
)
def test_a_header_with_another_value_is_refused(refused, good, key, value):
    assert refused(with_header(good, **{key: value})) == APART


@pytest.mark.parametrize("config", ["seed", "name"])
def test_a_header_with_another_config_is_refused(refused, good, config):
    changed = {**header_of(good)["config"], config: 7 if config == "seed" else "other"}
    assert refused(with_header(good, config=changed)) == APART


@pytest.mark.parametrize("digest", [..., None])
def test_a_checkpoint_from_before_the_digest_is_read(tmp_path, good, trained, digest):
    path = tmp_path / "old.npz"
    path.write_bytes(with_header(good, digest=digest))
    assert contents(load(path).state) == contents(trained)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b"[" * 100_000])
def test_a_header_that_is_no_json_object_is_refused(refused, good, text):
    data = with_member(good, "header", np.frombuffer(text, np.uint8))
    assert refused(data).startswith("FILE: ")


# What is not a file; which file stands for a folder


def test_a_missing_file(refused):
    assert refused(None) == "FILE: no such checkpoint"


def test_a_folder_is_not_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"not a file; name a \.npz checkpoint or a run fol"):
        load(tmp_path)


def test_a_link_in_a_loop(tmp_path, refused):
    (tmp_path / "bad.npz").symlink_to(tmp_path / "bad.npz")
    assert refused(None).startswith("FILE: no")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["checkpoints/best.npz", "checkpoints/last.npz"], "checkpoints/best.npz"),
        (["checkpoints/last.npz"], "checkpoints/last.npz"),
        (["best.npz", "last.npz"], "best.npz"),
        (["last.npz", "step-3.npz"], "last.npz"),
    ],
)
def test_a_folder_stands_for_its_best_checkpoint(tmp_path, files, chosen):
    (tmp_path / "checkpoints").mkdir()
    for name in files:
        (tmp_path / name).touch()
    assert best_checkpoint(tmp_path) == tmp_path / chosen
    assert best_checkpoint(tmp_path / files[-1]) == tmp_path / files[-1]


def test_a_folder_without_checkpoints(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"this folder contains no checkpoint \(checkpoints/best"
    ):
        best_checkpoint(tmp_path)


def test_a_failed_save_keeps_the_old_file(tmp_path, experiment, trained, monkeypatch):
    path = tmp_path / "last.npz"
    path.write_bytes(b"old")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np.lib.format, "write_array", full)
    with pytest.raises(WriteError, match="No space left"):
        save(path, experiment, trained)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.npz"]

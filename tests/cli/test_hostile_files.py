"""Any file of up to 1 MB, however hostile: little memory, little time, one message, nothing run."""

import gzip
import io
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

MEASURED = Path(__file__).parents[1] / "helpers" / "measured.py"
MEGABYTES = 200
SECONDS = 5  # of computing: the tests may share the machine
LARGEST = 2**20


@pytest.fixture
def refused(empty_folder):
    """``refused(code, word, ...)``: the one message of a command that ends as it should."""

    def run(code, *words):
        before = sorted(empty_folder.rglob("*"))
        peak = empty_folder.parent / f"{empty_folder.name}.peak"
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, MEASURED, peak, *map(str, words)],
            capture_output=True, text=True, check=False, timeout=60, env=env,
        )  # fmt: skip
        kilobytes, seconds = map(float, peak.read_text().split())
        megabytes = kilobytes / 1024
        assert done.returncode == code, done.stderr[-2000:]
        assert megabytes < MEGABYTES
        assert seconds < SECONDS
        assert "Traceback" not in done.stderr
        assert "pickle" not in done.stderr
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("Error: ") == 1
        assert len(done.stderr) < 2000
        assert sorted(empty_folder.rglob("*")) == before
        return done.stderr

    return run


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def npy_of_shape(shape, dtype="|u1", body=b""):
    """A .npy file that announces more than it holds."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue() + body


def zipped(entries, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=9) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zeros(count):
    return np.zeros(count, np.uint8)


# Checkpoints


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_header(good, **changes):
    header = json.loads(np.lib.format.read_array(io.BytesIO(good["header.npy"])).tobytes())
    text = json.dumps(
        {**header, **changes(header["config"])} if callable(changes) else {**header, **changes}
    )
    return {**good, "header.npy": npy(np.frombuffer(text.encode(), np.uint8))}


def config_of(good):
    return json.loads(np.lib.format.read_array(io.BytesIO(good["header.npy"])).tobytes())["config"]


def raw_header(good, text):
    return zipped({**good, "header.npy": npy(np.frombuffer(text, np.uint8))})


def with_config(good, **sections):
    return zipped(with_header(good, config={**config_of(good), **sections}))


def symlink(good):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in good.items():
            archive.writestr(name, content)
        link = zipfile.ZipInfo("params/link.npy")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def patched(data, offset, form, value):
    """The archive with a number in its first central record changed."""
    data = bytearray(data)
    struct.pack_into(form, data, data.index(b"PK\x01\x02") + offset, value)
    return bytes(data)


def overlapping(good):
    """Every member's record points at the first one's content."""
    data = bytearray(zipped(good))
    place = data.index(b"PK\x01\x02")
    while place >= 0:
        struct.pack_into("<I", data, place + 42, 0)
        place = data.find(b"PK\x01\x02", place + 1)
    return bytes(data)


def zip64(good):
    """Sizes of 2^62 bytes in the extra field of the first member."""
    data = zipped(good)
    at = data.index(b"PK\x01\x02")
    name = struct.unpack_from("<H", data, at + 28)[0]
    extra = struct.pack("<HHQQ", 1, 16, 2**62, 2**62)
    record = bytearray(data[at : at + 46 + name])
    struct.pack_into("<II", record, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", record, 30, len(extra))
    tail = bytearray(data[at + 46 + name :])
    end = tail.rindex(b"PK\x05\x06")
    size = struct.unpack_from("<I", tail, end + 12)[0]
    struct.pack_into("<I", tail, end + 12, size + len(extra))
    return data[:at] + bytes(record) + extra + bytes(tail)


LAYERS = ["relu"] * 90_000
CHECKPOINTS = {
    "object array": lambda good: zipped(
        {**good, "header.npy": npy(np.array([print, None], object), allow_pickle=True)}
    ),
    "deflated member": lambda good: zipped(
        {**good, "params/dense1.W.npy": npy(zeros(900_000_000))}, zipfile.ZIP_DEFLATED
    ),
    "deflated header": lambda good: zipped(
        {**good, "header.npy": npy(zeros(16_000_000))}, zipfile.ZIP_DEFLATED
    ),
    "huge shape of the header": lambda good: zipped(
        {**good, "header.npy": npy_of_shape((2**40,), body=bytes(100))}
    ),
    "huge shape of a weight": lambda good: zipped(
        {**good, "params/dense1.W.npy": npy_of_shape((2**20, 2**20), "<f4", bytes(16))}
    ),
    "long header of npy": lambda good: zipped(
        {
            **good,
            "params/dense1.W.npy": b"\x93NUMPY\x02\x00"
            + struct.pack("<I", 900_000)
            + b"(" * 900_000,
        }
    ),
    "zip64": zip64,
    "symlink": symlink,
    "encrypted": lambda good: patched(zipped(good), 8, "<H", 1),
    "unknown method": lambda good: patched(zipped(good), 10, "<H", 99),
    "overlapping": overlapping,
    "offset behind the end": lambda good: patched(zipped(good), 42, "<I", 2**31),
    "traversal": lambda good: zipped({**good, "../../evil.npy": npy([1.0])}),
    "8,000 members": lambda good: zipped({**good, **{f"x{k}.npy": b"" for k in range(8000)}}),
    "deep JSON": lambda good: raw_header(good, b"[" * 1_000_000),
    "long number": lambda good: raw_header(good, b'{"format": ' + b"9" * 1_000_000 + b"}"),
    "90,000 layers": lambda good: with_config(good, network=LAYERS),
    "90,000 losses": lambda good: with_config(good, loss=["cross_entropy"] * 50_000),
    "a layer of 10^18 units": lambda good: with_config(
        good, network=[{"dense": {"units": 10**18}}]
    ),
    "huge samples": lambda good: zipped(with_header(good, sample_shape=[10**9, 10**9, 10**9])),
    "100,000 axes": lambda good: zipped(with_header(good, sample_shape=[2] * 100_000)),
    "a class by name": lambda good: with_config(good, network=[{"class_name": "os.system"}]),
    "a long name": lambda good: with_config(good, name="x" * 900_000),
    "deep initial values": lambda good: with_config(
        good, network=[{"dense": {"units": 2, "init": json.loads("[" * 900 + "]" * 900)}}]
    ),
    "gzip": lambda good: gzip.compress(bytes(900_000_000), 9),
    "random": lambda good: np.random.default_rng(1).bytes(1_000_000),
    "a megabyte of end records": lambda good: b"PK\x05\x06" * 250_000,
}


@pytest.fixture(scope="module")
def good(tmp_path_factory, experiment_of, recorded):
    folder = tmp_path_factory.mktemp("good") / "run"
    folder.mkdir()
    recorded(folder, experiment_of(network=[{"dense": {"units": 2}}]))
    return members(folder / "checkpoints" / "last.npz")


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_checkpoints(refused, good, config_file, case):
    content = CHECKPOINTS[case](good)
    assert len(content) <= LARGEST
    Path("bad.npz").write_bytes(content)
    assert refused(5, "eval", "bad.npz").startswith("Error: bad.npz: ")


@pytest.mark.parametrize(
    "case", ["deflated header", "object array", "overlapping", "90,000 layers"]
)
def test_a_run_is_not_resumed_from_them(refused, good, config_file, case):
    Path("run/checkpoints").mkdir(parents=True)
    Path("run/checkpoints/last.npz").write_bytes(CHECKPOINTS[case](good))
    message = refused(5, "fit", config_file(), "--out", "run", "--resume")
    assert message.startswith("Error: run: no readable checkpoint to resume from\n  skipped run/")


# Data


def idx(shape, content):
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + content


def packed(shape, size):
    """A gzip-compressed IDX file of ``size`` zeros."""
    return gzip.compress(idx(shape, bytes(size)), 9)


def png(width, height, colour=0, depth=8):
    """A black picture of any size in about a thousandth of its bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = 1 + width * depth * {0: 1, 2: 3, 6: 4}[colour] // 8
    squeeze = zlib.compressobj(9)
    body = b"".join(squeeze.compress(bytes(row)) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


IDX = {"source": "idx", "train": {"images": "images", "labels": "labels"}}
NPZ = {"source": "npz", "train": "x.npz"}
CSV = {"source": "csv", "train": "x.csv"}
PNG = {"source": "folder", "train": "pictures", "size": [4, 4]}
FLAT = {"network": ["flatten", {"dense": {"units": 10}}]}
few_labels = {"labels": idx((5,), bytes(5))}
DATA = {
    "gz: 1 GB announced": (
        1,
        IDX,
        {"images": packed((1_000_000, 32, 32), 1_020_000_000), **few_labels},
    ),
    "gz: 1 GB not announced": (1, IDX, {"images": packed((5, 2, 2), 1_000_000_000), **few_labels}),
    "gz: more announced than held": (1, IDX, {"images": packed((2**31, 2, 2), 20), **few_labels}),
    "gz: a long comment": (
        1,
        IDX,
        {"images": b"\x1f\x8b\x08\x10" + bytes(6) + b"x" * 1_000_000, **few_labels},
    ),
    "gz: many members": (1, IDX, {"images": gzip.compress(b"") * 50_000, **few_labels}),
    "gz: a million labels": (
        1,
        IDX,
        {
            "images": packed((10_000_000, 1, 1), 10_000_000),
            "labels": packed((10_000_000,), 10_000_000),
        },
    ),
    "idx: more announced than held": (
        1,
        IDX,
        {"images": idx((2**31, 2, 2), bytes(9)), **few_labels},
    ),
    "npz: deflated": (
        1,
        NPZ,
        {
            "x.npz": zipped(
                {"x.npy": npy(zeros((900_000_000, 1))), "y.npy": npy(zeros(5))},
                zipfile.ZIP_DEFLATED,
            )
        },
    ),
    "npz: deflated labels": (
        1,
        NPZ,
        {
            "x.npz": zipped(
                {"x.npy": npy(zeros((20_000_000, 1))), "y.npy": npy(zeros(20_000_000))},
                zipfile.ZIP_DEFLATED,
            )
        },
    ),
    "npz: huge shape": (
        1,
        NPZ,
        {
            "x.npz": zipped(
                {"x.npy": npy_of_shape((2**30, 8), body=bytes(99)), "y.npy": npy(zeros(5))}
            )
        },
    ),
    "npz: impossible shape": (
        1,
        NPZ,
        {"x.npz": zipped({"x.npy": npy_of_shape((2**60, 8)), "y.npy": npy(zeros(5))})},
    ),
    "npz: 8,000 members": (1, NPZ, {"x.npz": zipped({f"a{k}.npy": b"" for k in range(8000)})}),
    "npz: objects": (
        1,
        NPZ,
        {
            "x.npz": zipped(
                {"x.npy": npy(np.array([print], object), allow_pickle=True), "y.npy": npy(zeros(1))}
            )
        },
    ),
    "npy: huge shape": (
        1,
        {"source": "npy", "train": {"inputs": "x.npy", "targets": "x.npy"}},
        {"x.npy": npy_of_shape((2**30, 8), body=bytes(99))},
    ),
    "csv: one long line": (1, CSV, {"x.csv": b"x" * 1_000_000}),
    "csv: one open quote": (1, CSV, {"x.csv": b'"' + b"x\n" * 500_000}),
    "csv: many columns": (1, CSV, {"x.csv": b"1," * 250_000 + b"1\n" + b"1," * 250_000 + b"1\n"}),
    "csv: many rows": (1, CSV, {"x.csv": b"a,b\n" + b"1,2\n" * 250_000}),
    "csv: many classes": (
        2,
        CSV,
        {"x.csv": b"a,label\n" + b"".join(b"1,%d\n" % k for k in range(100_000))},
    ),
    "csv: zeros": (1, CSV, {"x.csv": bytes(1_000_000)}),
    "csv: empty lines": (1, CSV, {"x.csv": b"\n" * 1_000_000}),
    "cifar": (1, {"source": "cifar10", "train": ["x.bin"]}, {"x.bin": b"\xff" * 3073 * 300}),
    "png: 900 million pixels": (1, PNG, {"pictures/a/x.png": png(30_000, 30_000, depth=1)}),
    "png: 40 million pixels": (1, PNG, {"pictures/a/x.png": png(8000, 5000, colour=6)[:LARGEST]}),
    "png: 10 million pixels": (1, PNG, {"pictures/a/x.png": png(5000, 2000, colour=6)}),
    "png: a line": (1, {**PNG, "size": [8, 8]}, {"pictures/a/x.png": png(1, 6_000_000)}),
    "png: a page": (1, PNG, {"pictures/a/x.png": b"<html>" + b"x" * 1_000_000}),
}


@pytest.mark.parametrize("case", DATA)
def test_data_files(refused, config_file, case):
    code, data, files = DATA[case]
    for name, content in files.items():
        assert len(content) <= LARGEST
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    refused(code, "fit", config_file(data=data, **FLAT), "--out", "run")


@pytest.mark.parametrize("name", ["/dev/zero", "link"])
def test_data_that_never_ends(refused, config_file, name):
    Path("link").symlink_to("/dev/zero")
    message = refused(1, "fit", config_file(data={"source": "csv", "train": name}), "--out", "run")
    assert f"{name}: is a device; give a file or a folder" in message


# Configs

NETWORK = "loss: cross_entropy\ndata: {source: digits}\nnetwork:\n"
CONFIGS = {
    "wide": "a: [" + "1, " * 300_000 + "1]",
    "long text": f"name: {'x' * 1_000_000}",
    "long key": f"? {'x' * 900_000}\n: 1",
    "many unknown keys": "".join(f"key{k}: 1\n" for k in range(40_000)),
    "many layers": NETWORK + "- relu\n" * 40_000,
    "9,990 layers": NETWORK + "- flatten\n- dense: {units: 10}\n" + "- relu\n" * 9988,
    "layers of many layers": NETWORK
    + "- repeat: {times: 9999, layers: [relu, {dense: {units: x}}]}",
    "deep": "[" * 1_000_000,
    "deep by indents": "".join(f"{' ' * k}a:\n" for k in range(1200)),
    "aliases": "a: &a [1,2,3,4,5,6,7,8,9]\n"
    + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 9)}]\n" for k in range(9)
    ),
    "a large variable many times": "vars: {a: ["
    + "1, " * 20_000
    + "1]}\nx: ["
    + "'${a}', " * 10_000
    + "1]\n"
    + NETWORK
    + "- flatten\n",
    "a large variable in a text": f"vars: {{a: {'x' * 9000}}}\nname: {'${a}' * 100_000}\n"
    + NETWORK,
    "a large layer repeated": NETWORK
    + "- repeat: {times: 9999, layers: [{dense: {units: 2, init: ["
    + "1, " * 20_000
    + "1]}}]}\n",
    "repeats in repeats": NETWORK + "- " + "repeat: {times: 9, layers: [" * 9 + "relu" + "]}" * 9,
    "comments": "#\n" * 500_000,
    "a million quotes": "'" * 1_000_000,
    "NUL": "\0" * 1_000_000,
    "anchors": "".join(f"- &a{k} 1\n" for k in range(60_000)),
    "many documents": "--- 1\n" * 150_000,
}


@pytest.mark.parametrize("case", CONFIGS)
def test_config_files(refused, case):
    assert len(CONFIGS[case]) <= LARGEST
    Path("bad.yaml").write_text(CONFIGS[case], encoding="utf-8")
    assert refused(2, "fit", "bad.yaml", "--out", "run").startswith("Error: bad.yaml:")

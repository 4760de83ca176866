"""The recorded environment of a run."""

import json
import math
import os
import platform
import sys
from pathlib import Path

import numpy as np
import pytest

import cnntrain
from cnntrain import environment as module
from cnntrain.environment import environment, physical_memory


def test_it_is_complete_and_json_serializable(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = environment()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["cnntrain"] == cnntrain.__version__
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert found["command"] == sys.argv
    assert found["working_folder"] == str(tmp_path.resolve())
    assert found["cores"] == os.cpu_count()
    assert found["cpu"]
    for library in found["blas"]:
        assert list(library) == ["internal_api", "version", "architecture"]


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor: 0\nmodel name\t: Some CPU @ 3 GHz: fast\n", "Some CPU @ 3 GHz: fast"),
        ("processor: 0\n", "aarch64"),
        (None, "aarch64"),
    ],
)
def test_the_name_of_the_cpu(monkeypatch, cpuinfo, expected):
    def read_text(path):
        if cpuinfo is None:
            raise FileNotFoundError
        return cpuinfo

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(module.platform, "processor", lambda: "")
    monkeypatch.setattr(module.platform, "machine", lambda: "aarch64")
    assert environment()["cpu"] == expected


def test_memory_is_known_or_unlimited(monkeypatch):
    assert 2**26 < physical_memory() < 2**60
    monkeypatch.delattr(module.os, "sysconf")
    assert physical_memory() == math.inf

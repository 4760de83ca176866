"""An installation where no C compiler is found: slower, complete, and it says so."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("cnntrain", "pyproject.toml", "README.md", "setup.py")


@pytest.mark.slow
def test_without_a_compiler_the_digits_are_trained_by_numpy(tmp_path):
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, tmp_path / "source" / name)
    (tmp_path / "empty").mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith("CNNTRAIN") and k != "CC"}
    env["PATH"] = str(tmp_path / "empty")  # no cc, gcc or clang
    site = tmp_path / "site"
    isolated = [] if importlib.util.find_spec("setuptools") is None else ["--no-build-isolation"]
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", *isolated]
    installed = subprocess.run(
        [*install, "--target", str(site), str(tmp_path / "source")],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    assert list(site.glob("cnntrain/native/*.so")) == []
    fit = [sys.executable, "-P", "-m", "cnntrain", "fit", str(ROOT / "configs" / "digits.yaml")]
    done = subprocess.run(
        [*fit, "--set", "train.epochs=3", "--out", "run"],
        cwd=tmp_path, env={**env, "PYTHONPATH": str(site)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no compiled kernels" in done.stderr
    assert "install a C compiler" in done.stderr
    found = json.loads((tmp_path / "run" / "env.json").read_text())
    assert found["engine"] == {"name": "numpy", "instruction_set": None}
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["val/accuracy"] > 0.9

"""The rigs of the compiled engine: one hash everywhere, and no access outside an array."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]


def run(script, *options):
    env = {**os.environ, "CNNTRAIN_PYTHON": sys.executable}
    command = ["sh", f"scripts/{script}", *options]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kernels_give_one_hash_on_every_machine():
    said = run("exact.sh", "--kernels")
    assert "kernels: one hash in " in said
    for machine in ("aarch64", "riscv64"):
        if shutil.which(f"qemu-{machine}") and shutil.which(f"{machine}-linux-gnu-gcc"):
            assert "SKIPPED" not in said or machine not in said


def test_trainings_end_with_one_hash():
    said = run("exact.sh", "--trainings")
    for name in ("digits", "residual", "mlp-adam", "everything"):
        assert f"{name}: one hash in " in said


def test_sanitizers_find_nothing():
    assert run("sanitize.sh").count("sanitizers found nothing in ") >= 1


def test_other_options_are_explained():
    done = subprocess.run(
        ["sh", "scripts/exact.sh", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--kernels" in done.stdout

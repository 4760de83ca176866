"""Kinds of other packages: found where they are installed, treated like our own, never by name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SHOWN = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "configs/README.md"))
METADATA = "Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n"
CONFIG = {
    "data": {"source": "ring", "n": 60, "validation": 0.2},
    "network": [{"dense": {"units": 2}}, {"shrink": {"by": 0.1}}],
    "loss": "log_cosh",
    "train": {"epochs": 1},
}


@pytest.fixture
def installed(tmp_path):
    """``installed(modules)``: a folder that holds a package "guest" of them, as pip leaves it."""

    def folder(modules):
        package = tmp_path / "site" / "guest"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        for name, code in modules.items():
            (package / f"{name}.py").write_text(code, encoding="utf-8")
        about = tmp_path / "site" / "guest-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(METADATA)
        points = "".join(f"{name} = guest.{name}\n" for name in modules)
        (about / "entry_points.txt").write_text(f"[cnntrain.plugins]\n{points}")
        return tmp_path / "site"

    return folder


@pytest.fixture
def command(tmp_path):
    """``command(site, "list")``: a cnntrain process that sees the packages in this folder."""

    def call(site, *words):
        path = os.pathsep.join([str(ROOT), *([str(site)] if site else [])])
        return subprocess.run(
            [sys.executable, "-m", "cnntrain", *words], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return call


@pytest.fixture
def guest(installed):
    """The package of the three extensions that the documents show."""
    examples = re.findall(r"```python\n# cnntrain/\S+/(\w+)\.py\n(.*?)```", SHOWN, re.DOTALL)
    return installed(dict(examples))


def test_the_kinds_of_an_installed_package_are_listed_and_explained(command, guest):
    found = json.loads(command(guest, "list", "--json").stdout)
    assert "shrink" in found["layer"]
    assert "log_cosh" in found["loss"]
    assert "ring" in found["data source"]
    assert "(guest) y = sign(x)" in command(guest, "list", "layers").stdout
    explained = command(guest, "explain", "shrink")
    assert f"{guest / 'guest' / 'shrink.py'}:" in explained.stdout
    assert "layer.shrink" in json.loads(command(guest, "schema").stdout)["definitions"]


def test_their_gradients_are_checked(command, guest):
    found = json.loads(command(guest, "gradcheck", "--json").stdout)
    assert found["ok"]
    assert {"shrink.x", "log_cosh.z"} <= {array["name"] for array in found["arrays"]}


def test_they_are_trained_with_and_predict(command, guest, tmp_path):
    (tmp_path / "ring.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "new.csv").write_text("0,0\n3,3\n")
    trained = command(guest, "fit", "ring.yaml", "--out", "run", "--quiet")
    assert trained.returncode == 0
    predicted = command(guest, "predict", "run", "new.csv")
    assert predicted.returncode == 0
    assert {line.split(",")[1] for line in predicted.stdout.splitlines()[1:]} <= {"in", "out"}
    without = command(None, "predict", "run", "new.csv")  # a checkpoint brings no code along
    assert without.returncode == 5
    assert "the config in it is not valid: " in without.stderr
    assert "Traceback" not in without.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from cnntrain.layers import Layer\nclass D(Layer, kind='dense'): pass",
         "TypeError: layer 'dense' is registered twice"),
    ],
)  # fmt: skip
def test_a_broken_plugin_is_named(command, installed, code, message):
    done = command(installed({"broken": code}), "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: plug-in 'broken' (guest.broken) of the package 'guest' cannot be imported "
        f"({message}); update or uninstall that package\n"
    )


def test_a_config_cannot_name_a_module(command, tmp_path):
    (tmp_path / "evil.py").write_text("open('imported', 'w')")
    for network in (["evil"], ["evil:Layer"], [{"evil.Layer": {}}], [{"!!python/name:evil": {}}]):
        (tmp_path / "c.yaml").write_text(yaml.safe_dump({**CONFIG, "network": network}))
        assert command(tmp_path, "summary", "c.yaml").returncode == 2
    assert not (tmp_path / "imported").exists()


def test_help_and_version_import_no_plugin(command, installed):
    site = installed({"broken": "raise SystemError"})
    for word in ("--help", "--version"):
        assert command(site, word).returncode == 0

"""The documents say what the commands print, and their examples work."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from cnntrain.native import available

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parents[2] / "scripts" / "readme.py"
SPEC = importlib.util.spec_from_file_location("readme", SCRIPT)
readme = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(readme)
README = readme.DOCUMENTS[0].read_text(encoding="utf-8")
TEXT = "".join(path.read_text(encoding="utf-8") for path in readme.DOCUMENTS)


@pytest.mark.skipif(not available(), reason="the documents show the compiled engine")
def test_every_output_in_the_documents_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_every_marked_block_is_found():
    marked = TEXT.count("<!-- output of:")
    assert marked == len(readme.BLOCK.findall(TEXT)) >= 5


def test_blocks_are_filled_with_what_is_printed():
    head = "<!-- output of: cnntrain explain optimizer:sgd (lines 1-1) -->\n```text\n"
    assert readme.filled(f"{head}old\n```\nrest\n") == f"{head}optimizer sgd\n```\nrest\n"


def test_only_our_own_commands_run(tmp_path):
    with pytest.raises(ValueError, match="only commands of cnntrain"):
        readme.output_of("rm -r x", tmp_path)


def test_the_readme_can_be_read_at_one_sitting():
    assert len(README.encode()) < 10_000


def test_every_link_leads_somewhere():
    for path in readme.DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_the_readme_names_every_command():
    from cnntrain.cli import main

    table = README.partition("| command |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)[ `]", table)) >= main.commands.keys()


def test_the_extensions_shown_are_found_and_right(tmp_path):
    """Each is one new file in a copy of the package; nothing else is touched."""
    shutil.copytree(ROOT / "cnntrain", tmp_path / "cnntrain")
    shown = README + (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n# (cnntrain/\S+)\n(.*?)```", shown, re.DOTALL)
    assert len(examples) == 3
    for file, code in examples:
        (tmp_path / file).write_text(code, encoding="utf-8")
    (tmp_path / "ring.yaml").write_text(RING)
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=True)
    cnntrain = [sys.executable, "-m", "cnntrain"]
    checked = json.loads(run([*cnntrain, "gradcheck", "--json"]).stdout)
    names = {array["name"] for array in checked["arrays"]}
    assert checked["ok"]
    assert {"shrink.x", "log_cosh.z", "log_cosh.z (labels)"} <= names
    assert run([*cnntrain, "explain", "ring"]).stdout.startswith("data source ring\n")
    run([*cnntrain, "fit", "ring.yaml", "--out", "run", "--quiet"])
    assert (tmp_path / "run" / "summary.json").is_file()


RING = """
data: {source: ring, n: 200, validation: 0.2}
network: [{dense: {units: 8}}, {shrink: {by: 0.1}}, {dense: {units: 2}}]
loss: log_cosh
optimizer: adam
train: {epochs: 2}
"""


def test_three_commands_lead_from_a_table_to_a_submission(tmp_path, monkeypatch):
    """Kaggle's layout: 28x28 pixels behind the label; the numbers of the samples from 1."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (block,) = re.findall(r"```sh\n(cnntrain init .*?)```", README, re.DOTALL)
    pixels = ",".join(f"pixel{k}" for k in range(784))
    rows = [",".join(str((k % 10 == n % 10) * 200) for k in range(784)) for n in range(60)]
    train = [f"label,{pixels}", *(f"{n % 10},{row}" for n, row in enumerate(rows))]
    (tmp_path / "train.csv").write_text("\n".join(train))
    (tmp_path / "test.csv").write_text("\n".join([pixels, *rows[:20]]))
    commands = [shlex.split(line) for line in block.splitlines()]
    assert len(commands) == 3
    for program, *words in commands:
        assert program == "cnntrain"
        few = ["--set", "train.epochs=1"] if words[0] == "fit" else []
        run = [sys.executable, "-m", "cnntrain", *words, *few]
        subprocess.run(run, cwd=tmp_path, capture_output=True, check=True)
    head, *answers = (tmp_path / "submission.csv").read_text().splitlines()
    assert head == "ImageId,Label"
    assert [answer.split(",")[0] for answer in answers] == [str(n) for n in range(1, 21)]


def test_the_line_of_python_predicts(fitted):
    (line,) = re.findall(r"In Python: `(.*)`", README)
    assert '"runs/digits/1"' in line
    names = {"images": [[1.0, -1.0], [1.0, 1.0]]}
    exec(line.replace("runs/digits/1", str(fitted())), names)
    assert names["model"].predict(names["images"]).shape == (2,)


def test_the_data_sections_shown_are_understood():
    from cnntrain.config.document import parse_document
    from cnntrain.config.read import plan_from_tree

    text = readme.DOCUMENTS[1].read_text(encoding="utf-8").partition("## Data files")[2]
    lines = [line for line in text.partition("## Every kind")[0].splitlines() if "source:" in line]
    assert len(lines) >= 8
    rest = {"name": "x", "network": ["flatten", {"dense": {"units": 2}}], "loss": "squared_error"}
    for line in lines:
        tree = parse_document(line, "shown").tree
        assert plan_from_tree({**tree, **rest}).data.source.kind == tree["data"]["source"]

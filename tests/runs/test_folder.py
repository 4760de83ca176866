"""The folders of runs: numbered, named, never written over by chance."""

import pytest

from cnntrain.errors import RunFolderError
from cnntrain.runs import folder
from cnntrain.runs.folder import empty_folder, newest_run, run_path


def test_runs_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [run_path("lenet", None, resume=False) for _ in range(3)]
    assert [str(path) for path in found] == ["runs/lenet/1", "runs/lenet/2", "runs/lenet/3"]
    assert all(path.is_dir() for path in found)
    (tmp_path / "runs" / "lenet" / "41").mkdir()
    (tmp_path / "runs" / "lenet" / "best-one").mkdir()
    (tmp_path / "runs" / "lenet" / "99").touch()
    assert run_path("lenet", None, resume=False).name == "100"
    assert str(run_path("other", None, resume=False)) == "runs/other/1"


def test_a_number_taken_meanwhile_is_skipped(tmp_path, monkeypatch):
    """Another process may make the folder between the look and the making."""
    monkeypatch.chdir(tmp_path)
    mkdir = folder.Path.mkdir
    tried = []

    def raced(path, *args, **options):
        if path.name == "1" and not tried:
            tried.append(path)
            raise FileExistsError
        mkdir(path, *args, **options)

    monkeypatch.setattr(folder.Path, "mkdir", raced)
    assert run_path("lenet", None, resume=False).name == "2"


def test_the_newest_run_has_the_highest_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("2", "10", "9", "notes"):
        (tmp_path / "runs" / "lenet" / name).mkdir(parents=True)
    assert str(newest_run("lenet")) == "runs/lenet/10"
    with pytest.raises(RunFolderError) as caught:
        newest_run("other")
    assert str(caught.value) == "runs/other: no run yet; start one with cnntrain fit"


def test_a_named_folder(tmp_path):
    out = tmp_path / "a" / "b"
    assert run_path("lenet", out, resume=False) == out
    empty_folder(out, overwrite=False)
    assert run_path("lenet", out, resume=False) == out  # still empty
    (out / "x").touch()
    with pytest.raises(RunFolderError) as caught:
        empty_folder(out, overwrite=False)
    assert str(caught.value) == (
        f"{out}: the folder is not empty; continue its run with --resume, replace it with"
        " --overwrite, or choose another --out"
    )
    empty_folder(out, overwrite=True)
    assert [path.name for path in out.iterdir()] == ["x"]


@pytest.mark.parametrize("name", ["lock", ".env.json.a1b2.tmp", "checkpoints/.last.npz.c3.tmp"])
def test_what_a_killed_run_leaves_besides_its_files_is_no_content(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    if name.startswith("checkpoints"):
        empty_folder(tmp_path, overwrite=True)
    else:
        empty_folder(tmp_path, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["lock"])


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(RunFolderError, match="not a folder; choose another --out"):
        run_path("lenet", tmp_path / "x", resume=False)

"""Run folders are read as they are: finished, running, cut off, or no run at all."""

import json

import pytest

from cnntrain.errors import RunFolderError
from cnntrain.runs.record import read_run, read_runs

RATES = {"lr": 0.1, "elapsed_s": 1.0, "samples_per_s": 10.0}


@pytest.fixture
def folder(tmp_path):
    def make(name="run", epochs=3, end=True, config="train: {epochs: 3}\n"):
        path = tmp_path / name
        path.mkdir(parents=True)
        (path / "config.yaml").write_text(config)
        values = [0.5, 0.9, 0.9, 0.8]
        lines = [
            {"event": "epoch", "epoch": k + 1, "step": 10 * k, "val/accuracy": values[k], **RATES}
            for k in range(epochs)
        ]
        lines += [{**lines[-1], "event": "end", "reason": "epochs"}] if end else []
        (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return make


def test_a_finished_run(folder):
    run = read_run(folder())
    assert [line["epoch"] for line in run.epochs] == [1, 2, 3]
    assert run.end["reason"] == "epochs"
    assert run.series("val/accuracy") == ([1, 2, 3], [0.5, 0.9, 0.9])
    assert run.best["epoch"] == 2  # the first of equals
    assert run.stats == []
    assert run.env == {}


def test_a_running_run_has_no_end_and_its_last_line_may_be_cut(folder):
    path = folder(end=False)
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"event": "epoch", "epo')
    run = read_run(path)
    assert (len(run.epochs), run.end) == (3, None)


def test_before_the_first_epoch_nothing_is_best(folder):
    run = read_run(folder(epochs=0, end=False))
    assert (run.best, run.metrics, run.monitored) == (None, [], None)


def test_the_config_may_name_the_figure_that_decides(folder):
    run = read_run(folder(config="train: {monitor: val/accuracy}\n"))
    assert run.monitored == "val/accuracy"


def test_labels_tell_runs_apart(folder):
    paths = [folder("digits/1"), folder("digits/2"), folder("other/2")]
    assert [r.label for r in read_runs(paths)] == ["digits/1", "digits/2", "other/2"]
    assert [r.label for r in read_runs(paths[:1])] == ["digits/1"]
    assert read_run(paths[0]).label == "digits/1"
    assert [r.label for r in read_runs([folder("a"), folder("b")])] == ["a", "b"]


def test_what_is_no_run_is_refused(tmp_path, folder):
    with pytest.raises(RunFolderError, match="not a run folder"):
        read_run(tmp_path)
    path = folder()
    with pytest.raises(RunFolderError, match="named twice"):
        read_runs([path, path])

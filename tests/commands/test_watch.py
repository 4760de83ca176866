"""Watching a run: once without a terminal, again and again on one, until the run ends."""

import json
import os
import pty
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cnntrain.commands.watch import CLEAR, run_watch
from cnntrain.errors import DataError, RunFolderError
from cnntrain.runs.record import read_run
from cnntrain.views.report.live import Screen, _ticks, live_text, within_epoch

pytest.importorskip("plotext", reason="curves in the terminal need the extra 'watch'")

WATCH = [sys.executable, "-m", "cnntrain", "watch"]


def test_a_finished_run_is_shown_once(fitted, capsys):
    folder = fitted(train={"epochs": 4})
    assert run_watch(folder, 1.0, once=False) == 0
    shown = capsys.readouterr().out
    assert "epoch 4 of 4, step 12" in shown
    assert "training" in shown
    assert "accuracy (%)" in shown
    assert "ended: all epochs done\nbest: epoch " in shown
    assert "\x1b" not in shown


def test_every_figure_of_the_last_epoch_is_told(fitted):
    folder = fitted(train={"epochs": 2})
    line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[1])
    text = live_text(read_run(folder), Screen())
    assert f"train/loss {line['train/loss']:.5g}" in text
    assert max(len(row) for row in text.splitlines()[2:-1]) <= 80


def test_before_the_first_epoch(fitted):
    folder = fitted()
    (folder / "metrics.jsonl").write_text("")
    text = live_text(read_run(folder), Screen())
    assert text.endswith("no completed epoch")
    assert "epoch 1 has been running for" in live_text(read_run(folder), Screen(), time.time())


def test_a_run_that_ended_within_its_first_epoch(fitted):
    text = live_text(read_run(fitted(train={"max_steps": 2})), Screen())
    assert "no completed epoch\nended: the step limit was reached (2 steps done)" in text


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 24), (200, 50)])
def test_it_fits_the_screen(fitted, size):
    folder = fitted(train={"epochs": 12})
    width, height = size
    for run in (read_run(folder), replace(read_run(folder), end=None)):
        lines = live_text(run, Screen(width, height), time.time()).splitlines()
        assert len(lines) < height
        assert max(map(len, lines)) <= width
    assert "epoch 13 [" in "\n".join(lines)


def test_progress_within_the_epoch_is_estimated(fitted):
    run = replace(read_run(fitted(train={"epochs": 3})), end=None)
    epochs = [{**line, "elapsed_s": 10.0 * line["epoch"]} for line in run.epochs]
    written = (run.path / "metrics.jsonl").stat().st_mtime
    text = within_epoch(replace(run, epochs=epochs), written + 5)
    assert text == "epoch 4 [##########..........] about 50 %"


def test_values_are_told_in_few_digits():
    assert [f"{value:.3g}" for value in _ticks([2e-11, 2.0, 1e-3])][::2] == [
        "2e-11",
        "6.32e-06",
        "2",
    ]
    assert _ticks([0.5, 0.5]) == [0.5]


def test_without_unicode_a_table_takes_the_place_of_curves(fitted):
    text = live_text(read_run(fitted()), Screen(curves=False))
    assert "epoch  train/loss  train/accuracy" in text
    assert text.isascii()


def test_what_is_no_run(tmp_path, empty_folder):
    with pytest.raises(RunFolderError, match="not a run folder"):
        run_watch(tmp_path, 1.0, once=True)
    with pytest.raises(RunFolderError, match="nothing: no run yet; start one with cnntrain fit"):
        run_watch(Path("nothing"), 1.0, once=True)


def test_without_the_extra_the_remedy_is_named(fitted, monkeypatch):
    folder = fitted()
    monkeypatch.setitem(sys.modules, "plotext", None)
    with pytest.raises(DataError, match=r"pip install 'cnntrain\[watch\]'"):
        run_watch(folder, 1.0, once=True)


def test_on_a_terminal_it_follows_the_run_to_its_end(fitted):
    folder = fitted(train={"epochs": 3})
    metrics = folder / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(lines[:1]))
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)
    watching = subprocess.Popen(
        [*WATCH, str(folder), "--interval", "0.1"], stdout=terminal, env=environment
    )
    os.close(terminal)
    seen = b""
    while seen.count(CLEAR.encode()) < 2:  # it looks again
        seen += os.read(main, 65536)
    assert b"epoch 1 of 3" in seen
    assert b"ended" not in seen
    metrics.write_text("".join(lines))
    try:
        while chunk := os.read(main, 65536):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    assert watching.wait(20) == 0
    os.close(main)
    assert b"ended: all epochs done" in seen

"""What a person sees of a run: all of it on stderr, and not too much."""

import os

import pytest

from cnntrain.runs import console
from cnntrain.runs.console import Console, result_table, warn
from cnntrain.runs.epoch_table import EpochTable
from cnntrain.text import counted
from cnntrain.training.events import EpochEnd, StepEnd, Stopped


class Stream:
    """A stderr that is, or is not, a terminal."""

    def __init__(self, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass


@pytest.fixture
def stderr(monkeypatch):
    """``stderr(terminal)``: such a stream in place of the real one."""

    def put(terminal):
        stream = Stream(terminal)
        monkeypatch.setattr(console.sys, "stderr", stream)
        monkeypatch.setattr(console.tqdm, "monitor_interval", 0)
        return stream

    return put


@pytest.fixture(scope="module")
def small(experiment_of):
    return experiment_of()


def epoch_end(epoch, elapsed_s, **options):
    metrics = {"train/loss": 0.5, "train/accuracy": 0.75}
    return EpochEnd(epoch, 3 * epoch, metrics, 0.1, elapsed_s, 1000.0, False, **options)


def stopped(metrics=None):
    return Stopped("epochs", "2 epochs done", 2, 6, metrics or {}, 1.0)


def lines_of(stream):
    return stream.text.splitlines()


def test_the_welcome(stderr, small, tmp_path):
    stream = stderr(terminal=False)
    Console(small).welcome(tmp_path, step=0)
    Console(small).welcome(tmp_path, step=7)
    understood, first, _, second = lines_of(stream)
    assert understood == "data: 2 features; 2 classes (equal, different)"
    assert (counted(1, "layer"), counted(1234, "layer")) == ("1 layer", "1,234 layers")
    assert first.startswith("small: training; 3 layers, 22 parameters; samples train 20, test 10;")
    assert first.endswith(f"writing to {tmp_path}")
    assert second.startswith("small: resuming at step 7; ")


def test_one_line_per_epoch_without_a_terminal(stderr, small, train_events):
    stream = stderr(terminal=False)
    shown = Console(small)
    for event in train_events(small):
        shown.show(event)
    assert [line.split()[0] for line in lines_of(stream)] == ["epoch", "1/2", "2/2", "stopped"]
    assert max(map(len, lines_of(stream))) <= 80
    assert "\r" not in stream.text


def test_a_bar_on_a_terminal_that_goes_when_the_epoch_ends(stderr, small):
    stream = stderr(terminal=True)
    shown = Console(small)
    for step in (1, 2, 3):
        shown.show(StepEnd(1, step, {"loss": 2.0, "accuracy": 0.5}, 0.1, 0.1 * step))
    assert "epoch 1/2:   0% |" in stream.text
    shown.show(epoch_end(1, 1.0))
    assert "  1/2         0.5          75.00%" in stream.text


def test_the_bar_shows_smoothed_loss_rate_and_speed(stderr, small, monkeypatch):
    stderr(terminal=True)
    shown = Console(small)
    texts = []
    monkeypatch.setattr(
        console.tqdm, "set_postfix_str", lambda bar, text, refresh: texts.append(text)
    )
    for step, loss in ((1, 2.0), (2, 1.0), (3, 0.0)):
        shown.show(StepEnd(1, step, {"loss": loss, "accuracy": 0.5}, 0.025, 0.1))
    shown.show(stopped())
    assert texts[0].startswith("loss 2")
    assert texts[1].startswith("loss 1.95")  # 0.95 * 2 + 0.05 * 1
    assert texts[2].startswith("loss 1.8525")
    assert " left, run " not in texts[0]  # no step has been timed yet
    assert " left, run " in texts[1]


def test_a_bar_begins_where_a_resumed_epoch_does(stderr, small, monkeypatch):
    stderr(terminal=True)
    made = []
    monkeypatch.setattr(
        console, "tqdm", lambda **options: made.append(options) or pytest.skip("enough")
    )
    with pytest.raises(pytest.skip.Exception):
        Console(small).show(StepEnd(2, 5, {"loss": 1.0}, 0.1, 0.1))
    assert (made[0]["desc"], made[0]["total"], made[0]["initial"]) == ("epoch 2/2", 3, 1)


def test_quiet_shows_nothing(stderr, small, train_events, tmp_path):
    stream = stderr(terminal=True)
    shown = Console(small, quiet=True)
    shown.welcome(tmp_path, 0)
    for event in train_events(small):
        shown.show(event)
    shown.say("anything")
    assert stream.text == ""


def test_lines_of_many_short_epochs_are_thinned_out(stderr, small):
    """The first hundred are shown, then one every two seconds, and always the last."""
    stream = stderr(terminal=False)
    shown = Console(small)
    for epoch in range(1, 1001):
        shown.show(epoch_end(epoch, elapsed_s=0.01 * epoch))
    shown.show(stopped())
    epochs = [int(line.split("/")[0]) for line in lines_of(stream)[1:-1]]
    assert epochs[:100] == list(range(1, 101))
    assert 3 <= len(epochs[100:]) <= 6
    assert epochs[-1] == 1000


def test_long_epochs_are_all_shown(stderr, small):
    stream = stderr(terminal=False)
    shown = Console(small)
    for epoch in range(1, 301):
        shown.show(epoch_end(epoch, elapsed_s=3.0 * epoch))
    assert len(lines_of(stream)) == 301


def test_a_table_of_the_final_figures():
    last = {"train/loss": 0.125, "train/accuracy": 1.0, "val/accuracy": 0.9}
    assert result_table(last).splitlines() == [
        "                   last",
        "-----------------------",
        "train/loss        0.125",
        "train/accuracy  100.00%",
        "val/accuracy     90.00%",
    ]
    both = result_table(last, {"train/loss": 0.5, "val/accuracy": 0.95})
    assert both.splitlines()[0].split() == ["best", "last"]
    assert both.splitlines()[-1].split() == ["train/accuracy", "100.00%"]


@pytest.mark.parametrize("metrics", [2, 6, 12])
def test_a_row_never_wraps_at_80_columns(metrics):
    table = EpochTable(1000, 80, f"val/metric_{metrics - 1}")
    named = {f"val/metric_{k}": 1234.5678 for k in range(metrics)}
    for epoch in (1, 999):
        event = EpochEnd(epoch, 1, named, 1e-5, 36_000.0, 1_234_567.0, True)
        lines = list(table.lines(event))
        assert len(lines) == (2 if epoch == 1 else 1)
        assert max(map(len, lines)) <= 80
        assert lines[-1].endswith(" *")
        assert epoch > 1 or f"val/metric_{metrics - 1}" in lines[0], "the one that decides stays"


def test_the_bar_at_80_columns_has_ten_characters(stderr, small, monkeypatch):
    monkeypatch.setattr(console.shutil, "get_terminal_size", lambda _: os.terminal_size((80, 24)))
    stderr(terminal=True)
    shown = Console(small)
    texts = []
    monkeypatch.setattr(
        console.tqdm, "set_postfix_str", lambda bar, text, refresh: texts.append(text)
    )
    for step in (1, 2, 3):
        shown.show(StepEnd(1, step, {"loss": 123456.789}, 0.025, 0.1))
    assert all(len("epoch 1/2: 100% || ") + 10 + len(text) <= 80 for text in texts)


@pytest.mark.parametrize("error", [OSError(5, "gone"), ValueError("closed"), AttributeError()])
def test_a_broken_stderr_does_not_stop_a_training(monkeypatch, error, small):
    class Broken(Stream):
        def write(self, text):
            raise error

        isatty = property()

    monkeypatch.setattr(console.sys, "stderr", Broken(terminal=True))
    warn("x")
    Console(small).show(epoch_end(1, 1.0))


def test_no_stderr_at_all(monkeypatch, small):
    monkeypatch.setattr(console.sys, "stderr", None)
    Console(small).show(stopped())

"""Playing on the page: what follows from a changed number is what cnntrain computes."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from cnntrain.commands.trace import TraceOptions, run_trace
from cnntrain.config.read import plan_from_tree
from cnntrain.data.locate import DataFolders
from cnntrain.training.experiment import training_clock
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import start
from cnntrain.views.trace.activation_recipes import CATALOGUE
from cnntrain.views.trace.trace import trace

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs"
CONVOLUTION = {
    "name": "play",
    "dtype": "float64",
    "data": {
        "source": "inline",
        "inputs": np.random.default_rng(0).normal(size=(2, 1, 5, 5)).round(2).tolist(),
        "targets": [1, 0],
    },
    "network": [
        {"conv2d": {"filters": 2, "kernel": 2, "activation": "tanh"}},
        {"max_pool2d": {"size": 2}},
        {"batch_norm": {}},
        "flatten",
        {"dense": {"units": 2}},
    ],
    "loss": "cross_entropy",
    "optimizer": {"adam": {"lr": 0.05}},
    "train": {"mode": "batch", "epochs": 1},
}


@pytest.fixture
def played(visit, tmp_path):
    """``played(tree)``: the page of a config, at its first step."""

    def opened(tree):
        path, html = tmp_path / "config.yaml", tmp_path / "page.html"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        samples = range(len(tree["data"]["inputs"]))
        assert run_trace(path, TraceOptions(html=html, samples=list(samples))) == 0
        return visit(html, width=1440, height=900)

    return opened


def costs_of(page):
    """C before and after the update, from the text of the play bar."""
    text = page.text_content("#play-cost").replace("\u2212", "-")
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def traced(tree, steps=1, **changes):
    """The steps of cnntrain itself with some numbers of arrays changed before the first one."""
    experiment = open_experiment(plan_from_tree(tree), DataFolders.of(None).find)
    state = start(experiment.plan, experiment.network)
    for name, (index, value) in changes.items():
        state.params[name.replace("__", ".")][index] = value
    n = len(tree["data"]["inputs"])
    return trace(experiment, state, training_clock(experiment.plan, n), range(n), steps).steps


def test_a_changed_weight_changes_everything_as_in_cnntrain(played):
    tree = yaml.safe_load((CONFIGS / "worked-2-2-2.yaml").read_text())
    page = played(tree)
    page.keyboard.press("ArrowRight")
    page.click('.panel[data-name="dense1.W"] [data-k="1"]')
    assert page.inner_text("#play-name") == "dense1.W[0,1]"
    page.fill("#play-value", "0.9")
    page.press("#play-value", "Enter")
    (step,) = traced({"name": "x", **tree}, dense1__W=((0, 1), 0.9))
    assert costs_of(page) == pytest.approx([step.cost_before, step.cost_after], abs=1e-8)
    for _ in range(20):  # every number of the backward pass and the update
        page.keyboard.press("Escape")
        if page.is_disabled("#next"):
            break
        page.click("#next")
        compare_cells(page, step)
    page.click("#play-reset")
    assert costs_of(page) == pytest.approx([0.29837111, 0.29102777], abs=1e-8)


def compare_cells(page, step):
    """The cells of gradients on the page are those of the trace, to 1e-9."""
    for derivative in (d for layer in step.layers for d in layer.to_params):
        cells = page.locator(f'.panel[data-name="∂C/∂{derivative.of}"] .cell').all()
        for cell in cells[: derivative.array.size]:
            k = int(cell.get_attribute("data-k"))
            value = float(cell.get_attribute("data-value"))
            assert value == pytest.approx(derivative.array.flat[k], rel=1e-9, abs=1e-9)


def test_repeated_updates_follow_adam_through_a_convolution(played):
    page = played(CONVOLUTION)
    steps = traced(CONVOLUTION, steps=4)
    for step in steps:
        # the page writes eight decimals
        assert costs_of(page) == pytest.approx([step.cost_before, step.cost_after], abs=2e-8)
        page.click("#play-bar summary") if not page.is_visible("#play-repeat") else None
        page.click("#play-repeat")


def test_a_nudge_shows_a_quotient_beside_the_gradient(played):
    page = played(yaml.safe_load((CONFIGS / "worked-2-2-2.yaml").read_text()))
    page.keyboard.press("ArrowRight")
    page.click('.panel[data-name="dense1.W"] [data-k="0"]')
    page.click("#play-nudge")
    text = page.inner_text("#play-nudges").replace("\u2212", "-")
    *_, last = re.findall(r": (-?[\d.e-]+)", text)
    assert float(last) == pytest.approx(float(text.rsplit("= ", 1)[1]), rel=1e-3)


def test_a_link_leads_to_its_step(played):
    page = played(CONVOLUTION)
    page.keyboard.press("End")
    assert page.inner_text("#progress").endswith("update")
    assert page.url.endswith("#step=15")
    page.evaluate("location.hash = '#step=3'")
    page.locator("#progress").filter(has_text="step 3 of").wait_for()


def mlp(activation, optimizer=None, **train):
    """A small network with one kind of activation, and settings of its training."""
    return {
        "name": "mlp",
        "dtype": "float64",
        "data": {
            "source": "inline",
            "inputs": [[0.5, -1.2], [-0.3, 0.8], [1.5, 0.4]],
            "targets": [1, 0, 2],
        },
        "network": [
            {"dense": {"units": 4}},
            activation,
            {"dense": {"units": 3, "bias": False}},
        ],
        "loss": "cross_entropy",
        "optimizer": optimizer or {"sgd": {"lr": 0.5}},
        "train": {"mode": "batch", "epochs": 1, **train},
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"l2": 0.3, "l1": 0.1},
        {"l2": 2.0, "clip": {"value": 0.2}},
        {"clip": {"norm": 0.5}},
        {"clip": {"value": 0.1, "norm": 0.05}, "l1": 0.5},
    ],
    ids=str,
)
def test_penalties_and_clipping_are_played_with(played, settings):
    tree = mlp("tanh", {"sgd": {"lr": 0.5, "momentum": 0.9, "nesterov": True}}, **settings)
    page = played(tree)
    page.click("#play-title")
    for step in traced(tree, steps=4):
        assert costs_of(page) == pytest.approx([step.cost_before, step.cost_after], abs=2e-8)
        page.click("#play-repeat")


@pytest.mark.parametrize("activation", CATALOGUE)
def test_every_activation_is_played_with(played, activation):
    tree = mlp(activation)
    page = played(tree)
    page.keyboard.press("ArrowRight")
    page.click('.panel[data-name="dense1.W"] [data-k="1"]')
    page.fill("#play-value", "-1.1")
    page.press("#play-value", "Enter")
    (step,) = traced(tree, dense1__W=((0, 1), -1.1))
    assert costs_of(page) == pytest.approx([step.cost_before, step.cost_after], abs=1e-8)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (mlp("prelu"), "prelu1 (prelu)"),
        (mlp("tanh", max_norm=1.0), "train.max_norm"),
        (mlp("tanh", {"adadelta": {}}), "rule of this optimizer"),
    ],
    ids=["layer", "limit", "optimizer"],
)
def test_what_cannot_be_played_with_is_said(played, tree, words):
    page = played(tree)
    page.click("#play-title")
    assert words in page.inner_text("#play-obstacle")
    assert page.is_hidden("#play-repeat")

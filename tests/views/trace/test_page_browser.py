"""The page of a trace in a real browser: steps, mouse, keys, colours, phones."""

import math
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.trace import TraceOptions, run_trace

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs"

IMAGES = np.random.default_rng(1).normal(size=(2, 2, 6, 5)).round(3)
EVERY_RULE = {
    "name": "rules",
    "dtype": "float64",
    "data": {"source": "inline", "inputs": IMAGES.tolist(), "targets": [2, 0]},
    "network": [
        {"conv2d": {"filters": 4, "kernel": [3, 2], "stride": [2, 1], "padding": 1}},
        "sigmoid",
        {"name": "branch", "conv2d": {"filters": 4, "kernel": 2, "groups": 2, "padding": "same"}},
        {"name": "joined", "from": ["sigmoid1", "branch"], "add": {}},
        "relu",
        {"max_pool2d": {"size": 3, "stride": 1, "padding": 1}},
        {"avg_pool2d": {"size": 2, "stride": [1, 2], "padding": 1, "count_padding": False}},
        {"dropout": {"rate": 0.3}},
        {"conv2d": {"filters": 3, "kernel": 2, "dilation": 2}},
        {"name": "maps", "tanh": {}},
        "flatten",
        {"name": "hidden", "dense": {"units": 5, "activation": "gelu"}},
        {"dense": {"units": 3}},
    ],
    "loss": "cross_entropy",
    "optimizer": {"sgd": {"lr": 0.1}},
    "train": {"mode": "batch", "epochs": 1, "l2": 0.5},
}

# All numbers that can be selected in this step, one by one with the arrow keys.
EVERY_NUMBER = """() => {
  const found = [];
  for (const tiles of document.querySelectorAll("main .tiles[tabindex]")) {
    const box = tiles.closest(".columns, .update-row").querySelector(".explanation");
    tiles.focus();
    const press = (key) => {
      tiles.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    };
    for (let i = 0; i < 100; i++) press("ArrowLeft");
    for (let before = ""; before !== box.textContent; press("ArrowRight")) {
      before = box.textContent;
      const { value, total, how } = box.dataset;
      found.push([box.querySelector("h3").textContent, Number(value), Number(total), how]);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    """``page_of("digits", steps=2)``: the page of this example, or of a config given as a tree."""
    import yaml

    def written(config, **options):
        folder = tmp_path_factory.mktemp("pages")
        path = CONFIGS / f"{config}.yaml" if isinstance(config, str) else folder / "config.yaml"
        if not isinstance(config, str):
            path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        html = folder / "page.html"
        assert run_trace(path, TraceOptions(html=html, **options)) == 0
        return html

    return written


def progress(page):
    return page.inner_text("#progress")


def step_to(page, words):
    while not progress(page).endswith(words):
        page.click("#next")


def marked(page, name):
    cells = page.locator(f'.panel[data-name="{name}"] .cell.marked')
    return cells.all_inner_texts()


def test_buttons_and_keys_visit_all_steps(visit, page_of):
    page = visit(page_of("worked-2-2-2"))
    layers = ["dense1", "sigmoid1", "dense2", "sigmoid2"]
    words = ["input", *(f"{name} forward" for name in layers), "loss"]
    words += [*(f"{name} backward" for name in reversed(layers)), "update"]
    for i, expected in enumerate(words, 1):
        assert progress(page) == f"step {i} of {len(words)}: {expected}"
        if i < len(words):
            page.click("#next") if i % 2 else page.keyboard.press("ArrowRight")
    assert page.is_disabled("#next")
    assert "from 0.29837111 to 0.29102777 (−0.00734334)" in page.inner_text("main")
    page.keyboard.press("ArrowLeft")
    assert progress(page).endswith("dense1 backward")
    page.click("#back")
    assert progress(page).endswith("sigmoid1 backward")
    page.click('[data-node="dense2"]')
    assert progress(page).endswith("dense2 backward")
    page.keyboard.press("Home")
    assert progress(page) == "step 1 of 11: input"
    assert page.is_disabled("#back")


def test_play_advances_until_it_is_paused(visit, page_of):
    page = visit(page_of("worked-conv"))
    page.click("#play")
    page.locator("#progress").filter(has_text="conv1 forward").wait_for()
    assert page.inner_text("#play") == "pause"
    page.click("#play")
    assert page.inner_text("#play") == "play"


def test_an_output_shows_its_patch_and_its_sum(visit, page_of):
    page = visit(page_of("worked-conv"))
    page.keyboard.press("ArrowRight")
    page.hover('.panel[data-name="conv1.z"] [data-k="1"]')
    text = page.inner_text(".explanation")
    assert text.startswith("conv1.z[0,0,1] = 25")
    assert marked(page, "input") == ["1", "2", "4", "5"]
    assert marked(page, "conv1.W") == ["0", "1", "2", "3"]
    rows = [row.replace("\n", "\t") for row in page.locator(".terms tr").all_inner_texts()]
    assert [row.split("\t")[1:] for row in rows[:4]] == [
        ["0 · 1", "0"], ["1 · 2", "2"], ["2 · 4", "8"], ["3 · 5", "15"],
    ]  # fmt: skip
    assert rows[4].split("\t")[0] == "conv1.b[0]"
    assert rows[5].split("\t")[-1] == "25"


def test_an_input_shows_the_rotated_kernel_over_delta(visit, page_of):
    page = visit(page_of("worked-conv"))
    step_to(page, "conv1 backward")
    page.hover('.panel[data-name="∂C/∂input"] [data-k="4"]')
    assert "∂C/∂input[0,1,1] = 144" in page.inner_text(".explanation")
    kernel, delta = page.locator(".pair .table").all()
    assert kernel.locator(".cell").all_inner_texts() == ["3", "2", "1", "0"]
    assert delta.locator(".cell").all_inner_texts() == ["19", "25", "37", "43"]
    page.hover('.panel[data-name="∂C/∂input"] [data-k="0"]')
    kernel, delta = page.locator(".pair .table").all()
    assert delta.locator(".cell").all_inner_texts() == ["·", "·", "·", "19"]
    page.hover('.panel[data-name="∂C/∂conv1.W"] [data-k="3"]')
    assert "∂C/∂conv1.W[0,0,1,1] = 804" in page.inner_text(".explanation")
    assert marked(page, "input") == ["4", "5", "7", "8"]


def test_every_sum_shown_equals_its_number(visit, page_of):
    """Strides, padding, dilation, groups, both poolings, dropout, joins, dense and activations."""
    page = visit(page_of(EVERY_RULE))
    names, sums = set(), 0
    while True:
        for entry, value, total, how in page.evaluate(EVERY_NUMBER):
            names.add(entry.partition("[")[0])
            if how != "value":
                assert math.isclose(total, value, rel_tol=1e-9, abs_tol=1e-12), entry
                sums += 1
        if page.is_disabled("#next"):
            break
        page.click("#next")
    forward = {"conv1.z", "sigmoid1.a", "branch.z", "joined.y", "relu1.a", "max_pool1.y"}
    forward |= {"avg_pool1.y", "dropout1.y", "conv2.z", "maps.a", "flatten1.y", "dense1.z"}
    backward = {f"∂C/∂{name}" for name in (*forward - {"dense1.z"}, "input", "conv1.W", "conv1.b")}
    assert forward <= names
    assert backward <= names
    assert {"δ", "∂C/∂branch.W", "∂C/∂conv2.b", "∂C/∂dense1.W", "dense1.b"} <= names
    assert sums > 1000


def test_normalization_is_written_line_by_line(visit, page_of):
    page = visit(page_of("digits-residual"))
    step_to(page, "batch_norm1 forward")
    assert "mean(x)" in page.inner_text(".links")
    assert page.locator(".formula math").count() == 1
    assert page.locator(".board path").count() == 24  # 22 layers in a row, two shortcuts
    assert page.locator(".board path[data-side=forward]").count() == 1


def test_pixels_are_selected_with_the_mouse(visit, page_of):
    page = visit(page_of("digits"))
    step_to(page, "conv2 forward")
    canvas = page.locator('.panel[data-name="conv2.z"] canvas').nth(3)
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] * 5.5 / 8, "y": box["height"] * 2.5 / 8})
    assert page.inner_text(".explanation h3").startswith("conv2.z[3,2,5] = ")
    value, total = page.evaluate(
        "(({ value, total }) => [+value, +total])(document.querySelector('.explanation').dataset)"
    )
    assert total == pytest.approx(value, rel=1e-4, abs=1e-6)  # the network uses float32
    assert "smaller terms" in page.inner_text(".terms")


def test_samples_and_updates_can_be_selected(visit, page_of):
    page = visit(page_of("xor", samples=[0, 5], steps=2))
    assert page.inner_text("#about").startswith("update 1, 2 training samples")
    first = page.locator('.panel[data-name="input"] .cell').all_inner_texts()
    page.select_option("#choose-sample select", label="5")
    assert page.locator('.panel[data-name="input"] .cell').all_inner_texts() != first
    page.select_option("#choose-update select", label="2")
    assert page.inner_text("#about").startswith("update 2")
    page.keyboard.press("Home")
    step_to(page, "update")
    page.keyboard.press("Tab")
    page.click("#next")
    assert page.inner_text("#about").startswith("update 2")
    assert progress(page).startswith("step 1 of ")


def test_the_keyboard_reaches_everything(visit, page_of):
    page = visit(page_of("worked-conv"))
    page.keyboard.press("ArrowRight")
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(({ id, dataset, className }) => id || dataset.node || className)"
                "(document.activeElement)"
            )
        )
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    nodes, buttons = ["input", "conv1", "loss"], ["first", "back", "play", "next"]
    assert reached == [
        "speed",
        "theme",
        *nodes,
        "play-title",
        "formula",
        *["tiles numbers"] * 4,
        *buttons,
        "glossary-title",
    ]
    page.focus('.panel[data-name="conv1.z"] .tiles')
    page.keyboard.press("ArrowDown")
    assert page.inner_text(".explanation h3") == "conv1.z[0,1,0] = 37"
    assert progress(page).endswith("conv1 forward")


@pytest.mark.parametrize("config", ["worked-conv", pytest.param("digits", marks=pytest.mark.slow)])
def test_no_horizontal_scrolling_on_a_phone(visit, page_of, config):
    page = visit(page_of(config), width=390, height=844, has_touch=True, is_mobile=True)
    while True:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        if page.is_disabled("#next"):
            break
        page.tap("#next")


def test_a_tap_explains_a_number(visit, page_of):
    page = visit(page_of("worked-conv"), width=390, height=844, has_touch=True, is_mobile=True)
    page.tap("#next")
    page.tap('.panel[data-name="conv1.z"] [data-k="0"]')
    assert page.inner_text(".explanation h3") == "conv1.z[0,0,0] = 19"


def test_light_and_dark(visit, page_of):
    path = page_of("worked-conv")
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = visit(path), visit(path, color_scheme="dark")
    before = light.evaluate(ground)
    assert before != dark.evaluate(ground)
    light.click("#theme")
    assert light.evaluate(ground) == dark.evaluate(ground)
    light.click("#theme")
    assert light.evaluate(ground) == before


def test_reduced_motion_is_respected(visit, page_of):
    path = page_of("worked-conv")
    moving, still = visit(path), visit(path, reduced_motion="reduce")
    for page, dots in ((moving, 1), (still, 0)):
        page.keyboard.press("ArrowRight")
        assert page.locator(".dot").count() == dots


def test_hostile_names_are_text(visit, tmp_path, experiment_of):
    from dataclasses import replace

    from cnntrain.training.experiment import training_clock
    from cnntrain.training.state import start
    from cnntrain.training.workers import Workers
    from cnntrain.views.trace.page import trace_page
    from cnntrain.views.trace.trace import trace

    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    experiment = experiment_of()
    state = start(experiment.plan, experiment.network)
    with Workers(1):
        found = trace(experiment, state, training_clock(experiment.plan, 20), [0], 1)
    path = tmp_path / "page.html"
    path.write_text(trace_page(replace(found, name=hostile, classes=(hostile,) * 2)), "utf-8")
    page = visit(path)
    assert page.inner_text("h1") == hostile
    assert hostile in page.inner_text("main")
    assert page.locator("img").count() == 0


def test_lenet_on_mnist_gives_a_small_page(visit, page_of, shared_data):
    path = page_of("mnist-lenet5", data_dir=shared_data)
    assert path.stat().st_size < 3_000_000
    page = visit(path)
    step_to(page, "dense1 backward")
    assert page.evaluate("performance.getEntriesByType('navigation')[0].duration") < 5000
    value, total = page.evaluate(
        "(({ value, total }) => [+value, +total])(document.querySelector('.explanation').dataset)"
    )
    assert total == pytest.approx(value, rel=1e-4, abs=1e-6)

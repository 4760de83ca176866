"""The page's concepts: what depends on a number, names and colours of derivatives, photos."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from cnntrain.commands.trace import TraceOptions, run_trace

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs"
COLOURS = {  # red, green, blue and grey
    "name": "colours",
    "data": {
        "source": "inline",
        "inputs": [
            [[[255, 0], [0, 128]], [[0, 255], [0, 128]], [[0, 0], [255, 128]]],
            [[[9, 8], [7, 6]], [[5, 4], [3, 2]], [[1, 0], [1, 2]]],
        ],
        "targets": [0, 1],
        "normalize": "per_channel",
    },
    "network": ["flatten", {"dense": {"units": 2}}],
    "loss": "cross_entropy",
    "optimizer": {"sgd": {"lr": 0.1}},
    "train": {"mode": "batch", "epochs": 1},
}
POSITIVE = {  # weights, z and δ that happen to be positive
    "name": "positive",
    "data": {"source": "inline", "inputs": [[1.0, 2.0]], "targets": [[0.0]]},
    "network": [{"dense": {"units": 1, "init": {"W": [[0.5, 0.25]]}}}],
    "loss": "squared_error",
    "optimizer": {"sgd": {"lr": 0.1}},
    "train": {"mode": "batch", "epochs": 1},
}


@pytest.fixture
def page_of(visit, tmp_path):
    """``page_of(tree or name of an example)``: its page at the first step."""

    def opened(config, **options):
        html, path = tmp_path / "page.html", tmp_path / "config.yaml"
        if isinstance(config, dict):
            path.write_text(yaml.safe_dump(config), encoding="utf-8")
        else:
            path = CONFIGS / f"{config}.yaml"
        assert run_trace(path, TraceOptions(html=html, samples=[0])) == 0
        return visit(html, width=1440, height=900, **options)

    return opened


def picked(page, name, k):
    page.hover(f'.panel[data-name="{name}"] [data-k="{k}"]')
    return page.locator(".columns .cell.marked")


def test_a_weight_shows_what_depends_on_it(page_of):
    page = page_of("worked-conv")
    page.keyboard.press("ArrowRight")
    assert picked(page, "conv1.W", 3).all_inner_texts() == ["19", "25", "37", "43"]
    assert "outputs that depend on it (4)" in page.inner_text(".explanation")
    rows = page.locator(".explanation .terms tr").all_inner_texts()
    assert rows[0].split("\n") == ["∂conv1.z[0,0,0] / ∂conv1.W[0,0,1,1]", "input[0,1,1]", "4"]


def test_an_input_shows_what_depends_on_it(page_of):
    page = page_of("worked-conv")
    page.keyboard.press("ArrowRight")
    assert picked(page, "input", 0).all_inner_texts() == ["19"]
    assert picked(page, "input", 4).count() == 4


def test_delta_is_the_derivative_by_z_and_others_have_their_own_name(page_of):
    page = page_of("worked-2-2-2")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#progress").endswith("sigmoid2 backward")
    assert "∂C/∂sigmoid2.a" in page.inner_text("main")
    assert "δ = ∂C/∂dense2.z" in page.inner_text("main")
    assert "sigmoid2.delta" not in page.inner_text("main")
    page.keyboard.press("ArrowRight")
    assert "incoming δ = ∂C/∂z" in page.inner_text("main")
    assert "dense2.delta = ∂C/∂dense2.z" in page.inner_text("main")


def test_signed_quantities_are_always_in_the_diverging_palette(page_of):
    page = page_of(POSITIVE)
    page.keyboard.press("ArrowRight")
    for name, ends in (("dense1.W", 3), ("dense1.z", 3), ("input", 2)):
        assert page.locator(f'.panel[data-name="{name}"] .colour-bar span').count() == ends
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    for panel in page.locator(".panel.backward").all():
        assert panel.locator(".colour-bar span").count() == 3


def test_a_glossary_has_the_words_of_a_textbook(page_of):
    page = page_of("worked-conv")
    page.click("#glossary-title")
    for word in ("chain rule", "local derivative", "learning rate", "δ = ∂C/∂z"):
        assert word in page.inner_text("#glossary")


def test_a_colour_image_is_shown_as_a_photo(page_of):
    page = page_of(COLOURS)
    pixels = page.evaluate(
        "[...document.querySelector('.photo').getContext('2d').getImageData(0, 0, 2, 2).data]"
    )
    shown = np.array(pixels).reshape(4, 4)[:, :3].tolist()
    assert shown == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]]


def test_other_inputs_have_no_photo(page_of):
    assert page_of("worked-conv").locator(".photo").count() == 0

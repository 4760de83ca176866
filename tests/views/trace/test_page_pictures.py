"""Pictures of small networks on the page: neurons with weighted edges, the decision boundary."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from cnntrain.commands.trace import TraceOptions, run_trace
from cnntrain.config.read import plan_from_tree
from cnntrain.data.locate import DataFolders
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import start

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs"
# Pictures are drawn as they are opened, which a browser tells in an event that may come later.
OPENED = """() => {
  const bar = document.getElementById("play-bar");
  window.opened = new Promise((done) => bar.addEventListener("toggle", done, { once: true }));
}"""


@pytest.fixture
def page_of(visit, tmp_path):
    """``page_of("xor")``: the page of this example with open pictures, at its first step."""

    def opened(config, **options):
        html = tmp_path / "page.html"
        path = CONFIGS / f"{config}.yaml"
        assert run_trace(path, TraceOptions(html=html, samples=[0])) == 0
        page = visit(html, reduced_motion="reduce", **{"width": 1440, "height": 900, **options})
        page.evaluate(OPENED)
        page.click("#play-title")
        page.evaluate("window.opened.then(() => true)")
        return page

    return opened


def right_of_xor(**changes):
    """How many training samples cnntrain's own network of the example has right."""
    tree = {"name": "xor", **yaml.safe_load((CONFIGS / "xor.yaml").read_text("utf-8"))}
    experiment = open_experiment(plan_from_tree(tree), DataFolders.of(None).find)
    params = start(experiment.plan, experiment.network).params
    for name, value in changes.items():
        params[name.replace("__", ".")][0, 0] = value
    x, labels = experiment.batches("train").take(np.arange(len(experiment.data.train)))
    a = np.tanh(params["dense1.W"] @ x + params["dense1.b"])
    z = params["dense2.W"] @ a + params["dense2.b"]
    return int((z.argmax(axis=0) == labels).sum())


def told(page):
    return int(page.inner_text("#play-bar figcaption").split()[2])


def test_the_boundary_is_redrawn_as_a_weight_is_changed(page_of):
    page = page_of("xor")
    assert told(page) == right_of_xor()
    pixels = "document.querySelector('#boundary').toDataURL()"
    before = page.evaluate(pixels)
    page.keyboard.press("ArrowRight")
    page.click('.panel[data-name="dense1.W"] [data-k="0"]')
    page.fill("#play-value", "-3")
    page.press("#play-value", "Enter")
    assert told(page) == right_of_xor(dense1__W=-3) != right_of_xor()
    assert page.evaluate(pixels) != before
    page.click("#play-reset")
    assert page.evaluate(pixels) == before


def test_neurons_and_edges_have_the_values_of_the_step(page_of):
    page = page_of("worked-2-2-2")
    assert page.locator("#neurons circle").count() == 10
    assert page.locator("#neurons circle[data-value]").count() == 2
    edges = page.locator("#neurons .edge[data-weight]")
    weights = [0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55]
    values = [float(edge.get_attribute("data-value")) for edge in edges.all()]
    assert values == pytest.approx(weights, abs=1e-7)
    page.locator('[data-weight="dense2.W:1"]').dispatch_event("click")
    assert page.inner_text("#play-name") == "dense2.W[0,1]"


def test_delta_flows_back_along_the_edges(page_of):
    page = page_of("worked-2-2-2")
    while not page.inner_text("#progress").endswith("dense2 backward"):
        page.click("#next")
    back = page.locator("#neurons .edge.back")
    delta = page.locator('.panel[data-name="dense2.delta"] .cell')
    deltas = [float(cell.get_attribute("data-value")) for cell in delta.all()]
    products = [0.4 * deltas[0], 0.45 * deltas[0], 0.5 * deltas[1], 0.55 * deltas[1]]
    values = [float(edge.get_attribute("data-value")) for edge in back.all()]
    assert values == pytest.approx(products, abs=1e-7)


def test_pictures_fit_a_phone(page_of):
    page = page_of("xor", width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#neurons").bounding_box()["width"] <= 362


@pytest.mark.parametrize("config", ["worked-conv", "sine"])
def test_networks_without_such_pictures_have_none(page_of, config):
    page = page_of(config)
    assert page.locator("#boundary").count() == 0
    assert page.locator("#neurons").count() == 0

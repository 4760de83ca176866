"""The page of a trace as text: self-contained, safe, of limited size, with all numbers."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from cnntrain.errors import ConfigError, DataError
from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.optimizers import Optimizer
from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.training.workers import Workers
from cnntrain.views.trace import page, page_data
from cnntrain.views.trace.page import mathml, trace_page
from cnntrain.views.trace.trace import trace

HOSTILE = "</script><script>alert(1)</script>"
NETWORK = [{"dense": {"units": 4, "activation": "relu"}}, {"dense": {"units": 2}}]


@pytest.fixture
def found(experiment_of):
    experiment = experiment_of(network=NETWORK)
    state = start(experiment.plan, experiment.network)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Workers(1):
        return trace(experiment, state, clock, [0, 3], 2)


def embedded(html):
    """The data read by the scripts of the page."""
    block = re.search(r'<script type="application/json" id="trace">(.*?)</script>', html, re.DOTALL)
    return json.loads(block[1])


def array_of(data, entry):
    """An array of the page, as far as it is included."""
    content = data["contents"][entry["content"]]
    numbers = np.frombuffer(base64.b64decode(content["base64"]), f"<{content['type']}")
    return numbers.reshape(-1, *entry["shape"][1:])


def test_the_page_has_the_numbers_of_the_trace(found):
    data = embedded(trace_page(found))
    assert [node["name"] for node in data["nodes"]] == ["input", "dense1", "relu1", "dense2"]
    assert data["samples"] == [0, 3]
    for step, shown in zip(found.steps, data["steps"], strict=True):
        assert shown["cost"] == [step.cost_before, step.cost_after]
        for layer, entry in zip(step.layers, shown["layers"], strict=True):
            np.testing.assert_array_equal(
                array_of(data, entry["gives"]["array"]), layer.gives.array
            )
            np.testing.assert_array_equal(array_of(data, entry["delta"]), layer.delta)
            for derivative, told in zip(layer.to_params, entry["to_params"], strict=True):
                np.testing.assert_array_equal(array_of(data, told["array"]), derivative.array)
        for updated, entry in zip(step.updates, shown["updates"], strict=True):
            np.testing.assert_array_equal(array_of(data, entry["after"]), updated.after)


def test_every_array_content_is_stored_once(found):
    first, second = embedded(trace_page(found))["steps"]
    assert first["layers"][1]["reads"][0]["array"] == first["layers"][0]["gives"]["array"]
    assert second["updates"][0]["before"] == first["updates"][0]["after"]


def test_the_page_has_only_the_selected_layers(found):
    (step, _) = embedded(trace_page(found, ["dense2"]))["steps"]
    assert [layer["name"] for layer in step["layers"]] == ["dense2"]
    assert [updated["name"] for updated in step["updates"]] == ["dense2.W", "dense2.b"]


def test_the_page_loads_nothing(found):
    html = trace_page(found)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", html)
    assert not re.findall(r"@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\b[ (]", html)
    assert "default-src 'none'" in html


def test_names_are_escaped(found):
    html = trace_page(replace(found, name=HOSTILE, classes=(HOSTILE, "<b>&'\"")))
    assert HOSTILE not in html
    assert "<b>&" not in html
    assert "<h1>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in html
    data = embedded(html)
    assert (data["name"], data["classes"]) == (HOSTILE, [HOSTILE, "<b>&'\""])


def test_large_arrays_are_truncated_after_whole_rows(found, monkeypatch):
    monkeypatch.setattr(page_data, "GOOD_SIZE", 1)
    monkeypatch.setattr(page_data, "MOST_NUMBERS", (1000, 5))
    data = embedded(trace_page(found))
    entry = data["steps"][0]["layers"][0]["params"][0]["array"]
    assert entry["shape"] == [4, 2]
    whole = found.steps[0].layer("dense1").params[0].array
    np.testing.assert_array_equal(array_of(data, entry), whole[:2])


def test_pages_that_would_be_too_large_are_rejected(found, monkeypatch):
    monkeypatch.setattr(page_data, "LARGEST_SIZE", 100)
    with pytest.raises(ConfigError, match=r"--html: the page would take .* fewer --steps"):
        trace_page(found)


def test_missing_packages_are_named(found, monkeypatch):
    monkeypatch.setattr(page, "NEEDED", ("jinja2", "no_such_package"))
    with pytest.raises(DataError, match=r"install them with: pip install 'cnntrain\[report\]'"):
        trace_page(found)


@pytest.mark.parametrize("kind", Layer.kinds)
def test_every_formula_of_a_layer_can_be_typeset(kind):
    layer = Layer.kinds[kind]
    for latex in (layer.formula, *layer.backward_formulas().values()):
        typeset(latex)


@pytest.mark.parametrize("kind", Loss.kinds)
def test_every_formula_of_a_loss_can_be_typeset(kind):
    for loss, _, _ in Loss.kinds[kind].examples():
        typeset(loss.equation())
        typeset(loss.delta_formula)


@pytest.mark.parametrize("kind", Optimizer.kinds)
def test_every_rule_of_an_optimizer_can_be_typeset(kind):
    for latex in Optimizer.kinds[kind]().rule():
        typeset(latex)


def typeset(latex):
    """MathML in which every command was understood."""
    found = mathml(latex)
    assert found.startswith("<math ")
    assert "\\" not in found
    assert "<mo />" not in found

"""What is written out line by line ends in the number that it explains."""

import numpy as np
import pytest

from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.native import engine_named, using
from cnntrain.network.network import Pass
from cnntrain.optimizers import Optimizer
from cnntrain.registry import to_tree
from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.views.trace.activation_recipes import CATALOGUE, activation_lines
from cnntrain.views.trace.loss_recipes import loss_lines, loss_recipe, verdict_of
from cnntrain.views.trace.recipe import Recipe, evaluated, parsed, work_out, writing
from cnntrain.views.trace.terms import explain_entry
from cnntrain.views.trace.text import explanation_text, trace_text
from cnntrain.views.trace.trace import trace

LOSSES = [
    pytest.param(*example, id=f"{kind}-{k}")
    for kind, member in Loss.kinds.items()
    for k, example in enumerate(member.examples())
]
WRITTEN_OUT = ("sgd", "adam", "adamw", "adagrad", "rmsprop", "lion")


@pytest.fixture
def step_of(traced_steps):
    """``step_of(network, x, y, **sections)``: the last of two updates on these samples."""
    return lambda network, x, y, **sections: traced_steps(network, x, y, 2, **sections)[-1]


def samples_of(rng, out_shape, target_shape, n=3):
    z = rng.normal(size=(*out_shape, n)) * 2
    if target_shape is None:
        return z, rng.integers(0, max(2, out_shape[0]), n)
    t = rng.uniform(size=(*target_shape, n))
    return z, t


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize(("loss", "out_shape", "target_shape"), LOSSES)
def test_every_loss_from_output_to_delta_and_cost(loss, out_shape, target_shape, engine):
    rng = np.random.default_rng(1)
    z, y = samples_of(rng, out_shape, target_shape)
    if "hinge" in loss.kind and target_shape is not None:
        y = (y > 0.5).astype(float)
    with using(engine_named(engine)):
        cost, delta = loss.forward(z, y)
    for at in range(z.size):
        links = work_out(loss_recipe(loss, z, y, at, 0.5, None))
        assert links[-1].name == "δ"
        expected = delta.flat[at] * 0.5 / z.shape[-1]
        assert links[-1].value == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert links[-1].written != links[-1].expression
    found = loss_lines(loss, z, y)
    total = 0.0
    for sample in range(z.shape[-1]):
        given = loss_recipe(loss, z, y, sample, 1.0, None).given
        lines = (*found.lines[:-1], ("C", found.cost))
        total += work_out(Recipe(lines, given))[-1].value
    assert total == pytest.approx(cost, rel=1e-9)


def test_large_outputs_do_not_overflow():
    z = np.array([[1000.0], [998.0]])
    links = work_out(loss_recipe(Loss.kinds["cross_entropy"](), z, np.array([0]), 0, 1.0, None))
    assert [link.name for link in links] == ["c", "e", "S", "p", "δ"]
    assert links[-1].value == pytest.approx(1 / (1 + np.exp(-2)) - 1)


def test_a_loss_of_a_plugin_is_known_by_its_cost():
    class Own:
        estimates_shares = False

        def forward(self, z, y):
            return float(np.sum((z - y) ** 4)), 4 * (z - y) ** 3

    z, y = np.array([[1.0], [2.0]]), np.array([[0.5], [0.0]])
    (link,) = work_out(loss_recipe(Own(), z, y, 1, 1.0, None))
    assert link.value == pytest.approx(32, rel=1e-6)
    assert "C_more - C_less" in link.expression


def test_only_terms_that_the_options_have():
    kind = Loss.kinds["cross_entropy"]
    z, y = np.zeros((3, 1)), np.array([1])
    names = [name for name, _ in loss_lines(kind(), z, y).lines]
    assert names == ["e", "S", "p", "δ"]
    assert "w" not in kind().delta_equation()
    weighted = kind(class_weight=(1.0, 2.0, 1.0))
    assert "t_weighted" in [name for name, _ in loss_lines(weighted, z, y).lines]
    assert "w_k" in weighted.delta_equation()
    assert "w_k" not in kind(ignore_index=0).delta_equation()


def test_the_verdict_names_what_it_says_and_what_is_right():
    loss = Loss.kinds["cross_entropy"]()
    z = np.log(np.array([[0.2], [0.5], [0.3]]))
    assert verdict_of(loss, z, np.array([0]), 0, ("a", "b", "c")) == "says b with 50 %, is a"
    assert verdict_of(loss, z, np.array([1]), 0, None) == "says 1 with 50 %, is 1"
    binary = Loss.kinds["binary_cross_entropy"]()
    assert verdict_of(binary, np.array([[-2.0]]), np.array([1]), 0, None) == (
        "says 0 with 88.08 %, is 1"
    )
    assert verdict_of(Loss.kinds["squared_error"](), z, z, 0, None) == ""


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((kind, {}) for kind in WRITTEN_OUT),
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", {"epsilon_inside": True}),
        ("adamw", {"weight_decay": 0.3}),
    ],
)
def test_every_update_that_is_written_out(step_of, kind, options):
    rng = np.random.default_rng(2)
    sections = {"optimizer": {kind: {"lr": 0.1, **options}}, "train": {"l2": 0.2}}
    step = step_of([{"dense": {"units": 2}}], rng.normal(size=(3, 2)), rng.normal(size=(2, 2)),
                   **sections)  # fmt: skip
    for updated in step.updates:
        found = explain_entry(step, f"dense1.change_{updated.name[-1]}[1,0]")
        assert found.links[-1].value == pytest.approx(updated.change[1, 0], rel=1e-9)
    assert explain_entry(step, "dense1.ΔW[1,0]").meaning == "ΔW"


def test_other_updates_have_their_formula(step_of):
    assert set(WRITTEN_OUT) < set(Optimizer.kinds)
    sections = {"optimizer": "adadelta"}
    step = step_of([{"dense": {"units": 1}}], np.ones((2, 1)), np.zeros((1, 1)), **sections)
    assert "ΔW = " in explanation_text(explain_entry(step, "dense1.ΔW[0,0]"))


@pytest.mark.parametrize("kind", ["softmax", "layer_norm", "batch_norm", "dropout"])
def test_chains_of_layers_are_written_out(step_of, kind):
    rng = np.random.default_rng(5)
    layer = to_tree(Layer.kinds[kind]())
    step = step_of([layer, {"dense": {"units": 2}}], rng.normal(size=(3, 4)),
                   rng.normal(size=(2, 4)))  # fmt: skip
    name, letter = step.layers[0].name, step.layers[0].gives.letter
    for entry in (f"{name}.{letter}[1,2]", "input.delta[1,2]"):
        found = explain_entry(step, entry)
        assert len(found.links) > 1
        assert found.links[-1].value == pytest.approx(found.value, rel=1e-9, abs=1e-12)


def test_the_text_of_a_key_equation(step_of):
    network, x = [{"dense": {"units": 2, "init": {"W": [[1.0], [0.0]]}}}], np.ones((1, 1))
    step = step_of(network, x, np.array([1]), loss="cross_entropy")
    last = explain_entry(step, "loss.delta[0]", ("no", "yes"))
    same = explain_entry(step, "dense1.delta[0]", ("no", "yes"))
    assert last.links == same.links
    text = explanation_text(last)
    assert text.startswith("loss.delta[0] = ∂C/∂dense1.z[0]: δ = 1/m (softmax(z) - t)\n")
    assert "    p = e / S     = " in text
    assert text.endswith("%, is yes")


def test_the_whole_trace_has_the_key_equation(experiment_of):
    experiment = experiment_of()
    state = start(experiment.plan, experiment.network)
    text = trace_text(trace(experiment, state, training_clock(experiment.plan, 20), [0], 1))
    assert "written out for δ[" in text


def test_expressions_are_written_with_brackets_where_needed():
    known = {"a": -2.0, "b": 3.0, "z": np.array([1.0, -1.0]), "k": 1}
    cases = {
        "-a * b": "-(-2) · 3",
        "a ** 2 - (b - a)": "(-2)² - (3 - (-2))",
        "a * (b + 1) / b": "-2 · (3 + 1) / 3",
        "sum(exp(z))": "2.71828183 + 0.36787944",
        "largest(z) + z[k]": "max(1, -1) + (-1)",
        "mean(z)": "(1 + (-1)) / 2",
    }
    for expression, written in cases.items():
        assert writing(parsed(expression), known, with_names=False) == written
        assert np.ndim(evaluated(parsed(expression), known)) == 0


ACTIVATIONS = [
    pytest.param(example.layer, id=f"{kind}-{k}")
    for kind, member in Layer.kinds.items()
    if kind in CATALOGUE
    for k, example in enumerate(member.examples())
]


@pytest.mark.parametrize("layer", ACTIVATIONS)
def test_every_activation_and_its_slope(layer):
    z = np.linspace(-7, 7, 57)[:, None] + 0.01
    a, cache = layer.forward({}, z, Pass().context(0))
    slope, _ = layer.backward({}, cache, np.ones_like(z))
    lines, slope_lines, constants = activation_lines(layer)
    for at, read in enumerate(z[:, 0]):
        given = {**constants, "z": read}
        assert work_out(Recipe(lines, given))[-1].value == pytest.approx(a[at, 0], abs=1e-12)
        assert work_out(Recipe(slope_lines, given))[-1].value == pytest.approx(
            slope[at, 0], abs=1e-12
        )

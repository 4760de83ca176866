"""Every entry of every layer is the sum of the terms shown for it."""

import numpy as np
import pytest

from cnntrain.errors import ConfigError
from cnntrain.layers import Layer
from cnntrain.layers.base import WeightedLayer
from cnntrain.registry import to_tree
from cnntrain.views.trace.terms import explain_entry
from cnntrain.views.trace.text import explanation_text

CASES = [
    pytest.param(example, id=f"{kind}-{k}")
    for kind, member in Layer.kinds.items()
    for k, example in enumerate(member.examples())
    if not member.joins
]
LINEAR = {"avg_pool2d", "global_avg_pool2d", "max_pool2d", "flatten", "upsample2d", "zero_pad2d"}


def as_lists(value):
    return [as_lists(v) for v in value] if isinstance(value, tuple | list) else value


@pytest.fixture
def step_of(traced_steps):
    """``step_of(network, x, y, **sections)``: the first step on these samples, batch last."""
    return lambda network, x, y, **sections: traced_steps(network, x, y, 1, **sections)[0]


def entries(array, rng, most=6):
    """Some indices of an array, in the notation used after its name."""
    chosen = rng.permutation(array.size)[:most]
    for at in chosen:
        index = np.unravel_index(at, array.shape)
        yield index, f"[{','.join(map(str, index))}]"


@pytest.mark.parametrize("example", CASES)
def test_terms_add_up_for_every_layer(step_of, example):
    rng = np.random.default_rng(3)
    n = max(2, example.batch)
    x = rng.uniform(-example.reach, example.reach, (*example.in_shape, n))
    out = example.layer.out_shape(example.in_shape)
    step = step_of([to_tree(example.layer)], x, rng.normal(size=(*out, n)), train={"l2": 0.3})
    (layer,) = step.layers
    for index, shown in entries(layer.gives.array, rng):
        found = explain_entry(step, f"{layer.name}.{layer.gives.letter}{shown}")
        assert found.value == layer.gives.array[index]
        if found.links:
            assert found.links[-1].value == pytest.approx(found.value, rel=1e-9, abs=1e-12)
        if isinstance(example.layer, WeightedLayer) or layer.kind in LINEAR:
            assert found.is_sum
        if found.is_sum:
            assert sum(term.value for term in found.terms) == pytest.approx(found.value)
    for index, shown in entries(step.input_delta, rng):
        found = explain_entry(step, f"input.delta{shown}")
        assert found.value == step.input_delta[index]
        total = sum(term.value for term in found.terms)
        total = found.links[-1].value if found.links and not found.terms else total
        assert total == pytest.approx(found.value, rel=1e-9, abs=1e-12)
    for updated in step.updates:
        for index, shown in entries(updated.before, rng):
            found = explain_entry(step, f"{updated.name}{shown}")
            assert found.value == pytest.approx(updated.gradient[index], rel=1e-12, abs=1e-15)
            total = sum(term.value for term in found.terms)
            assert total == pytest.approx(found.value, rel=1e-9, abs=1e-12)


def test_factors_are_named_by_their_positions(step_of):
    """In a strided, padded, dilated, grouped convolution, every named factor is that entry."""
    rng = np.random.default_rng(1)
    options = {"filters": 4, "kernel": [2, 3], "stride": [2, 1], "padding": [1, 2], "groups": 2}
    network = [{"conv2d": {**options, "dilation": [1, 2]}}]
    x = rng.normal(size=(2, 5, 6, 2))
    step = step_of(network, x, rng.normal(size=(4, 3, 6, 2)))
    (layer,) = step.layers
    arrays = {"input": x, "conv1.W": layer.params[0].array, "conv1.b": layer.params[1].array}
    arrays["conv1.delta"] = layer.delta
    for entry in ("conv1.z[1,2,3,1]", "conv1.W[3,0,1,2]", "conv1.b[2]", "input.delta[1,2,3,0]"):
        found = explain_entry(step, entry)
        assert len(found.terms) > 1
        for factor in (factor for term in found.terms for factor in term.factors):
            name, _, numbers = factor.name.partition("[")
            index = tuple(map(int, numbers[:-1].split(",")))
            assert np.ravel(arrays[name][index])[0] == factor.value


def test_a_node_with_several_readers_has_the_terms_of_all(step_of):
    network = [
        {"dense": {"units": 3}, "name": "trunk"},
        {"tanh": {}, "name": "left"},
        {"sigmoid": {}, "name": "right", "from": "trunk"},
        {"add": {}, "from": ["left", "right"]},
    ]
    rng = np.random.default_rng(0)
    step = step_of(network, rng.normal(size=(2, 2)), rng.normal(size=(3, 2)))
    found = explain_entry(step, "trunk.delta[1,1]")
    readers = [term.factors[0].name.partition(".")[0] for term in found.terms]
    assert readers == ["∂left", "∂right"]
    assert sum(term.value for term in found.terms) == pytest.approx(found.value)
    parts = explain_entry(step, "add1.y[0,1]")
    assert [term.factors[1].name for term in parts.terms] == ["left.a[0,1]", "right.a[0,1]"]


def test_long_sums_show_the_largest_terms(step_of):
    rng = np.random.default_rng(0)
    step = step_of([{"dense": {"units": 1}}], rng.normal(size=(30, 1)), rng.normal(size=(1, 1)))
    text = explanation_text(explain_entry(step, "dense1.z[0]"))
    assert text.count(" · ") == 2 * 12  # names and values
    assert "+ 19 smaller terms" in text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("dense1.W", "write it as conv1.W[0,0,1,1] or dense1.delta[0]"),
        ("dense2.W[0,0]", "no layer 'dense2'; did you mean 'dense1'?"),
        ("dense1.V[0]", "dense1 has no 'V'; known: W, b, delta, z, ΔW, Δb"),
        ("dense1.W[3,0]", "the array has the shape (1, 2), and indices count from 0"),
        ("dense1.W[0]", "the array has the shape (1, 2), and indices count from 0"),
        ("dense1.z[1]", "the array has the shape (1,), and indices count from 0"),
        ("input.z[0]", "input has no 'z'; known: delta"),
    ],
)
def test_nonexistent_entries_are_reported(step_of, entry, message):
    step = step_of([{"dense": {"units": 1}}], np.ones((2, 1)), np.zeros((1, 1)))
    with pytest.raises(ConfigError) as caught:
        explain_entry(step, entry)
    assert str(caught.value) == f"--explain {entry}: {message}"

"""Shapes, counts, work and receptive fields of known networks."""

import pytest

from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.conv_transpose2d import ConvTranspose2d
from cnntrain.layers.global_pooling import GlobalAvgPool2d
from cnntrain.layers.pooling import MaxPool2d
from cnntrain.layers.upsample2d import Upsample2d
from cnntrain.text import flops, size
from cnntrain.views.explain.summary import mermaid, receptive_fields, summarize, summary_text

LENET = [
    {"conv2d": {"filters": 6, "kernel": 5, "padding": "same", "activation": "relu"}},
    {"max_pool2d": {"size": 2}},
    {"conv2d": {"filters": 16, "kernel": 5, "trainable": {"b": False}, "lr_mult": {"W": 0.1}}},
    "flatten",
    {"dense": {"units": 10, "decay_mult": {"b": 1.0}}},
]
GRAPH = [
    {"dense": {"units": 2}, "name": "trunk"},
    {"tanh": {}, "name": "left"},
    {"relu": {}, "name": "right", "from": "trunk"},
    {"add": {}, "from": ["left", "right"]},
]


@pytest.fixture
def summary_of(experiment_of):
    """``summary_of(network, shape, **sections)``: for images of zeros, a class per output."""

    def made(network, shape, **sections):
        import numpy as np

        zeros = np.zeros((4, *shape)).tolist()
        units = network[-1]["dense"]["units"] if "dense" in network[-1] else 2
        names = [str(k) for k in range(units)]
        data = {"source": "inline", "inputs": zeros, "targets": [0, 1, 0, 1], "class_names": names}
        experiment = experiment_of(network=network, data=data, **sections)
        return summarize(experiment.plan, experiment.network, 1000, threads=1)

    return made


def test_lenet_by_hand(summary_of):
    """156 and 2,416 parameters, 5x5 and 14x14 receptive fields (LeCun et al. 1998)."""
    found = summary_of(LENET, (1, 28, 28), train={"batch_size": 50})
    conv1, relu1, pool1, conv2, flatten1, dense1 = found.layers
    assert [layer.parameters for layer in found.layers] == [156, 0, 0, 2416, 0, 16010]
    assert found.parameters == 156 + 2416 + 16010
    assert found.frozen_parameters == 16
    assert conv1.forward_flops == 2 * 25 * 6 * 28 * 28
    assert conv1.backward_flops == conv1.forward_flops  # ∂C/∂input is not needed
    assert conv2.backward_flops == 2 * conv2.forward_flops
    assert dense1.forward_flops == 2 * 1600 * 10
    assert relu1.activation_bytes == 50 * 6 * 28 * 28 * 4
    assert [layer.receptive_field for layer in found.layers[:5]] == [
        (5, 5), (5, 5), (6, 6), (14, 14), (14, 14),
    ]  # fmt: skip
    assert dense1.receptive_field is None
    assert conv2.notes == ("W learning rate 0.1 η", "b frozen")
    assert dense1.notes == ("b weight decay 1 λ",)
    assert pool1.reads == ("relu1",)
    assert relu1.notes == ("computed after max_pool1: identical result, less work",)
    assert flatten1.out_shape == (1600,)


def test_receptive_fields_with_stride_dilation_and_upsampling(network_of):
    network = network_of(
        (1, 40, 50),
        Conv2d(filters=1, kernel=3, stride=2),
        Conv2d(filters=1, kernel=3, dilation=(1, 2)),
        MaxPool2d(size=2),
        Upsample2d(factor=2),
        ConvTranspose2d(filters=1, kernel=4, stride=2),
        GlobalAvgPool2d(),
    )
    found = receptive_fields(network)
    assert [found[k] for k in range(6)] == [(3, 3), (7, 11), (9, 13), (9, 13), (11, 15), None]


def test_text_fits_and_shows_the_connections(summary_of):
    found = summary_of(GRAPH, (3,), loss="squared_error")
    text = summary_text(found)
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    assert lines[0] == "small: input 3, float32, 8 samples per update"
    assert lines[2].startswith("layer ← inputs")
    assert any(line.startswith("right ← trunk ") for line in lines)
    assert any(line.startswith("add1 ← left, right ") for line in lines)
    assert "← input " not in text
    plain = summary_text(summary_of(LENET, (1, 28, 28)))
    assert "←" not in plain
    assert "16 of 18,582 parameters are frozen" in plain
    assert "conv2: b frozen" in plain


def test_the_graph_as_mermaid(summary_of):
    assert mermaid(summary_of(GRAPH, (3,), loss="squared_error")).splitlines() == [
        "graph TD",
        '  input(["input"])',
        '  trunk["trunk: dense<br/>8 parameters"]',
        '  left["left: tanh"]',
        '  right["right: relu"]',
        '  add1["add1: add"]',
        "  input -->|3| trunk",
        "  trunk -->|2| left",
        "  trunk -->|2| right",
        "  left -->|2| add1",
        "  right -->|2| add1",
    ]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (flops(0), "0"), (flops(940), "940"), (flops(12_345), "12.3 k"), (flops(999_600), "1 M"),
        (size(2048), "2 KiB"), (size(5.08 * 2**20, digits=2), "5.1 MiB"),
        (size(123 * 2**20, digits=2), "123 MiB"),
    ],
)  # fmt: skip
def test_amounts_are_abbreviated(written, text):
    assert written == text


@pytest.mark.usefixtures("native_engine")
def test_convolutions_by_winograd_are_noted(summary_of):
    conv = {"filters": 32, "kernel": 3, "padding": "same"}
    network = [{"conv2d": conv}, {"conv2d": {**conv, "algorithm": "direct"}}, {"conv2d": conv}]
    found = summary_of([*network, "flatten", {"dense": {"units": 2}}], (1, 8, 8))
    noted = {layer.name for layer in found.layers for note in layer.notes if "Winograd" in note}
    assert noted == {"conv3"}  # the first has too few channels

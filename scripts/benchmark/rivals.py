"""The same networks in PyTorch and scikit-learn, if installed."""

import warnings
from typing import Any

import numpy as np

from benchmark.nets import CLASSES, LEARNING_RATE, MOMENTUM, Net, experiment_of
from benchmark.turns import Step
from cnntrain.network.graph import AT_INPUT, Node
from cnntrain.types import as_pair

VARIANTS = ("eager", "channels_last", "compile")


def torch_steps(net: Net, threads: int, variants: tuple[str, ...] = VARIANTS) -> dict[str, Step]:
    """A training step in PyTorch: eager, channels_last and compiled; empty without PyTorch."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(threads)
    steps = {}
    for variant in variants:
        if variant == "channels_last" and len(net.in_shape) != 3:
            continue
        model = torch_model(torch, net)
        x = torch.randn(net.batch, *net.in_shape)
        if variant == "channels_last":
            layout = torch.channels_last
            model, x = model.to(memory_format=layout), x.contiguous(memory_format=layout)
        run = torch.compile(model) if variant == "compile" else model
        steps[variant] = _torch_step(torch, model, run, x)
    return steps


def _torch_step(torch: Any, model: Any, run: Any, x: Any) -> Step:
    labels = torch.randint(0, CLASSES, (len(x),))
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def step() -> None:
        optimizer.zero_grad()
        loss(run(x), labels).backward()
        optimizer.step()

    return step


def torch_model(torch: Any, net: Net) -> Any:
    """A PyTorch module that runs the nodes of our graph in order."""
    nodes = experiment_of(net, CLASSES).network.nodes

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([_module(torch.nn, node) for node in nodes])

        def forward(self, x: Any) -> Any:
            values = {AT_INPUT: x}
            for i, (node, layer) in enumerate(zip(nodes, self.layers, strict=True)):
                first, *others = (values[k] for k in node.inputs)
                values[i] = layer(sum(others, start=first))  # only "add" has several inputs
            return values[len(nodes) - 1]

    return Graph()


def _module(nn: Any, node: Node) -> Any:
    layer: Any = node.layer
    make = {
        "conv2d": lambda: nn.Conv2d(
            node.in_shape[0],
            layer.filters,
            layer.kernel,
            layer.stride,
            [k // 2 if layer.padding == "same" else 0 for k in as_pair(layer.kernel)],
            bias=layer.bias,
        ),
        "dense": lambda: nn.Linear(node.in_shape[0], layer.units),
        "relu": nn.ReLU,
        "flatten": nn.Flatten,
        "batch_norm": lambda: nn.BatchNorm2d(node.in_shape[0]),
        "max_pool2d": lambda: nn.MaxPool2d(layer.size, layer.stride),
        "avg_pool2d": lambda: nn.AvgPool2d(layer.size, layer.stride),
        "global_avg_pool2d": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "add": nn.Identity,  # the graph has already added its inputs
    }
    return make[layer.kind]()


def sklearn_steps(net: Net) -> dict[str, Step]:
    """``MLPClassifier.partial_fit`` on a batch, for a network of dense layers with ReLU."""
    units = [layer["dense"]["units"] for layer in net.layers if "dense" in layer]
    if len(units) < len(net.layers):
        return {}
    try:
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return {}
    model = MLPClassifier(
        units[:-1], solver="sgd", learning_rate_init=LEARNING_RATE, momentum=MOMENTUM,
        nesterovs_momentum=False, alpha=0.0, batch_size=net.batch,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.standard_normal((net.batch, *net.in_shape), dtype=np.float32)
    y, classes = rng.integers(0, CLASSES, net.batch), np.arange(CLASSES)

    def step() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(x, y, classes=classes)

    return {"scikit-learn": step}

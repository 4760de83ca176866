"""The timed networks, and a training step of cnntrain on each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cnntrain.config.read import plan_from_tree
from cnntrain.data.dataset import Split
from cnntrain.data.normalize import fit_normalizer
from cnntrain.data.prepare import Prepared
from cnntrain.network.network import Network
from cnntrain.training.experiment import Experiment, network_for, training_clock
from cnntrain.training.feed import Feed, load_shard
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers

CLASSES = 10
LEARNING_RATE = 1e-5  # so small that the loss does not overflow on random labels
MOMENTUM = 0.9


@dataclass(frozen=True)
class Net:
    """Layers as in a config, sample shape, and number of samples per step."""

    in_shape: tuple[int, ...]
    layers: list[Any]
    batch: int


def conv(filters: int, kernel: int, padding: str = "valid", activation: str | None = None) -> Any:
    options = {"filters": filters, "kernel": kernel, "padding": padding}
    return {"conv2d": options | ({"activation": activation} if activation else {})}


def dense(units: int, activation: str | None = None) -> Any:
    return {"dense": {"units": units} | ({"activation": activation} if activation else {})}


def pool(kind: str, size: int, stride: int) -> Any:
    return {f"{kind}_pool2d": {"size": size, "stride": stride}}


def vgg_block(filters: int) -> list[Any]:
    layer = {"conv2d": {"filters": filters, "kernel": 3, "padding": "same", "bias": False}}
    return [layer, "batch_norm", "relu"] * 2 + [pool("max", 2, 2)]


def resnet8() -> list[Any]:
    """The network of ``configs/cifar10-resnet8.yaml``."""
    config = Path(__file__).parents[2] / "configs" / "cifar10-resnet8.yaml"
    return list(yaml.safe_load(config.read_text(encoding="utf-8"))["network"])


LENET5 = [
    conv(6, 5, "same", "relu"), pool("max", 2, 2), conv(16, 5, "valid", "relu"),
    pool("max", 2, 2), "flatten", dense(120, "relu"), dense(84, "relu"), dense(CLASSES),
]  # fmt: skip
CAFFE_LENET = [
    conv(20, 5), pool("max", 2, 2), conv(50, 5), pool("max", 2, 2), "flatten",
    dense(500, "relu"), dense(CLASSES),
]  # fmt: skip
CIFAR10_QUICK = [
    conv(32, 5, "same"), pool("max", 3, 2), "relu", conv(32, 5, "same", "relu"),
    pool("avg", 3, 2), conv(64, 5, "same", "relu"), pool("avg", 3, 2), "flatten",
    dense(64), dense(CLASSES),
]  # fmt: skip
VGG6 = [*vgg_block(32), *vgg_block(64), *vgg_block(128), "flatten", dense(CLASSES)]
MLP = [dense(300, "relu"), dense(100, "relu"), dense(CLASSES)]
MNIST, CIFAR = (1, 28, 28), (3, 32, 32)

NETS = {
    "mlp-784-300-100-10": Net((784,), MLP, 64),
    "lenet5-batch1": Net(MNIST, LENET5, 1),
    "lenet5-batch64": Net(MNIST, LENET5, 64),
    "lenet5-batch256": Net(MNIST, LENET5, 256),
    "caffe-lenet": Net(MNIST, CAFFE_LENET, 64),
    "cifar10-quick": Net(CIFAR, CIFAR10_QUICK, 100),
    "vgg6": Net(CIFAR, VGG6, 64),
    "resnet8": Net(CIFAR, resnet8(), 64),
}


def experiment_of(net: Net, samples: int) -> Experiment:
    """The network with random images and labels, trained by SGD with momentum."""
    tree = {
        "name": "bench",
        "data": {"source": "digits"},
        "network": net.layers,
        "loss": "cross_entropy",
        "optimizer": {"sgd": {"lr": LEARNING_RATE, "momentum": MOMENTUM}},
        "train": {"batch_size": net.batch, "epochs": 10**6},
    }
    plan = plan_from_tree(tree)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (samples, *net.in_shape), dtype=np.uint8)
    split = Split(pixels, rng.integers(0, CLASSES, samples))
    classes = tuple("0123456789")
    data = Prepared({"train": split}, fit_normalizer("per_channel", split), classes, "")
    return Experiment(plan, network_for(plan, net.in_shape), data)


class Ours:
    """cnntrain on such an experiment, one step at a time, with input as in real training."""

    def __init__(self, net: Net, workers: Workers, samples: int | None = None) -> None:
        samples = samples or max(8 * net.batch, 512)
        self.net, self.workers = net, workers
        self.experiment = experiment_of(net, samples)
        self.state = start(self.experiment.plan, self.network)
        self.clock = training_clock(self.experiment.plan, samples)
        self.feed = Feed(self.experiment, self.clock)

    @property
    def network(self) -> Network:
        return self.experiment.network

    def step(self) -> None:
        outcome = train_step(self.experiment, self.state, self.workers, self.clock, self.feed)
        if isinstance(outcome, str):
            raise SystemExit(outcome)

    def load(self) -> None:
        """Only the input of a step: gather, normalize, move the batch axis."""
        load_shard(self.experiment, self.feed.indices(self.state.step), self.state.step, 0)

    @property
    def step_flops(self) -> float:
        """FLOPs of forward, and about twice as many of backward."""
        return 3.0 * self.network.flops * self.net.batch

"""Record what every compiled kernel is called with, for ``replay.c`` to do again elsewhere.

    python -m scripts.exactness.record FILE

The calls are those of the small examples of all layers and losses, forward and backward, in
float32 and float64, of some batches, and of a few training steps with every optimizer. Each array
is written as it was before the call.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cnntrain.config.read import plan_from_tree
from cnntrain.data.normalize import Normalizer
from cnntrain.diagnostics.gradcheck import example_input
from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.metrics import sums
from cnntrain.native import Engine, engine_named, using
from cnntrain.native.activations import elementwise
from cnntrain.native.twins import kernel_letters
from cnntrain.native.update import Updates
from cnntrain.network.fuse import fused
from cnntrain.network.network import Pass
from cnntrain.optimizers import Optimizer
from cnntrain.training.experiment import network_for

LETTERS = kernel_letters()
BATCHES = (1, 3, 17, 64)
FORMS = (("direct", 3), ("winograd", 3), ("winograd", 5), ("fourier", 5))  # of convolutions


class Recorder:
    """The native engine, with every call of a kernel written to a file before it is made."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.called: set[str] = set()
        real = engine_named("native")
        kernels = {
            char: {name: self._recording(name, char, run) for name, run in by_name.items()}
            for char, by_name in real.kernels.items()
        }
        self.engine = Engine(real.name, real.isa, kernels)

    def _recording(self, name: str, char: str, run: Callable[..., None]) -> Callable[..., None]:
        def record(*arguments: Any) -> None:
            self.called.add(name)
            self.out.write(
                f"call {name} {'f8' if char == 'd' else 'f4'} {len(arguments)}\n".encode()
            )
            for letter, argument in zip(LETTERS[name], arguments, strict=True):
                self.out.write(_written(letter, argument))
            run(*arguments)

        return record


def _written(letter: str, argument: Any) -> bytes:
    if argument is None:
        return b"n 0\n"
    if letter == "A":
        parts = b"".join(_written("w", array) for array in argument)
        return f"A {len(argument)}\n".encode() + parts
    if letter == "i":
        return f"i {int(argument)}\n".encode()
    if letter == "f":
        return f"f {float(argument).hex()}\n".encode()
    if letter == "S":
        return f"s {argument.nbytes}\n".encode()
    kind = "w" if letter in "wWlbd" else "r"
    return f"{kind} {argument.nbytes}\n".encode() + argument.tobytes() + b"\n"


@contextmanager
def recording(path: Path) -> Iterator[Recorder]:
    """All calls of kernels inside go to the file."""
    with path.open("wb") as out:
        recorder = Recorder(out)
        with using(recorder.engine):
            yield recorder


def examples() -> None:
    """Forward and backward of every layer and loss, and one change by every optimizer."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for kind in Layer.kinds.values():
            for example in kind.examples():
                for n in BATCHES:
                    layer_example(example, n, np.dtype(dtype), rng)
        for loss in Loss.kinds.values():
            for member, out_shape, target_shape in loss.examples():
                z = rng.standard_normal((*out_shape, 9)).astype(dtype)
                y: Any = rng.integers(0, max(2, out_shape[0]), 9)
                if target_shape is not None:
                    y = rng.random((*target_shape, 9)).astype(dtype)
                member.forward(z, y if out_shape[0] > 1 or target_shape else y % 2)
        optimizers(np.dtype(dtype), rng)
        elementary(np.dtype(dtype))
        batches(np.dtype(dtype), rng)
        metrics(np.dtype(dtype), rng)
        fused_layers(np.dtype(dtype), rng)


def layer_example(example: Any, n: int, dtype: np.dtype, rng: np.random.Generator) -> None:
    """One layer on a batch of n samples."""

    layer, drawn = example.layer, example_input(replace(example, batch=n), rng)
    x = tuple(a.astype(dtype) for a in drawn) if layer.joins else drawn.astype(dtype)
    params = {
        letter: np.asarray(param.init.draw(param.shape, param.fan_in, param.fan_out, rng), dtype)
        for letter, param in layer.params(example.in_shape).items()
    }
    y, cache = layer.forward(params, x, Pass(training=True, seed=n).context(0))
    layer.buffers(params, cache)
    layer.backward(params, cache, rng.standard_normal(y.shape).astype(dtype))


def optimizers(dtype: np.dtype, rng: np.random.Generator) -> None:
    """Three updates of two arrays by every optimizer with its defaults, averaged."""
    for kind in Optimizer.kinds.values():
        optimizer = kind()
        weights, averages = (list(rng.standard_normal((2, 37)).astype(dtype)) for _ in range(2))
        slots = [[np.zeros_like(W) for W in weights] for _ in optimizer.active_slots()]
        updates = Updates(weights, slots, "aa", averages, 0.9)
        for step in range(3):
            rule = optimizer.compiled(0.1, step)
            if rule is not None:
                gradients = list(rng.standard_normal((2, 37)).astype(dtype))
                updates.make(gradients, {"a": (rule, 0.01)})


def elementary(dtype: np.dtype) -> None:
    """Every elementary function from -100 to 100."""
    x = np.linspace(-100, 100, 4001).astype(dtype)
    for name in (name for name in LETTERS if name.endswith("_values")):
        elementwise(name, x)


def batches(dtype: np.dtype, rng: np.random.Generator) -> None:
    """Samples of every type that has a kernel, gathered and normalized."""
    normalizer = Normalizer(rng.random((3, 1, 1)), 1 + rng.random((3, 1, 1)))
    for stored_as in (np.uint8, np.float32, np.float64):
        stored = (100 * rng.random((20, 3, 5, 7))).astype(stored_as)
        for n in BATCHES:
            normalizer.gather(stored, rng.integers(0, 20, n), dtype)


def fused_layers(dtype: np.dtype, rng: np.random.Generator) -> None:
    """What the graph pass makes of pairs of layers."""
    for algorithm, kernel in FORMS:
        options = {"filters": 3, "kernel": kernel, "padding": "same", "algorithm": algorithm}
        pairs_of_layers({"conv2d": options}, dtype, rng)


def pairs_of_layers(conv: Any, dtype: np.dtype, rng: np.random.Generator) -> None:
    """A convolution with what may be worked out in its pass."""
    words = [conv, "relu", conv, {"max_pool2d": {"size": 2}}, conv, "batch_norm", "relu"]
    plan = plan_from_tree(
        {"name": "fused", "data": {"source": "digits"}, "network": words, "loss": "squared_error"}
    )
    network = fused(network_for(plan, (2, 6, 6)))
    params = network.init(0, dtype)
    for n in BATCHES:
        x = rng.standard_normal((*network.in_shape, n)).astype(dtype)
        z, caches = network.forward(params, x, Pass(training=True))
        network.backward(params, caches, rng.standard_normal(z.shape).astype(dtype))


def metrics(dtype: np.dtype, rng: np.random.Generator) -> None:
    """The sums of classes and of numbers."""
    for n in BATCHES:
        z = rng.standard_normal((10, n)).astype(dtype)
        sums.winners(z)
        sums.error_sums(z, rng.standard_normal(z.shape))


def training() -> None:
    """Two epochs of a small network that uses what only a training does."""
    from cnntrain.training.opening import open_experiment
    from cnntrain.training.state import start
    from cnntrain.training.train import train
    from cnntrain.training.workers import Workers

    for name in sorted(Optimizer.kinds):
        plan = plan_from_tree(
            {
                "name": "recorded",
                "data": {"source": "digits", "normalize": "per_channel", "fold": "1/20"},
                "network": [
                    {"conv2d": {"filters": 3, "kernel": 3, "activation": "relu"}},
                    {"max_pool2d": {"size": 2}},
                    "flatten",
                    {"dropout": {"rate": 0.2}},
                    {"dense": {"units": 10}},
                ],
                "loss": "cross_entropy",
                "optimizer": name,
                "train": {"max_steps": 3, "batch_size": 9, "l2": 0.01, "average": 0.9,
                          "clip": {"norm": 1.0, "value": 0.5}, "max_norm": 1.0},
            }
        )  # fmt: skip
        experiment = open_experiment(plan, lambda _: Path())
        with Workers(1) as workers:
            for _ in train(experiment, start(plan, experiment.network), workers):
                pass


def main() -> None:
    """Write the file; say which kernels no call reaches."""
    with recording(Path(sys.argv[1])) as recorder:
        examples()
        training()
    missing = sorted(LETTERS.keys() - recorder.called)
    print(
        f"{len(recorder.called)} kernels recorded" + "".join(f"; not called: {m}" for m in missing)
    )
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()

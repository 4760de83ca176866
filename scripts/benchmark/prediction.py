"""Prediction of a batch by an untrained network: cnntrain, PyTorch and onnxruntime."""

import tempfile
from pathlib import Path

import numpy as np

from benchmark.nets import CLASSES, Net, experiment_of
from benchmark.rivals import torch_model
from benchmark.turns import Step
from cnntrain.data.dataset import Schema
from cnntrain.exchange.model import Model
from cnntrain.exchange.onnx_out.file import write_onnx
from cnntrain.training.predict import Predictor
from cnntrain.training.reading import Known
from cnntrain.training.workers import Workers
from cnntrain.types import Array


def prediction_steps(net: Net, workers: Workers) -> dict[str, Step]:
    """The outputs of one batch by everything that is installed."""
    pixels = np.random.default_rng(0).integers(0, 256, (net.batch, *net.in_shape), dtype=np.uint8)
    found = {"cnntrain": _ours(net, pixels, workers)}
    for build in (_torch, _onnxruntime):
        try:
            found |= build(net, pixels.astype(np.float32), workers.threads)
        except ImportError:
            continue
    return found


def _ours(net: Net, pixels: Array, workers: Workers) -> Step:
    experiment = experiment_of(net, CLASSES)
    plan, network = experiment.plan, experiment.network
    dtype = np.dtype(np.float32)
    known = Known(Schema(experiment.data.classes), experiment.data.normalizer, plan.loss)
    predictor = Predictor(network, network.init(0, dtype), known, dtype)
    return lambda: predictor.outputs(pixels, workers)


def _torch(net: Net, x: Array, threads: int) -> dict[str, Step]:
    import torch

    torch.set_num_threads(threads)
    model, samples = torch_model(torch, net).eval(), torch.from_numpy(x)

    def step() -> None:
        with torch.inference_mode():
            model(samples)

    return {"PyTorch": step}


def _onnxruntime(net: Net, x: Array, threads: int) -> dict[str, Step]:
    import onnxruntime

    experiment = experiment_of(net, CLASSES)
    network, data = experiment.network, experiment.data
    params = network.init(0, np.dtype(np.float32))
    model = Model("bench", network, params, data.normalizer, Schema(data.classes), "cross_entropy")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(model, path := Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return {"onnxruntime": lambda: session.run(None, {name: x})}

"""``foreign_models.py FOLDER``: small ONNX models of other tools, as far as these are installed.

Those in ``tests/exchange/data`` were made with PyTorch 2.13, Keras 3.15 (whose export to ONNX is
that of tf2onnx 1.17) and skl2onnx 1.20; the tests read them without any of these.
"""

import sys
from pathlib import Path

import numpy as np

SAMPLES = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)


def torch_models(folder):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)
            self.group = torch.nn.GroupNorm(2, 4)
            self.dense = torch.nn.Linear(4, 3)

        def forward(self, x):
            f = torch.nn.functional
            a = f.silu(self.conv(x))
            a = f.gelu(self.group(a) + a)
            a = f.hardswish(f.mish(f.max_pool2d(a, 3, 2, ceil_mode=True)))
            a = f.adaptive_avg_pool2d(a, 1)
            return self.dense(a.view(a.size(0), -1))

    module, x = Net().eval(), torch.randn(2, 1, 8, 8)
    free = {"dynamic_axes": {"x": {0: "n"}}}
    old = folder / "torchscript.onnx"
    torch.onnx.export(module, (x,), old, dynamo=False, input_names=["x"], opset_version=13, **free)
    free = {"dynamic_shapes": ({0: torch.export.Dim("n")},), "external_data": False}
    new = folder / "dynamo.onnx"
    torch.onnx.export(module, (x,), new, dynamo=True, input_names=["x"], **free)
    without_notes(new)


def without_notes(path):
    """Remove what the exporter notes about its program and the machine."""
    import onnx

    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.ClearField("metadata_props")
    onnx.save(model, path)


def keras_models(folder):
    import keras

    layers = keras.layers
    model = keras.Sequential([
        layers.Input((8, 8, 2)),
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(2, padding="same"),
        layers.ReLU(6.0),
        layers.Flatten(),
        layers.Dense(5, activation="elu"),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model(np.zeros((1, 8, 8, 2), np.float32))  # else it is not built
    model.export(folder / "keras.onnx", format="onnx")


def sklearn_models(folder):
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    few = {"hidden_layer_sizes": (5,), "max_iter": 20, "random_state": 0}
    many = make_pipeline(StandardScaler(), MLPClassifier(**few))
    names = np.array(["a", "b", "c"])[np.arange(60) % 3]
    models = {
        "sklearn-classes": many.fit(SAMPLES, names),
        "sklearn-yes-no": MLPClassifier(**few).fit(SAMPLES, np.arange(60) % 2),
        "sklearn-numbers": MLPRegressor(**few, activation="tanh").fit(SAMPLES, SAMPLES[:, 0]),
    }
    for name, model in models.items():
        made = to_onnx(model, SAMPLES[:1])
        (folder / f"{name}.onnx").write_bytes(made.SerializeToString())


if __name__ == "__main__":
    for make in (torch_models, keras_models, sklearn_models):
        try:
            make(Path(sys.argv[1]))
        except ImportError as error:
            print(f"{make.__name__}: {error}")

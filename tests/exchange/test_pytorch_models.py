"""LeNet and ResNet-8 of PyTorch: exported there, imported here, examined and trained on."""

import json
import warnings

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.commands.gradcheck import run_gradcheck
from cnntrain.commands.import_ import ImportOptions, run_import
from cnntrain.config.read import read_config
from cnntrain.errors import ExitCode
from cnntrain.network.network import Pass
from cnntrain.runs.checkpoint import load

pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")


def lenet(nn):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def resnet8(nn):
    """Three blocks of 16, 32 and 64 maps, as in configs/cifar10-resnet8.yaml."""

    def conv(c, f, stride=1, size=3):
        return nn.Conv2d(c, f, size, stride, size // 2, bias=False)

    class Block(nn.Module):
        def __init__(self, c, f, stride):
            super().__init__()
            self.body = nn.Sequential(
                conv(c, f, stride), nn.BatchNorm2d(f), nn.ReLU(), conv(f, f), nn.BatchNorm2d(f)
            )
            same = c == f and stride == 1
            short = nn.Sequential(conv(c, f, stride, 1), nn.BatchNorm2d(f))
            self.short = nn.Identity() if same else short

        def forward(self, x):
            return nn.functional.relu(self.body(x) + self.short(x))

    return nn.Sequential(
        conv(3, 16), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


# at 0 and 14 some of the 65,536 ReLUs of a map are closer to 0 than the smallest step
SEEDS = {"lenet": [0], "resnet8": [0, 1, 14]}
NETS = {"lenet": (lenet, (1, 28, 28)), "resnet8": (resnet8, (3, 32, 32))}


@pytest.fixture
def exported(torch, tmp_path):
    """``exported(name, new)``: (the file, the module) of one of the two exporters."""

    def make(name, new):
        torch.manual_seed(0)
        build, in_shape = NETS[name]
        module, x = build(torch.nn), torch.randn(4, *in_shape)
        for _ in range(2):
            module(x)  # batch normalization gets statistics
        module.eval()
        path = tmp_path / f"{name}.onnx"
        samples = torch.export.Dim("samples")
        free = {"dynamic_shapes": ({0: samples},)} if new else {"dynamic_axes": {"x": {0: "n"}}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), path, input_names=["x"], dynamo=new, **free)
        return path, module

    return make


CASES = [
    pytest.param(name, new, marks=[pytest.mark.slow] if name == "resnet8" else [])
    for name in NETS
    for new in (False, True)
]


@pytest.mark.parametrize(("name", "new"), CASES)
def test_import_examine_train(torch, exported, tmp_path, capsys, name, new):
    if new:
        pytest.importorskip("onnxscript", reason="the newer exporter needs onnxscript")
    path, module = exported(name, new)
    out = tmp_path / "imported"
    run_import(path, ImportOptions(out=out))

    found = load(out / "best.npz")
    kinds = {node.layer.kind for node in found.network.nodes}
    assert kinds >= {"conv2d", "relu", "dense"}
    x = torch.randn(5, *NETS[name][1])
    with torch.no_grad():
        expected = module(x).numpy()
    last = np.ascontiguousarray(np.moveaxis(x.numpy(), 0, -1))
    z, _ = found.network.forward(found.state.params, last, Pass())
    np.testing.assert_allclose(z.T, expected, rtol=1e-4, atol=1e-5)

    data = tmp_path / "data.npz"
    np.savez(data, x=x.numpy(), y=expected.argmax(axis=1))
    capsys.readouterr()
    run_eval(out, EvalOptions(data=str(data), threads=1, as_json=True))
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1.0
    for seed in SEEDS[name]:
        assert run_gradcheck(out, 1e-5, seed, True, None) == ExitCode.DONE

    config = out / "config.yaml"
    more = [f"data.train={data}", "train.epochs=2", "optimizer.sgd.lr=0.01"]
    assert read_config(config, more).plan.network == found.plan.network
    options = FitOptions(out=tmp_path / "run", init_from=out, settings=more, quiet=True)
    assert run_fit(config, options) == ExitCode.DONE
    trained = load(tmp_path / "run" / "checkpoints" / "last.npz")
    assert trained.state.step > 0

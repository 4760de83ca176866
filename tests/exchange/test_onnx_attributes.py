"""Attributes of ONNX's operators mean the same as in onnxruntime, or are refused by the node."""

import itertools

import numpy as np
import pytest

from cnntrain.errors import DataError
from cnntrain.exchange.onnx_in import read_onnx
from cnntrain.network.network import Network, Pass

onnx = pytest.importorskip("onnx", reason="ONNX models need the extra 'onnx'")
runtime = pytest.importorskip("onnxruntime", reason="the independent witness is missing")
RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def node(kind, inputs, outputs, **attributes):
    name = f"my {kind}" if outputs == ["y"] else f"{kind} of {outputs[0]}"
    return onnx.helper.make_node(kind, inputs, outputs, name, **attributes)


def model_of(nodes, in_shape, opset=18, **constants):
    """A model from x to y of these nodes; the number of samples is free."""
    helper = onnx.helper
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", *in_shape])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    made = onnx.shape_inference.infer_shapes(made)
    if not made.graph.output[0].type.tensor_type.HasField("shape"):
        alike = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", *in_shape])
        made.graph.output[0].CopyFrom(alike)
    return made


def one(kind, in_shape, *arrays, opset=18, **attributes):
    """A model of one operator that reads x and constants."""
    names = [f"c{k}" for k in range(len(arrays))]
    constants = dict(zip(names, arrays, strict=True))
    return model_of([node(kind, ["x", *names], ["y"], **attributes)], in_shape, opset, **constants)


def check(model, tmp_path, tolerance=1e-5):
    """Our network gives what onnxruntime gives."""
    onnx.save(model, tmp_path / "m.onnx")
    found = read_onnx(tmp_path / "m.onnx", loss="squared_error")
    in_shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    x = 2 * numbers(3, *in_shape)
    expected = runtime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    network = Network.build(found.items, found.in_shape)
    given = x if found.in_shape == tuple(in_shape) else np.moveaxis(x, -1, 1)
    z = found.normalizer.apply(np.moveaxis(given, 0, -1), np.dtype(np.float32))
    y = np.moveaxis(network.forward(found.params, z, Pass())[0], -1, 0)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(y.reshape(expected.shape), expected, rtol=0, atol=tolerance * scale)
    return found


WINDOWS = [
    {"pads": [0, 1, 1, 0]},
    {"pads": [1, 1, 1, 1], "strides": [2, 1]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 3]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"auto_pad": "VALID"},
    {},
]


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("dilations", [[1, 1], [2, 1]])
@pytest.mark.parametrize("group", [1, 2])
def test_convolution(tmp_path, options, dilations, group):
    if options.get("auto_pad", "").startswith("SAME"):
        dilations = [1, 1]  # onnxruntime has no other
    W, b = numbers(4, 4 // group, 3, 2), numbers(4)
    check(one("Conv", (4, 8, 7), W, b, group=group, dilations=dilations, **options), tmp_path)


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("dilations", [[1, 1], [2, 2]])
def test_max_pooling(tmp_path, options, ceil_mode, dilations):
    if "auto_pad" in options:
        ceil_mode, dilations = 0, [1, 1]  # onnxruntime takes no notice of them here
    options = {**options, "ceil_mode": ceil_mode, "dilations": dilations}
    check(one("MaxPool", (2, 8, 7), kernel_shape=[3, 2], **options), tmp_path)


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("count_include_pad", [0, 1])
@pytest.mark.parametrize("opset", [11, 19])
def test_average_pooling(tmp_path, options, count_include_pad, opset):
    options = {**options, "kernel_shape": [3, 2], "count_include_pad": count_include_pad}
    check(one("AveragePool", (2, 8, 7), opset=opset, **options), tmp_path)


@pytest.mark.parametrize("dilations", [[2, 1], [2, 3]])
def test_dilated_average_pooling(tmp_path, dilations):
    options = {"kernel_shape": [3, 2], "dilations": dilations, "pads": [1, 0, 1, 1]}
    check(one("AveragePool", (2, 8, 7), opset=19, **options), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"strides": [2, 3], "output_padding": [1, 2]},
        {"strides": [2, 2], "pads": [1, 1, 0, 0]},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
        {"strides": [2, 2], "output_shape": [15, 13]},
    ],
)
def test_transposed_convolution(tmp_path, options):
    check(one("ConvTranspose", (2, 8, 7), numbers(2, 3, 3, 3), numbers(3), **options), tmp_path)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("shape", [(3,), (1, 3), (1,), ()])
def test_gemm(tmp_path, alpha, beta, shape):
    for transB in (0, 1):
        W = numbers(3, 5) if transB else numbers(5, 3)
        options = {"alpha": alpha, "beta": beta, "transB": transB}
        check(one("Gemm", (5,), W, numbers(*shape), **options), tmp_path)


UNARY = {
    "Relu": [{}], "Sigmoid": [{}], "Tanh": [{}], "Softplus": [{}], "Softsign": [{}],
    "LeakyRelu": [{}, {"alpha": 0.3}], "Elu": [{}, {"alpha": 0.3}], "Selu": [{}],
    "Celu": [{}, {"alpha": 2.0}], "HardSigmoid": [{}, {"alpha": 0.3, "beta": 0.4}],
    "HardSwish": [{}], "ThresholdedRelu": [{}, {"alpha": 0.5}], "Mish": [{}],
}  # fmt: skip


@pytest.mark.parametrize("kind", UNARY)
def test_activations(tmp_path, kind):
    for options, shape in itertools.product(UNARY[kind], ((5,), (2, 3, 4))):
        check(one(kind, shape, **options), tmp_path)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(tmp_path, approximate):
    check(one("Gelu", (5,), opset=20, approximate=approximate), tmp_path)


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-1.0, 1.0), (-0.5, 2.0)])
def test_clip(tmp_path, low, high):
    check(one("Clip", (5,), np.float32(low), np.float32(high)), tmp_path)
    check(one("Clip", (5,), opset=6, min=low, max=high), tmp_path)


@pytest.mark.parametrize("slope", [(3, 1, 1), (1,)])
def test_prelu(tmp_path, slope):
    check(one("PRelu", (3, 2, 2), numbers(*slope)), tmp_path)


@pytest.mark.parametrize(
    ("opset", "axis", "shape"), [(18, 1, (5,)), (18, -1, (5,)), (18, 1, (3, 2, 2)), (11, 1, (5,))]
)
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_softmax(tmp_path, kind, opset, axis, shape):
    check(one(kind, shape, opset=opset, axis=axis), tmp_path)


def statistics(c):
    return numbers(c), numbers(c), numbers(c), np.abs(numbers(c))


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
@pytest.mark.parametrize("shape", [(3,), (3, 2, 2)])
def test_batch_normalization(tmp_path, opset, shape):
    model = one("BatchNormalization", shape, *statistics(3), opset=opset, epsilon=1e-3)
    assert check(model, tmp_path).items[0].layer.epsilon == 1e-3


def test_normalization_within_a_sample(tmp_path):
    check(one("InstanceNormalization", (3, 4, 2), numbers(3), numbers(3), epsilon=1e-3), tmp_path)
    check(one("LayerNormalization", (3, 4, 2), *numbers(2, 3, 4, 2), axis=1), tmp_path)
    check(one("LRN", (6, 2, 2), size=3, alpha=0.5, beta=0.7, bias=2.0), tmp_path)
    check(one("GroupNormalization", (4, 3, 2), *numbers(2, 4), opset=21, num_groups=2), tmp_path)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_padding(tmp_path, mode):
    pads = np.array([0, 0, 1, 2, 0, 0, 0, 1])
    check(one("Pad", (2, 4, 4), pads, mode=mode), tmp_path)
    check(one("Pad", (2, 4, 4), pads, np.float32(0.5)), tmp_path)
    check(one("Pad", (2, 4, 4), opset=10, pads=pads.tolist(), mode=mode), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
         "nearest_mode": "floor"},
        {"mode": "nearest"},
        {"mode": "linear"},
    ],
)  # fmt: skip
def test_resizing(tmp_path, options):
    scales = np.array([1, 1, 2, 3], np.float32)
    names = ["x", "", "s"]
    check(model_of([node("Resize", names, ["y"], **options)], (2, 3, 4), s=scales), tmp_path)
    sizes = np.array([3, 2, 6, 12])
    nodes = [node("Resize", ["x", "", "", "s"], ["y"], **options)]
    check(model_of(nodes, (2, 3, 4), s=sizes), tmp_path)


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("kind", ["ReduceMean", "ReduceMax"])
def test_global_pooling(tmp_path, kind, keepdims):
    check(one(kind, (2, 3, 4), np.array([2, 3]), keepdims=keepdims), tmp_path)
    check(one(kind, (2, 3, 4), opset=11, axes=[-1, -2], keepdims=keepdims), tmp_path)


def test_arithmetic_with_constants(tmp_path):
    for kind, shape in itertools.product(("Add", "Sub", "Mul", "Div"), ((), (3, 1, 1))):
        nodes = [node("Relu", ["x"], ["a"]), node(kind, ["a", "c"], ["y"])]
        found = check(model_of(nodes, (3, 4, 2), c=numbers(*shape) + 3), tmp_path)
        assert [item.layer.kind for item in found.items] == ["relu", "conv2d"]
    for kind, shape in (("Sub", ()), ("Add", (5,)), ("Mul", (5,))):
        nodes = [node("Relu", ["x"], ["a"]), node(kind, ["c", "a"], ["y"])]
        check(model_of(nodes, (5,), c=numbers(*shape)), tmp_path)


def test_what_is_done_to_the_input_is_its_normalization(tmp_path):
    nodes = [
        node("Sub", ["x", "a"], ["b"]), node("Div", ["b", "c"], ["d"]), node("Relu", ["d"], ["y"])
    ]  # fmt: skip
    for shape, kind in (((), "unit"), ((3, 1, 1), "per_channel"), ((3, 4, 2), "per_feature")):
        constants = {"a": numbers(*shape), "c": np.abs(numbers(*shape)) + 1}
        assert check(model_of(nodes, (3, 4, 2), **constants), tmp_path).normalize == kind


def test_channels_last(tmp_path):
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[0, 3, 1, 2]),
        node("Conv", ["a", "W"], ["b"]),
        node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
        node("Add", ["c", "bias"], ["d"]),
        node("Relu", ["d"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("MatMul", ["f", "V"], ["g"]),
        node("Add", ["g", "v"], ["y"]),
    ]
    constants = {
        "W": numbers(4, 3, 2, 2), "bias": numbers(4), "V": numbers(4 * 3 * 5, 6), "v": numbers(6)
    }  # fmt: skip
    found = check(model_of(nodes, (4, 6, 3), **constants), tmp_path)
    assert found.in_shape == (3, 4, 6)
    assert [item.layer.kind for item in found.items] == ["conv2d", "relu", "flatten", "dense"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: one("Erf", (5,)), "node 'my Erf' (Erf): this operator is not supported"),
        (lambda: one("Gemm", (5,), numbers(5, 3), transA=1),
         "node 'my Gemm' (Gemm): transA = 1 is not supported; it must be 0"),
        (lambda: one("Flatten", (5, 2, 2), axis=2), "node 'my Flatten' (Flatten): axis = 2"),
        (lambda: one("Softmax", (3, 2, 2), axis=3), "node 'my Softmax' (Softmax): axis = 3; only"),
        (lambda: one("BatchNormalization", (3,), *statistics(3), opset=15, training_mode=1),
         "node 'my BatchNormalization' (BatchNormalization): training_mode = 1 is not"),
        (lambda: one("Transpose", (3, 2, 2), perm=[1, 0, 2, 3]), "(Transpose): perm = [1, 0"),
        (lambda: one("Reshape", (4,), np.array([-1, 2])), "(Reshape): shape [-1, 2] for samples"),
        (lambda: one("Conv", (4, 8, 7), numbers(4, 3, 3, 2)), "(Conv): its arrays are"),
        (lambda: one("Conv", (4, 2, 2), numbers(4, 4, 3, 3)), "(Conv): a window of 3x3 does not"),
        (lambda: one("ConvTranspose", (2, 3, 3), numbers(2, 3, 2, 2), group=2), "group = 2 is not"),
        (lambda: one("Pad", (2, 3, 3), np.array([1, 0, 0, 0] * 2)), "only rows and columns"),
        (lambda: one("Mul", (5,), numbers(5), opset=18), "no layers to be trained"),
        (lambda: model_of([node("Conv", ["x", "x"], ["y"])], (2, 2, 2)), "must be a constant"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_by_the_node(tmp_path, model, message):
    made = model()
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(DataError) as caught:
        read_onnx(tmp_path / "m.onnx", loss="squared_error")
    assert message in str(caught.value)
    assert "m.onnx" in str(caught.value)

"""The ONNX model of a network, checked before it is written."""

from pathlib import Path
from typing import Any

from cnntrain import __version__
from cnntrain.data.normalize import Normalizer
from cnntrain.errors import ConfigError, DataError
from cnntrain.exchange.about import as_texts
from cnntrain.exchange.extras import check_folder, needed
from cnntrain.exchange.model import Affine, Model
from cnntrain.exchange.onnx_out.builder import Builder
from cnntrain.exchange.onnx_out.mapping import MAPPINGS, Place
from cnntrain.files import atomic_write
from cnntrain.network.graph import AT_INPUT
from cnntrain.types import Shape

OPSET, OLDEST_OPSET = 18, 17  # layer normalization is an operator from 17 on
IR = 10  # the version of the file format, unless a newer opset needs a newer one
INPUT, OUTPUT, SAMPLES = "input", "output", "N"
LARGEST = (1 << 31) - 1  # bytes of a protobuf message


def write_onnx(model: Model, path: Path, opset: int = OPSET) -> None:
    """Write the model as ONNX, completely or not at all.

    Input (N, C, H, W) or (N, J) in float32, N free; output what the last layer gives. Class names
    and the like are metadata under ``cnntrain.``. ``DataError`` if ``onnx`` is missing or the
    model is not valid, ``ConfigError`` for an opset that cannot be written.
    """
    check_folder(path)
    onnx = needed("onnx", "onnx", "an ONNX model")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise ConfigError(f"--opset {opset}: must be from {OLDEST_OPSET} to {newest}")
    made = onnx_model(model, opset)
    if made.ByteSize() > LARGEST:
        raise DataError(f"{path}: the model has more than 2 GB, the most that one ONNX file holds")
    try:
        onnx.checker.check_model(made, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: not written, since onnx.checker found: {reason}") from None
    content = made.SerializeToString(deterministic=True)
    with atomic_write(path, len(content)) as file:
        file.write(content)


def onnx_model(model: Model, opset: int = OPSET) -> Any:
    """The model as ONNX's protocol buffer."""
    build = Builder(opset)
    values = {AT_INPUT: _normalized(build, model.preprocessing)}
    for k, node in enumerate(model.network.nodes):
        build.layer = node.name
        inputs = [values[i] for i in node.inputs]
        place = Place(build, node, node.own(model.params), inputs)
        values[k] = MAPPINGS[node.layer.kind](place)
    _in_units_of_data(build, values[len(values) - 2], model.preprocessing)
    build.nodes[-1].output[0] = OUTPUT
    return _finished(build, model)


def _normalized(build: Builder, normalizer: Normalizer | None) -> str:
    """The input as the network reads it."""
    if normalizer is None or Affine.of(normalizer).changes_nothing:
        return INPUT
    build.layer, affine, x = "normalize", Affine.of(normalizer), INPUT
    for name, shift in (("shift", affine.shift), ("rest", affine.rest)):
        if shift.any():
            x = build.op("Sub", x, build.constant(name, shift[None]))
    return build.op("Mul", x, build.constant("factor", affine.factor[None]))


def _in_units_of_data(build: Builder, output: str, normalizer: Normalizer | None) -> None:
    """Real-valued outputs that were normalized in training, undone."""
    if normalizer is not None and (targets := normalizer.of_targets) is not None:
        build.layer = "targets"
        build.affine(output, targets.scale[None], targets.shift[None])


def _finished(build: Builder, model: Model) -> Any:
    helper = build.onnx.helper
    graph = helper.make_graph(
        build.nodes,
        model.name,
        [_value(build, INPUT, model.network.in_shape)],
        [_value(build, OUTPUT, model.network.out_shape)],
        list(build.constants.values()),
    )
    sets = [helper.make_opsetid("", build.opset)]
    made = helper.make_model(
        graph,
        opset_imports=sets,
        ir_version=max(IR, helper.find_min_ir_version_for(sets)),
        producer_name="cnntrain",
        producer_version=__version__,
    )
    helper.set_model_props(made, as_texts(model.schema, model.loss))
    return made


def _value(build: Builder, name: str, shape: Shape) -> Any:
    number = build.onnx.TensorProto.FLOAT
    return build.onnx.helper.make_tensor_value_info(name, number, [SAMPLES, *shape])

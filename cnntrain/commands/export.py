"""``cnntrain export``: the network of a checkpoint as a file for other tools."""

from pathlib import Path

from cnntrain.errors import ConfigError, ExitCode
from cnntrain.exchange.model import Model
from cnntrain.exchange.numpy_file import write_numpy
from cnntrain.exchange.onnx_out import write_onnx
from cnntrain.exchange.onnx_out.file import OPSET
from cnntrain.exchange.safetensors_file import write_safetensors
from cnntrain.runs.checkpoint import best_checkpoint, load
from cnntrain.runs.names import resolve
from cnntrain.text import printable

ENDINGS = (".onnx", ".py", ".safetensors")


def run_export(path: Path, out: Path, opset: int | None, with_preprocessing: bool) -> ExitCode:
    """Write the file that the ending asks for, and print its name."""
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ConfigError(f"{out}: the ending must be one of {known}; it chooses the format")
    if opset is not None and ending != ".onnx":
        raise ConfigError("--opset is for ONNX; name a file that ends in .onnx, or remove it")
    model = Model.of(load(best_checkpoint(resolve(path))), with_preprocessing)
    for written in _write(model, out, opset or OPSET):
        print(printable(f"wrote {written}"))
    return ExitCode.DONE


def _write(model: Model, out: Path, opset: int) -> list[Path]:
    """Write the model; the files that were written."""
    if out.suffix.lower() == ".py":
        return write_numpy(model, out)
    if out.suffix.lower() == ".safetensors":
        write_safetensors(model, out)
    else:
        write_onnx(model, out, opset)
    return [out]

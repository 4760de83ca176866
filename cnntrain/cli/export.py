"""``cnntrain export``: a trained network for other tools."""

from pathlib import Path

import click


@click.command("export")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--opset", type=int, help="Version of the ONNX operators. [default: 18]")
@click.option(
    "--without-preprocessing",
    is_flag=True,
    help="Leave out the normalization of inputs and targets.",
)
def command(checkpoint: Path, file: Path, opset: int | None, without_preprocessing: bool) -> int:
    """Write a trained network as FILE, for other tools.

    CHECKPOINT is a .npz file, a run folder (its best checkpoint), or a name (its newest run). The
    ending of FILE chooses the format:

    \b
      .onnx           ONNX: input (N, C, H, W) with any N, normalization in the graph, class names
                      as metadata; needs the extra: pip install "cnntrain[onnx]"
      .py             Python that needs only NumPy, with its weights in FILE.npz beside it
      .safetensors    the weights under the names of PyTorch's state_dict ('conv1.weight'), class
                      names and normalization as metadata; extra: "cnntrain[safetensors]"

    \b
    Examples:
      cnntrain export runs/digits/1 digits.py
      cnntrain export runs/digits/1 digits.onnx
      cnntrain export digits digits.onnx --opset 20 --without-preprocessing
    """
    from cnntrain.commands.export import run_export

    return int(run_export(checkpoint, file, opset, not without_preprocessing))

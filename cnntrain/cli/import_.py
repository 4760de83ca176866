"""``cnntrain import``: a model of another tool as a config and a checkpoint."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, settings_option


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to make, for the config and the checkpoint.",
)
@click.option(
    "--like",
    type=click.Path(path_type=Path),
    metavar="CONFIG",
    help="Data, loss and training of the imported model. [default: noise, and usual ones]",
)
@click.option("--output", metavar="NAME", help="Read an ONNX model up to this value.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE.safetensors",
    help="Take the weights from this file; the network is that of a config, FILE.",
)
@settings_option
@data_dir_option
def command(
    file: Path,
    out: Path,
    like: Path | None,
    output: str | None,
    weights: Path | None,
    settings: tuple[str, ...],
    data_dir: Path | None,
) -> int:
    """Make a config and a checkpoint of a model from another tool.

    FILE is an ONNX model (extra: pip install "cnntrain[onnx]"), or a config whose weights are in
    FILE.safetensors (extra: "cnntrain[safetensors]") under the names of PyTorch's state_dict:
    'conv1.weight' for a layer 'conv1', or numbers ('0.weight') as nn.Sequential gives them.

    \b
    Examples:
      cnntrain import model.onnx --out imported
      cnntrain import model.onnx --like configs/digits.yaml --out imported
      cnntrain import --weights model.safetensors configs/digits.yaml --out imported

    \b
    What can be done with it:
      cnntrain eval imported --data FILE.npz
      cnntrain gradcheck imported
      cnntrain trace imported
      cnntrain fit imported/config.yaml --init-from imported
    """
    from cnntrain.commands.import_ import ImportOptions, run_import

    options = ImportOptions(
        out=out,
        weights=weights,
        like=like,
        output=output,
        settings=settings,
        data_dir=data_dir,
    )
    return int(run_import(file, options))

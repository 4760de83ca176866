"""``cnntrain gradcheck``: prove the gradients."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, engine_option, json_option, seed_option


@click.command("gradcheck")
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option(
    "--tol",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-5,
    show_default=True,
    help="Largest allowed relative error.",
)
@click.option(
    "--module",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.py",
    help="Check functions of your own instead, such as conv2d_backward.",
)
@seed_option
@json_option
@data_dir_option
@engine_option
def command(
    target: Path | None,
    tol: float,
    module: Path | None,
    seed: int | None,
    as_json: bool,
    data_dir: Path | None,
) -> int:
    """Prove gradients by central differences.

    Without TARGET: every layer and loss, on small built-in cases. With a config, a checkpoint or a
    run folder: the whole network on a random batch, every parameter array and the input; all
    entries of small arrays, sampled entries and random directions of large ones. Exit code 4 if a
    gradient is wrong.

    With --module, the functions of a Python file, in a process of its own, on random geometries:
    KIND_forward(x, ...) gives y, and KIND_backward(dy, x, ...) gives (dx, dW, ...). The batch is
    the last axis. The kinds and their further arguments:

    \b
      dense(W, b)   conv2d(W, b, stride, padding)   max_pool2d, avg_pool2d(size, stride)
      relu, sigmoid, tanh, softmax()   batch_norm, layer_norm(gamma, beta, epsilon)
    Losses have no dy: cross_entropy_backward(z, labels), squared_error_backward(z, t),
    binary_cross_entropy_backward(z, t); their forward is the mean over the samples.
    Shapes: x (J, N) or (C, H, W, N), W (K, J) or (F, C, KH, KW), b, gamma, beta (K, 1).

    \b
    Examples:
      cnntrain gradcheck --module student.py
      cnntrain gradcheck
      cnntrain gradcheck configs/mnist-lenet5.yaml
      cnntrain gradcheck runs/digits/1 --json
    """
    from cnntrain.commands.gradcheck import run_gradcheck, run_module_check

    if module is not None and target is not None:
        raise click.UsageError("give TARGET or --module, not both")
    if module is not None:
        return int(run_module_check(module, seed or 0, as_json))
    return int(run_gradcheck(target, tol, seed, as_json, data_dir))

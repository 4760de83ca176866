"""The weights of a checkpoint for another training."""

from collections.abc import Sequence

from cnntrain.errors import CheckpointError, ConfigError
from cnntrain.registry import did_you_mean
from cnntrain.runs.checkpoint import Checkpoint
from cnntrain.training.experiment import Experiment
from cnntrain.types import Params


def weights_for(
    found: Checkpoint, experiment: Experiment, left_out: Sequence[str] = ()
) -> tuple[Params, list[str]]:
    """(the weights of a checkpoint that fit another network, why others were not taken).

    Arrays are matched by name and shape. ``left_out``: layers that keep their own first weights.
    If the checkpoint has moving averages of its weights, it is these that are taken.
    """
    weights, network = found.state.evaluated(), experiment.network
    layers = {node.name for node in network.nodes}
    for name in left_out:
        if name not in layers:
            raise ConfigError(f"--except {name}: no such layer{did_you_mean(name, layers)}")
    taken, reasons = {}, []
    for name, param in network.params.items():
        array = weights.get(name)
        if name.rpartition(".")[0] in left_out:
            continue
        if array is None or array.shape != param.shape:
            have = "absent" if array is None else f"{array.shape}"
            reasons.append(f"{name}: {have} in the checkpoint, {param.shape} in the config")
        else:
            taken[name] = array.astype(experiment.plan.numpy_dtype)
    reasons += [
        f"{name}: {array.shape} in the checkpoint, absent in the config"
        for name, array in weights.items()
        if name not in network.params
    ]
    if not taken:
        lines = "".join(f"\n  {reason}" for reason in reasons)
        raise CheckpointError(f"{found.path}: none of its arrays fits the config's network:{lines}")
    return taken, reasons

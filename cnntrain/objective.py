"""The function that training minimises: C(W) = 1/m Σ_n cost_n + λ/2m Σ W² (seed 001)."""

from dataclasses import dataclass

import numpy as np

from cnntrain.losses import Loss
from cnntrain.network import Network, Pass
from cnntrain.types import Array, Arrays, Params


@dataclass(frozen=True)
class Outcome:
    """One forward and backward pass: outputs, summed loss, gradients of the mean loss."""

    z: Array
    loss: float  # Σ_n cost over these samples
    grads: Params
    dx: Array | None


def forward_backward(
    network: Network,
    loss: Loss,
    params: Arrays,
    x: Array,
    y: Array,
    run: Pass,
    m: int,
    need_dx: bool = False,
) -> Outcome:
    """Gradients of 1/m Σ cost over the samples (x, y), which may be a part of the m samples."""
    z, caches = network.forward(params, x, run)
    total, delta = loss.forward(z, y)
    delta *= 1 / m
    dx, grads = network.backward(params, caches, delta, need_dx)
    return Outcome(z, total, grads, dx)


def penalty(network: Network, params: Arrays, decay: float) -> float:
    """½ decay Σ W² over all weights, decay = λ/m; biases are left out."""
    squares = (
        float(np.sum(params[name] * params[name], dtype=np.float64))
        for name, param in network.params.items()
        if param.is_weight
    )
    return 0.5 * decay * sum(squares) if decay else 0.0


def add_penalty_gradient(network: Network, params: Arrays, grads: Params, decay: float) -> None:
    """∂C/∂W += decay W for every weight."""
    if decay:
        for name, param in network.params.items():
            if param.is_weight:
                grads[name] = grads[name] + decay * params[name]

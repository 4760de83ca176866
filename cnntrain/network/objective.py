"""The function that training minimizes: C(W) = Σ_terms weight · 1/m Σ_n cost_n + penalties.

Penalties: λ₂/2m Σ W² + λ₁/m Σ |W| over all weights, each array times its ``decay_mult``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from cnntrain.layers import Steps, alone
from cnntrain.losses import Loss
from cnntrain.network.network import Network, Pass, Ready
from cnntrain.ops.sums import scaled
from cnntrain.registry import Spec
from cnntrain.types import Array, Arrays, Params, Positive


@dataclass(frozen=True, kw_only=True)
class LossTerm(Spec):
    """One loss, on the last layer or on the item named ``output``, times ``weight``."""

    loss: Loss
    output: str | None = None
    weight: Positive = 1.0

    @classmethod
    def expand(cls, options: Any) -> Any:
        """``{cross_entropy: {...}, output: aux, weight: 0.3}``: separate the loss from the rest."""
        if not isinstance(options, dict):
            return {"loss": options}
        own = {key: options[key] for key in ("output", "weight") if key in options}
        return {"loss": {key: options[key] for key in options if key not in own}, **own}

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        """The inverse of ``expand``."""
        loss, output, weight = options["loss"], options["output"], options["weight"]
        beside = {"output": output} if output else {}
        beside |= {"weight": weight} if weight != 1.0 else {}
        if not beside:
            return loss
        return {**({loss: {}} if isinstance(loss, str) else loss), **beside}


@dataclass(frozen=True)
class Objective:
    """All losses of a network: one on its last layer, and any number on its heads."""

    terms: tuple[LossTerm, ...]

    @cached_property
    def main(self) -> LossTerm:
        """The loss on the last layer."""
        return next(term for term in self.terms if term.output is None)

    @cached_property
    def on_heads(self) -> tuple[LossTerm, ...]:
        """The losses on outputs inside the network, in the order of ``Network.heads``."""
        return tuple(term for term in self.terms if term.output is not None)

    def named(self, classes: Sequence[str] | None) -> "Objective":
        """This objective with options given by class name put in the order of the classes."""
        return Objective(tuple(replace(t, loss=t.loss.named(classes)) for t in self.terms))

    def fitted(self, y: Array, classes: int | None) -> "Objective":
        """This objective with losses adjusted to the training targets (balanced class weights)."""
        return Objective(tuple(replace(t, loss=t.loss.fitted(y, classes)) for t in self.terms))

    def forward(
        self, z: Array, heads: Mapping[int, Array], y: Array
    ) -> tuple[float, Array, dict[int, Array]]:
        """(Σ_n cost, δ at the output, δ at the heads), summed over the samples."""
        total, delta = _weighted(self.main, z, y)
        deltas = {}
        for term, (node, value) in zip(self.on_heads, heads.items(), strict=True):
            cost, deltas[node] = _weighted(term, value, y)
            total += cost
        return total, delta, deltas


def _weighted(term: LossTerm, z: Array, y: Array) -> tuple[float, Array]:
    total, delta = term.loss.forward(z, y)
    return term.weight * total, delta if term.weight == 1.0 else scaled(delta, term.weight)


@dataclass(frozen=True)
class Outcome:
    """One forward and backward pass over some samples."""

    z: Array
    loss: float  # Σ_n cost
    grads: Params
    buffers: Params  # new running statistics
    dx: Array | None


def forward_backward(
    network: Network,
    objective: Objective,
    params: Arrays,
    x: Array,
    y: Array,
    run: Pass,
    need_dx: bool = False,
) -> Outcome:
    """Gradients of 1/m Σ cost over the m samples (x, y)."""
    m = x.shape[-1]
    return alone(
        forward_backward_steps(
            network,
            objective,
            params,
            x=x,
            y=y,
            run=run,
            m=m,
            need_dx=need_dx,
        )
    )


def forward_backward_steps(
    network: Network,
    objective: Objective,
    params: Arrays,
    x: Array,
    y: Array,
    run: Pass,
    m: int,
    need_dx: bool = False,
    ready: Ready | None = None,
) -> Steps[Outcome]:
    """``forward_backward`` of one shard (x, y) of a batch of m samples."""
    z, caches = yield from network.forward_steps(params, x, run)
    total, delta, head_deltas = loss_and_delta(objective, z, caches.heads, y, m)
    buffers = network.buffers(params, caches)
    of = (params, caches, delta, need_dx, head_deltas)
    dx, grads = yield from network.backward_steps(*of, ready)
    return Outcome(z, total, grads, buffers, dx)


def loss_and_delta(
    objective: Objective, z: Array, heads: Mapping[int, Array], y: Array, m: int
) -> tuple[float, Array, dict[int, Array]]:
    """(Σ_n cost, δ at the output, δ at the heads) of a shard of a batch of m samples."""
    total, delta, head_deltas = objective.forward(z, heads, y)
    return total, scaled(delta, 1 / m), {k: scaled(d, 1 / m) for k, d in head_deltas.items()}


@dataclass(frozen=True)
class Penalty:
    """½ l2 Σ W² + l1 Σ |W|, with l2 = λ₂/m and l1 = λ₁/m; each array times its ``decay_mult``."""

    l2: float = 0.0
    l1: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.l2 or self.l1)

    def value(self, network: Network, params: Arrays) -> float:
        """The penalty on all arrays."""
        if not self:
            return 0.0
        return sum(
            param.decay_mult * self._on(params[name])
            for name, param in network.params.items()
            if param.decay_mult
        )

    def _on(self, W: Array) -> float:
        return 0.5 * self.l2 * _total(np.square(W)) + self.l1 * _total(abs(W))

    def add_gradient(self, network: Network, params: Arrays, grads: Params) -> None:
        """∂C/∂W += l2 W + l1 sign(W)."""
        for name, param in network.params.items() if self else ():
            W, mult = params[name], param.decay_mult
            if self.l2 and mult:
                grads[name] = grads[name] + (self.l2 * mult) * W
            if self.l1 and mult:
                grads[name] = grads[name] + (self.l1 * mult) * np.sign(W)


def _total(array: Array) -> float:
    return float(np.sum(array, dtype=np.float64))

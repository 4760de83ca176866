"""Timing of a training step: milliseconds per layer and for everything around the layers."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cnntrain.layers import Context, Layer
from cnntrain.native import current
from cnntrain.network.graph import Node
from cnntrain.network.network import Pass, by_numpy
from cnntrain.network.objective import forward_backward
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.experiment import Experiment
from cnntrain.training.feed import Feed, load_shard, own_shards, shard_slices
from cnntrain.training.state import State
from cnntrain.training.step import train_step
from cnntrain.training.update import update
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays, Params, Shape

WARM_UP = 3  # steps


@dataclass(frozen=True)
class LayerTime:
    """The shortest time of one layer over all runs, for one shard on one thread."""

    name: str
    kind: str
    out_shape: Shape
    forward_ms: float
    backward_ms: float
    gflops: float  # 10⁹ operations per second, the backward pass counted as two forward passes
    megabytes: float  # of its output


@dataclass(frozen=True)
class StepTimes:
    """Shortest time of a step in milliseconds, and of its parts for one of its shards.

    The input is loaded in the background.
    """

    shards: int
    samples: int  # of the shard
    layers: list[LayerTime]
    loss_ms: float
    update_ms: float
    input_ms: float
    step_ms: float
    engine: str
    by_numpy: tuple[str, ...]  # layers for which the engine has no compiled kernels


@dataclass(frozen=True)
class RankTimes:
    """The mean time of a step on one rank in milliseconds, and what it went into."""

    rank: int
    shards: int
    step_ms: float
    compute_ms: float
    communication_ms: float
    waiting_ms: float
    hidden_ms: float  # of communication and waiting, behind the passes


class Stopwatch(Layer):
    """A layer that delegates to another and records how long that takes."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.joins = layer.joins  # type: ignore[misc]  # of the layer inside
        self.forward_s: list[float] = []
        self.backward_s: list[float] = []

    def forward(self, params: Arrays, x: Any, ctx: Context) -> tuple[Array, Any]:
        began = time.perf_counter()
        result = self.layer.forward(params, x, ctx)
        self.forward_s.append(time.perf_counter() - began)
        return result

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Params]:
        began = time.perf_counter()
        result = self.layer.backward(params, cache, dy, need_dx)
        self.backward_s.append(time.perf_counter() - began)
        return result


class Least:
    """The shortest of the recorded times, in milliseconds."""

    def __init__(self) -> None:
        self.ms = float("inf")

    def of(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run ``work``, record its time and return its result."""
        began = time.perf_counter()
        result = work(*arguments)
        self.ms = min(self.ms, 1e3 * (time.perf_counter() - began))
        return result


def time_step(
    experiment: Experiment, state: State, clock: Clock, workers: Workers, runs: int
) -> StepTimes:
    """Time ``runs`` steps as a whole, then as many in parts."""
    step, loss, change, read = (Least() for _ in range(4))
    with Feed(experiment, clock) as feed:
        for _ in range(runs):
            step.of(train_step, experiment, state, workers, clock, feed)
        indices = feed.indices(0)
    watched = [replace(node, layer=Stopwatch(node.layer)) for node in experiment.fast_network.nodes]
    network = replace(experiment.fast_network, nodes=tuple(watched))
    run, objective = Pass(training=True, seed=experiment.plan.seed), experiment.objective
    for _ in range(runs):
        x, y = read.of(load_shard, experiment, indices, 0, 0)
        out = forward_backward(network, objective, state.params, x, y, run)
        loss.of(objective.main.loss.forward, out.z, y)
        change.of(update, experiment, state, out.grads, 0.0)
    found = [_layer_time(node, x.shape[-1], experiment) for node in watched]
    shards = len(shard_slices(experiment, len(indices)))
    return StepTimes(
        shards=shards,
        samples=x.shape[-1],
        layers=found,
        loss_ms=loss.ms,
        update_ms=change.ms,
        input_ms=read.ms,
        step_ms=step.ms,
        engine=str(current()),
        by_numpy=by_numpy(experiment.fast_network),
    )


def time_rank(
    experiment: Experiment, state: State, clock: Clock, workers: Workers, runs: int
) -> RankTimes:
    """Time ``runs`` steps that all ranks make together, after some in which passes are recorded."""
    team = workers.team
    with Feed(experiment, clock, team) as feed:
        for _ in range(WARM_UP):
            train_step(experiment, state, workers, clock, feed)
        began, before, aside = time.perf_counter(), team.spent_s, _aside(workers)
        for _ in range(runs):
            train_step(experiment, state, workers, clock, feed)
        step = time.perf_counter() - began
        samples = len(feed.indices(0))
    talking, waiting = _since(before, team.spent_s)
    spent, waited = _since(aside, _aside(workers))
    waiting += waited
    seconds = (step, step - talking - waiting, talking, waiting, max(0.0, spent - waited))
    shards = len(own_shards(experiment, samples, team))
    return RankTimes(team.rank, shards, *(1e3 * s / runs for s in seconds))


def _aside(workers: Workers) -> tuple[float, float]:
    return workers.messenger.spent_s if workers.messenger else (0.0, 0.0)


def _since(before: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    return now[0] - before[0], now[1] - before[1]


def _layer_time(node: Node, samples: int, experiment: Experiment) -> LayerTime:
    watch: Any = node.layer
    forward, backward = (min(times, default=0.0) for times in (watch.forward_s, watch.backward_s))
    work = 3.0 * watch.layer.flops(node.in_shape) * samples
    numbers = samples
    for size in node.out_shape:
        numbers *= size
    return LayerTime(
        name=node.name,
        kind=watch.layer.kind,
        out_shape=node.out_shape,
        forward_ms=1e3 * forward,
        backward_ms=1e3 * backward,
        gflops=work / (forward + backward) / 1e9 if forward + backward else 0.0,
        megabytes=numbers * experiment.plan.numpy_dtype.itemsize / 1e6,
    )

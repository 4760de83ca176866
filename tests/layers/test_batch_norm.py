"""Batch normalization equals PyTorch, however the batch is split into shards, and in evaluation."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnntrain.diagnostics.differences import check_array
from cnntrain.diagnostics.gradcheck import spread
from cnntrain.errors import ConfigError
from cnntrain.layers.base import alone
from cnntrain.layers.batch_norm import BatchNorm, BatchNormAdd, BatchNormAddRelu, BatchNormRelu
from cnntrain.metrics.sums import add_sums
from cnntrain.native import NUMPY, available, using
from cnntrain.native.engine import native
from cnntrain.network.network import Pass
from cnntrain.training.shards import cut
from cnntrain.training.state import start
from cnntrain.training.workers import Workers

IMAGE_NET = [
    {"conv2d": {"filters": 3, "kernel": 3}},
    {"batch_norm": {"momentum": 0.7}},
    "relu",
    "flatten",
    {"dense": {"units": 5}},
    "batch_norm",
    {"dense": {"units": 10}},
]


def random_case(shape, seed, scale=1.0):
    """(params, x, dy): x has a mean far from 0."""
    rng = np.random.default_rng(seed)
    declared = BatchNorm().params(shape[:-1])
    params = {letter: rng.uniform(0.5, 1.5, param.shape) for letter, param in declared.items()}
    return params, 3 + scale * rng.standard_normal(shape), rng.standard_normal(shape)


def pass_of(layer, params, x, dy, ctx):
    """Steps: (y, dx, grads, buffers)."""
    y, cache = yield from layer.forward_steps(params, x, ctx)
    buffers = layer.buffers(params, cache)
    dx, grads = yield from layer.backward_steps(params, cache, dy)
    return y, dx, grads, buffers


def in_shards(layer, params, x, dy, ctx, shards, threads=2):
    """The results of ``pass_of`` for every shard."""
    with Workers(threads) as workers:
        slices = cut(x.shape[-1], shards)
        steps = [pass_of(layer, params, x[..., s], dy[..., s], ctx) for s in slices]
        return workers.together(steps, add_sums)


def theirs(torch, layer, params, rank):
    """PyTorch's layer with the same options and arrays."""
    kind = torch.nn.BatchNorm1d if rank == 2 else torch.nn.BatchNorm2d
    module = kind(len(params["gamma"]), eps=layer.epsilon, momentum=1 - layer.momentum).double()
    names = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
    state = {name: torch.tensor(params[letter][:, 0]) for letter, name in names.items()}
    module.load_state_dict(state, strict=False)
    return module


def sample_first(torch, array):
    return torch.tensor(np.moveaxis(array, -1, 0).copy())


def sample_last(tensor):
    return np.moveaxis(tensor.detach().numpy(), 0, -1)


shapes = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(2, 9)),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(2, 5)),
)


@settings(max_examples=40)
@given(shape=shapes, seed=st.integers(0, 99), momentum=st.sampled_from([0.0, 0.5, 0.9, 0.99]))
def test_training_equals_pytorch_over_several_steps(torch, training, shape, seed, momentum):
    layer = BatchNorm(momentum=momentum, epsilon=1e-3)
    params, *_ = random_case(shape, seed)
    module = theirs(torch, layer, params, len(shape))
    for step in range(3):
        _, x, dy = random_case(shape, (seed, step), scale=1 + step)
        y, dx, grads, buffers = in_shards(layer, params, x, dy, training, shards=1)[0]
        params |= buffers
        x_theirs = sample_first(torch, x).requires_grad_()
        module.zero_grad()
        y_theirs = module(x_theirs)
        y_theirs.backward(sample_first(torch, dy))
        np.testing.assert_allclose(y, sample_last(y_theirs), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(dx, sample_last(x_theirs.grad), rtol=1e-7, atol=1e-9)
        pairs = {
            "gamma": (grads["gamma"], module.weight.grad),
            "beta": (grads["beta"], module.bias.grad),
            "mean": (params["mean"], module.running_mean),
            "variance": (params["variance"], module.running_var),
        }
        for mine, other in pairs.values():
            np.testing.assert_allclose(mine[:, 0], other.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 6), (3, 2, 5, 4)])
def test_evaluation_equals_pytorch(torch, evaluation, shape):
    layer, (params, x, dy) = BatchNorm(), random_case(shape, 0)
    module = theirs(torch, layer, params, len(shape)).eval()
    x_theirs = sample_first(torch, x).requires_grad_()
    y_theirs = module(x_theirs)
    y_theirs.backward(sample_first(torch, dy))
    y, cache = layer.forward(params, x, evaluation)
    dx, grads = layer.backward(params, cache, dy)
    np.testing.assert_allclose(y, sample_last(y_theirs), rtol=1e-12)
    np.testing.assert_allclose(dx, sample_last(x_theirs.grad), rtol=1e-12)
    np.testing.assert_allclose(grads["gamma"][:, 0], module.weight.grad, rtol=1e-11)
    np.testing.assert_allclose(grads["beta"][:, 0], module.bias.grad, rtol=1e-11)


@pytest.mark.parametrize("shards", [1, 2, 4, 8])
@pytest.mark.parametrize("shape", [(4, 11), (3, 2, 5, 9)])
def test_shards_together_equal_the_undivided_batch(training, shape, shards):
    layer, (params, x, dy) = BatchNorm(), random_case(shape, 1)
    y, dx, grads, buffers = in_shards(layer, params, x, dy, training, shards=1)[0]
    parts = in_shards(layer, params, x, dy, training, shards)
    assert len(parts) == shards
    for k, whole in ((0, y), (1, dx)):
        together = np.concatenate([part[k] for part in parts], axis=-1)
        np.testing.assert_allclose(together, whole, rtol=1e-10, atol=1e-12)
    for letter, grad in grads.items():
        total = sum(part[2][letter] for part in parts)
        np.testing.assert_allclose(total, grad, rtol=1e-11, atol=1e-12)
    for *_, found in parts:
        for letter, array in buffers.items():
            np.testing.assert_allclose(found[letter], array, rtol=1e-13)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_any_number_of_threads_gives_the_same_bits(
    monkeypatch, experiment_of, train_events, threads
):
    monkeypatch.setattr("cnntrain.training.shards.shard_count", lambda network, samples: 4)

    def fingerprint(threads):
        experiment = experiment_of(
            data={"source": "digits", "validation": 0.9},
            network=IMAGE_NET,
            optimizer={"sgd": {"lr": 0.1, "momentum": 0.9}},
            train={"batch_size": 32, "max_steps": 6},
        )
        state = start(experiment.plan, experiment.network)
        for _ in train_events(experiment, state, threads):
            pass
        return hashlib.sha256(b"".join(a.tobytes() for a in state.params.values())).hexdigest()

    assert fingerprint(threads) == fingerprint(1)


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 2, 3)])
def test_backward_in_evaluation_equals_central_differences(evaluation, shape):
    """In evaluation, batch normalization is an affine map: its statistics do not depend on x."""
    layer, (params, _, r) = BatchNorm(), random_case(shape, 2)
    rng = np.random.default_rng(0)
    x = spread(shape, rng)
    _, cache = layer.forward(params, x, evaluation)
    dx, grads = layer.backward(params, cache, r)

    def cost():
        return float(np.sum(r * layer.forward(params, x, evaluation)[0]))

    checked = {"x": (x, dx)} | {letter: (params[letter], grads[letter]) for letter in grads}
    assert checked.keys() == {"x", "gamma", "beta"}
    for name, (array, gradient) in checked.items():
        assert check_array(name, array, gradient, cost, rng, tolerance=1e-7).ok, name


def test_a_constant_channel_does_not_divide_by_zero(training):
    layer, (params, _, dy) = BatchNorm(), random_case((2, 4), 3)
    y, cache = layer.forward(params, np.full((2, 4), 7.0), training)
    np.testing.assert_allclose(y, np.broadcast_to(params["beta"], y.shape), atol=1e-12)
    assert np.isfinite(layer.backward(params, cache, dy)[0]).all()


def test_statistics_are_accurate_far_from_zero(training):
    """E[x²] - E[x]² would lose all digits in float32."""
    x = (1e4 + np.array([[-1.0, 1.0, -1.0, 1.0]])).astype(np.float32)
    params = {k: a.astype(np.float32) for k, a in random_case((1, 4), 0)[0].items()}
    _, cache = BatchNorm().forward(params, x, training)
    assert cache.moments.variance[0, 0] == 1.0


def test_a_network_evaluates_with_its_running_statistics(network_of):
    network = network_of((2,), BatchNorm())
    params = network.init(0, np.dtype(np.float64))
    params["batch_norm1.mean"] += 1.0
    params["batch_norm1.variance"] += 3.0
    y, _ = network.forward(params, np.array([[5.0], [1.0]]), Pass())
    np.testing.assert_allclose(y, [[2.0], [0.0]], rtol=1e-5)


def vectors_in_batches_of(batch_size, n=9):
    return {
        "data": {"source": "synthetic", "problem": "xor", "n": n, "n_test": 2},
        "network": [{"dense": {"units": 3}}, "batch_norm", "relu", {"dense": {"units": 2}}],
        "train": {"batch_size": batch_size},
    }


@pytest.mark.parametrize("batch_size", [1, 2, 4, 8])
def test_a_last_batch_of_one_vector_is_rejected(checked_training, experiment_of, batch_size):
    with pytest.raises(ConfigError) as caught:
        checked_training(experiment_of(**vectors_in_batches_of(batch_size)))
    assert caught.value.path == ("train", "batch_size")
    assert str(caught.value) == (
        "batch_norm1 needs at least two samples in every batch, but 9 samples in batches of "
        f"{batch_size} leave one alone; choose another 'batch_size'"
    )


@pytest.mark.parametrize("batch_size", [3, 5, 9, 100])
def test_other_batches_of_vectors_are_accepted(checked_training, experiment_of, batch_size):
    checked_training(experiment_of(**vectors_in_batches_of(batch_size)))


def test_a_single_image_has_enough_positions(checked_training, experiment_of):
    network = [*IMAGE_NET[:4], {"dense": {"units": 10}}]
    data, train = {"source": "digits"}, {"batch_size": 1}
    checked_training(experiment_of(data=data, network=network, train=train))
    with pytest.raises(ConfigError, match="batch_norm2 needs at least two samples"):
        checked_training(experiment_of(data=data, network=IMAGE_NET, train=train))


@pytest.mark.parametrize("engine", [NUMPY, *map(native, available())], ids=str)
@pytest.mark.parametrize("kind", [BatchNorm, BatchNormRelu, BatchNormAdd, BatchNormAddRelu])
@pytest.mark.parametrize("has_more", [True, False], ids=["two parts", "one part"])
def test_in_place_equals_the_pass_from_the_sum(training, evaluation, engine, kind, has_more):
    params, x, dy = random_case((3, 5, 4, 7), seed=1)
    more = np.random.default_rng(2).standard_normal(dy.shape) if has_more else None
    layer, inputs = kind(), (x, dy[::-1].copy()) if kind.joins else x
    with using(engine):
        for context in (training, evaluation):
            _, cache = layer.forward(params, inputs, context)
            total = dy if more is None else dy + more
            dx, grads = layer.backward(params, cache, total.copy())
            given = (dy.copy(), more)
            found_dx, found = alone(layer.backward_in_place(params, cache, given))
            np.testing.assert_array_equal(found_dx, dx)
            assert not kind.joins or not np.shares_memory(*found_dx)
            for letter, grad in grads.items():
                np.testing.assert_array_equal(found[letter], grad)

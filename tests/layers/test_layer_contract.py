"""The contract of every registered layer; the registry is the list of layers."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnntrain.diagnostics.differences import DEFAULT_TOLERANCE
from cnntrain.diagnostics.gradcheck import check_layer, example_input, spread
from cnntrain.layers import Layer, WholeBatchLayer
from cnntrain.training.shards import cut
from cnntrain.training.workers import Workers


def examples_of(layer):
    try:
        return layer.examples()
    except NotImplementedError:
        return []  # reported by test_kind_has_examples


KINDS = [pytest.param(layer, id=kind) for kind, layer in Layer.kinds.items()]
EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, layer in Layer.kinds.items()
    for i, example in enumerate(examples_of(layer))
]
DTYPES = [np.float32, np.float64]

every_kind = pytest.mark.parametrize("kind", KINDS)
every_example = pytest.mark.parametrize("example", EXAMPLES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def inputs_of(x):
    """The arrays of x: one, or several for a layer that joins inputs."""
    return x if isinstance(x, tuple) else (x,)


def each(change, x):
    """x with every array changed."""
    return tuple(change(part) for part in x) if isinstance(x, tuple) else change(x)


def lock(arrays):
    """Make every array of a nested structure read-only."""
    if isinstance(arrays, np.ndarray):
        arrays.setflags(write=False)
    elif isinstance(arrays, tuple | list):
        for part in arrays:
            lock(part)
    return arrays


def arrays_in(nested):
    """Every array of a nested structure."""
    if isinstance(nested, np.ndarray):
        yield nested
    elif isinstance(nested, tuple | list):
        for part in nested:
            yield from arrays_in(part)


def arguments(example, dtype, batch=None):
    """(params, x): read-only, far from kinks."""
    rng = np.random.default_rng(7)
    x = example_input(dataclasses.replace(example, batch=batch or example.batch), rng)
    params = {}
    for letter, param in example.layer.params(example.in_shape).items():
        drawn = param.init.draw(param.shape, param.fan_in, param.fan_out, rng)
        params[letter] = lock(
            (drawn if param.is_buffer else spread(param.shape, rng)).astype(dtype)
        )
    return params, lock(each(lambda part: part.astype(dtype), x))


def both_ways(example, ctx, dtype, batch=None):
    """(y, dx, grads) of the example, with dy = y, which is read-only."""
    params, x = arguments(example, dtype, batch)
    y, cache = example.layer.forward(params, x, ctx)
    lock(cache)
    dx, grads = example.layer.backward(params, cache, lock(y.copy()))
    return y, dx, grads


def assert_same(found, expected):
    """Assert that two (y, dx, grads) are equal."""
    for mine, theirs in zip(found[:2], expected[:2], strict=True):
        for a, b in zip(inputs_of(mine), inputs_of(theirs), strict=True):
            np.testing.assert_array_equal(a, b)
    assert found[2].keys() == expected[2].keys()
    for name, grad in found[2].items():
        np.testing.assert_array_equal(grad, expected[2][name])


def trained(example):
    """The declared arrays that have gradients."""
    declared = example.layer.params(example.in_shape)
    return {letter: param for letter, param in declared.items() if not param.is_buffer}


def shapes_of(in_shape, joins):
    return in_shape if joins else (in_shape,)


@every_kind
def test_kind_has_examples(kind):
    examples = examples_of(kind)
    assert examples
    assert all(type(example.layer) is kind for example in examples)


@every_kind
def test_options_cannot_be_changed(kind):
    layer = kind.examples()[0].layer
    for name in [field.name for field in dataclasses.fields(kind)] + ["anything"]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, name, None)


@every_example
@pytest.mark.parametrize("seed", [0, 1])
def test_derivatives_equal_central_differences(example, seed):
    verdicts = check_layer(example, seed, DEFAULT_TOLERANCE)
    inputs = shapes_of(example.in_shape, example.layer.joins)
    assert len(verdicts) == len(inputs) + len(trained(example))
    for verdict in verdicts:
        assert verdict.ok, verdict
        assert verdict.kinks == 0, f"{verdict}: the example lies on a kink"


@every_example
@every_dtype
def test_shapes_and_dtypes(example, training, dtype):
    y, dx, grads = both_ways(example, training, dtype)
    assert y.shape == (*example.layer.out_shape(example.in_shape), example.batch)
    assert [part.shape for part in inputs_of(dx)] == [
        (*shape, example.batch) for shape in shapes_of(example.in_shape, example.layer.joins)
    ]
    assert {letter: grad.shape for letter, grad in grads.items()} == {
        letter: param.shape for letter, param in trained(example).items()
    }
    assert {array.dtype for array in (y, *inputs_of(dx), *grads.values())} == {np.dtype(dtype)}


@every_example
def test_arguments_are_not_modified(example, training):
    params, x = arguments(example, np.float64)
    before = [array.copy() for array in (*inputs_of(x), *params.values())]
    y, cache = example.layer.forward(params, x, training)
    dy = lock(y.copy())
    example.layer.backward(params, cache, dy)
    np.testing.assert_array_equal(dy, y)
    for array, copy in zip((*inputs_of(x), *params.values()), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_example
def test_a_new_input_gradient_has_memory_of_its_own(example, training):
    params, x = arguments(example, np.float64)
    y, cache = example.layer.forward(params, x, training)
    dx, _ = example.layer.backward(params, cache, y)
    others = (y, *inputs_of(x), *params.values(), *arrays_in(cache))
    for found in inputs_of(dx) if example.layer.new_dx else ():
        assert not any(np.shares_memory(found, other) for other in others)


@every_example
def test_backward_leaves_the_cache_as_it_was(example, training):
    params, x = arguments(example, np.float64)
    y, cache = example.layer.forward(params, x, training)
    lock(cache)
    first = example.layer.backward(params, cache, y)
    second = example.layer.backward(params, cache, y)
    assert_same((y, *first), (y, *second))


@every_example
def test_the_input_gradient_may_be_left_out(example, training):
    params, x = arguments(example, np.float64)
    y, cache = example.layer.forward(params, x, training)
    _, grads = example.layer.backward(params, cache, y, need_dx=False)
    _, expected = example.layer.backward(params, cache, y, need_dx=True)
    assert_same((y, y, grads), (y, y, expected))


@every_example
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_forward_of_a_shard_is_the_shard_of_the_forward(example, evaluation, dtype, tolerance):
    params, x = arguments(example, dtype, batch=6)
    whole, _ = example.layer.forward(params, x, evaluation)
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        x_part = each(lambda array, part=part: array[..., part], x)
        y, _ = example.layer.forward(params, x_part, evaluation)
        scale = np.abs(whole).max()
        np.testing.assert_allclose(y, whole[..., part], rtol=tolerance, atol=tolerance * scale)


@every_example
def test_a_batch_of_one_works(example, training):
    y, dx, _ = both_ways(example, training, np.float32, batch=1)
    for array in (y, *inputs_of(dx)):
        assert array.shape[-1] == 1
        assert np.isfinite(array).all()


@every_example
def test_two_threads_compute_the_same_as_one(example, training, evaluation):
    contexts = [training, evaluation] * 8
    barrier = threading.Barrier(2)

    def work(ctx):
        barrier.wait(timeout=30)
        return both_ways(example, ctx, np.float64)

    expected = [both_ways(example, ctx, np.float64) for ctx in contexts]
    with ThreadPoolExecutor(2) as pool:
        for found, serial in zip(pool.map(work, contexts), expected, strict=True):
            assert_same(found, serial)


@every_example
def test_flops_are_counted(example):
    flops = example.layer.flops(example.in_shape)
    assert isinstance(flops, int)
    assert flops >= 0


@every_example
def test_round_trip_through_yaml(example, read_back):
    again = read_back(Layer, example.layer)
    assert type(again) is type(example.layer)
    assert again == example.layer


# --- layers that need sums over the whole batch, and running statistics ----------------------

COUPLED = [e for e in EXAMPLES if isinstance(e.values[0].layer, WholeBatchLayer)]


def add(a, b):
    return {name: a[name] + b[name] for name in a}


@pytest.mark.parametrize("example", COUPLED)
@pytest.mark.parametrize("shards", [2, 3, 6])
def test_parallel_shards_equal_the_whole_batch(example, training, shards):
    layer = example.layer
    params, x = arguments(example, np.float64, batch=6)
    dy = np.random.default_rng(3).standard_normal((*layer.out_shape(example.in_shape), 6))
    y, cache = layer.forward(params, x, training)
    dx, grads = layer.backward(params, cache, dy)
    parts = cut(6, shards)
    with Workers(2) as workers:
        forward = [layer.forward_steps(params, x[..., part], training) for part in parts]
        outputs = workers.together(forward, add)
        backward = [
            layer.backward_steps(params, cached, dy[..., part])
            for (_, cached), part in zip(outputs, parts, strict=True)
        ]
        inputs = workers.together(backward, add)
    found_y = np.concatenate([part for part, _ in outputs], axis=-1)
    found_dx = np.concatenate([part for part, _ in inputs], axis=-1)
    np.testing.assert_allclose(found_y, y, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found_dx, dx, rtol=1e-11, atol=1e-12)
    for letter, grad in grads.items():
        total = sum(part[letter] for _, part in inputs)
        np.testing.assert_allclose(total, grad, rtol=1e-11, atol=1e-12)
    for _, cached in outputs:  # every shard knows the statistics of the whole batch
        for letter, value in layer.buffers(params, cached).items():
            expected = layer.buffers(params, cache)[letter]
            np.testing.assert_allclose(value, expected, rtol=1e-12)


@every_example
@every_dtype
def test_running_statistics_are_new_arrays_in_training_and_none_in_evaluation(
    example, training, evaluation, dtype
):
    declared = example.layer.params(example.in_shape)
    params, x = arguments(example, dtype)
    _, cache = example.layer.forward(params, x, training)
    buffers = example.layer.buffers(params, cache)
    assert {letter: (array.shape, array.dtype) for letter, array in buffers.items()} == {
        letter: (param.shape, np.dtype(dtype))
        for letter, param in declared.items()
        if param.is_buffer
    }
    assert not any(np.shares_memory(buffers[letter], params[letter]) for letter in buffers)
    _, cache = example.layer.forward(params, x, evaluation)
    assert example.layer.buffers(params, cache) == {}

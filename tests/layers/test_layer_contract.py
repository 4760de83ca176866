"""What every registered layer must keep, whatever it computes. The registry is the list."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pydantic import TypeAdapter

from cnntrain.gradcheck import DEFAULT_TOLERANCE, check_layer, spread
from cnntrain.layers import Layer
from cnntrain.registry import to_tree


def examples_of(layer):
    try:
        return layer.examples()
    except NotImplementedError:
        return []  # test_kind_has_examples says so


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


def read_only(array):
    array.setflags(write=False)
    return array


def lock(cache):
    """Forbid to write into any array of a cache."""
    if isinstance(cache, np.ndarray):
        cache.setflags(write=False)
    elif isinstance(cache, tuple | list):
        for part in cache:
            lock(part)


def arguments(example, dtype, batch=None):
    """(params, x): read-only, far from kinks."""
    rng = np.random.default_rng(7)
    x = spread((*example.in_shape, batch or example.batch), rng).astype(dtype)
    declared = example.layer.params(example.in_shape)
    params = {name: spread(p.shape, rng).astype(dtype) for name, p in declared.items()}
    return {name: read_only(array) for name, array in params.items()}, read_only(x)


def both_ways(example, ctx, dtype, batch=None):
    """(y, dx, grads) of the example; dy is y itself, as in seed 002, and may not be written."""
    params, x = arguments(example, dtype, batch)
    y, cache = example.layer.forward(params, x, ctx)
    lock(cache)
    dx, grads = example.layer.backward(params, cache, read_only(y.copy()))
    return y, dx, grads


def assert_same(found, expected):
    for mine, other in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert found[2].keys() == expected[2].keys()
    for name, grad in found[2].items():
        np.testing.assert_array_equal(grad, expected[2][name])


@every_kind
def test_kind_has_examples(kind):
    examples = examples_of(kind)
    assert examples
    assert all(type(example.layer) is kind for example in examples)


@every_kind
def test_kind_is_a_documented_frozen_dataclass(kind):
    doc = vars(kind).get("__doc__") or ""
    assert doc
    assert not doc.startswith(f"{kind.__name__}("), "the docstring is the dataclass's default"
    layer = kind.examples()[0].layer
    for name in [field.name for field in dataclasses.fields(kind)] + ["anything"]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, name, None)


@every_example
@pytest.mark.parametrize("seed", [0, 1])
def test_derivatives_equal_central_differences(example, seed):
    verdicts = check_layer(example, seed, DEFAULT_TOLERANCE)
    assert len(verdicts) == 1 + len(example.layer.params(example.in_shape))
    for verdict in verdicts:
        assert verdict.ok, verdict
        assert verdict.kinks == 0, f"{verdict}: the example stands on a kink"


@every_example
@every_dtype
def test_shapes_and_dtypes(example, training, dtype):
    y, dx, grads = both_ways(example, training, dtype)
    assert y.shape == (*example.layer.out_shape(example.in_shape), example.batch)
    assert dx.shape == (*example.in_shape, example.batch)
    declared = example.layer.params(example.in_shape)
    assert {name: grad.shape for name, grad in grads.items()} == {
        name: param.shape for name, param in declared.items()
    }
    assert {array.dtype for array in (y, dx, *grads.values())} == {np.dtype(dtype)}


@every_example
def test_arguments_are_not_modified(example, training):
    params, x = arguments(example, np.float64)
    before = {name: array.copy() for name, array in params.items()}, x.copy()
    y, cache = example.layer.forward(params, x, training)
    dy = read_only(y.copy())
    example.layer.backward(params, cache, dy)
    np.testing.assert_array_equal(x, before[1])
    np.testing.assert_array_equal(dy, y)
    for name, array in params.items():
        np.testing.assert_array_equal(array, before[0][name])


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
        y, _ = example.layer.forward(params, x[..., part], evaluation)
        scale = np.abs(whole).max()
        np.testing.assert_allclose(y, whole[..., part], rtol=tolerance, atol=tolerance * scale)


@every_example
def test_a_batch_of_one_works(example, training):
    y, dx, _ = both_ways(example, training, np.float32, batch=1)
    assert (y.shape[-1], dx.shape[-1]) == (1, 1)
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


@every_example
def test_two_threads_compute_what_one_does(example, training, evaluation):
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


def with_tuples(tree):
    """The tree as the config reader hands it on: tuples for lists."""
    if isinstance(tree, dict):
        return {key: with_tuples(value) for key, value in tree.items()}
    return tuple(with_tuples(item) for item in tree) if isinstance(tree, list) else tree


@every_example
def test_what_is_written_is_read_back_equal(example):
    tree = with_tuples(to_tree(example.layer))
    again = TypeAdapter(Layer).validate_python(tree)
    assert type(again) is type(example.layer)
    assert again == example.layer

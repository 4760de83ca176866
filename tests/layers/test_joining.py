"""Layers with several inputs."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.joining import Add, Concat

A, B, C = (np.full((2, 3, 4, 5), float(k)) for k in (1, 2, 4))


@pytest.mark.parametrize("inputs", [(A, B), (A, B, C), (A, A)])
def test_add(evaluation, inputs):
    copies = [array.copy() for array in inputs]
    y, cache = Add().forward({}, inputs, evaluation)
    np.testing.assert_array_equal(y, sum(copies))
    for array, copy in zip(inputs, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    dx, grads = Add().backward({}, cache, C)
    assert len(dx) == len(inputs)
    assert all((part == C).all() for part in dx)
    assert grads == {}


def test_concat_keeps_the_order(evaluation):
    x = (A[:1], B, C[:1])
    y, cache = Concat().forward({}, x, evaluation)
    assert y[:, 0, 0, 0].tolist() == [1, 2, 2, 4]
    dy = np.random.default_rng(0).standard_normal(y.shape)
    dx, _ = Concat().backward({}, cache, dy)
    assert [part.shape for part in dx] == [array.shape for array in x]
    np.testing.assert_array_equal(np.concatenate(dx), dy)


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (Add(), ((3, 2, 2),) * 4, (3, 2, 2)),
        (Concat(), ((3, 2, 2), (1, 2, 2)), (4, 2, 2)),
        (Concat(), ((3,), (1,), (2,)), (6,)),
    ],
)
def test_shapes(layer, shapes, expected):
    assert layer.out_shape(shapes) == expected


ADDS = "needs two or more inputs of the same shape, but got "
JOINS = "needs two or more inputs that differ only in their channels, but got "


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Add(), ((3,),), f"{ADDS}(3,)"),
        (Add(), ((3, 1, 1), (3,)), f"{ADDS}(3, 1, 1) and (3,)"),
        (Add(), ((1, 2, 2), (3, 2, 2)), f"{ADDS}(1, 2, 2) and (3, 2, 2)"),
        (Concat(), ((3,),), f"{JOINS}(3,)"),
        (Concat(), ((3, 2, 2), (3, 2, 1)), f"{JOINS}(3, 2, 2) and (3, 2, 1)"),
        (Concat(), ((3, 1, 1), (3,)), f"{JOINS}(3, 1, 1) and (3,)"),
    ],
)
def test_incompatible_shapes(layer, shapes, message):
    with pytest.raises(ShapeError) as caught:
        layer.out_shape(shapes)
    assert str(caught.value) == message

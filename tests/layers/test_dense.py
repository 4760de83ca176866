"""The fully connected layer as sums over its units."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.dense import Dense, dense_backward, dense_forward
from cnntrain.layers.initializers import Constant

RNG = np.random.default_rng(0)
A, W, B = RNG.standard_normal((4, 3)), RNG.standard_normal((2, 4)), RNG.standard_normal((2, 1))
DELTA = RNG.standard_normal((2, 3))


def test_forward_is_the_sum_over_all_units():
    z = [[sum(W[k, j] * A[j, n] for j in range(4)) + B[k, 0] for n in range(3)] for k in range(2)]
    np.testing.assert_allclose(dense_forward(A, W, B), z, rtol=1e-14)
    np.testing.assert_allclose(dense_forward(A, W, None), np.array(z) - B, rtol=1e-13)


def test_backward_is_the_sum_over_units_and_samples():
    da, dW, db = dense_backward(DELTA, A, W)
    for j, n in np.ndindex(4, 3):
        assert da[j, n] == pytest.approx(sum(W[k, j] * DELTA[k, n] for k in range(2)))
    for k, j in np.ndindex(2, 4):
        assert dW[k, j] == pytest.approx(sum(DELTA[k, n] * A[j, n] for n in range(3)))
    for k in range(2):
        assert db[k, 0] == pytest.approx(sum(DELTA[k]))


def test_the_input_gradient_is_skipped_if_it_is_not_needed():
    da, dW, _ = dense_backward(DELTA, A, W, need_da=False)
    assert da is None
    np.testing.assert_array_equal(dW, dense_backward(DELTA, A, W)[1])


def test_parameters_are_declared():
    declared = Dense(units=5, init={"b": Constant(value=1.0)}, trainable={"W": False}).params((3,))
    assert {name: p.shape for name, p in declared.items()} == {"W": (5, 3), "b": (5, 1)}
    assert {(p.fan_in, p.fan_out) for p in declared.values()} == {(3, 5)}
    assert [p.trainable for p in declared.values()] == [False, True]
    assert [p.decay_mult for p in declared.values()] == [1, 0]  # biases are not regularized
    assert [p.init.kind for p in declared.values()] == ["he_normal", "constant"]
    assert list(Dense(units=5, bias=False).params((3,))) == ["W"]
    assert not any(p.trainable for p in Dense(units=5, trainable=False).params((3,)).values())


def test_flops_count_multiplications_and_additions():
    assert Dense(units=10).flops((84,)) == 2 * 840


def test_an_image_is_rejected():
    with pytest.raises(ShapeError) as caught:
        Dense(units=3).out_shape((6, 5, 5))
    assert str(caught.value) == (
        "needs a vector, but the input is an image of shape (6, 5, 5); put 'flatten' before it"
    )


@pytest.mark.parametrize(
    ("layer", "option", "message"),
    [
        (
            Dense(units=3, init={"w": Constant(value=1.0)}),
            "init",
            "init: this layer has no array 'w'; did you mean 'W'?",
        ),
        (
            Dense(units=3, bias=False, init={"b": Constant(value=1.0)}),
            "init",
            "init: this layer has no array 'b'; known: W",
        ),
        (
            Dense(units=3, trainable={"gamma": False}),
            "trainable",
            "trainable: this layer has no array 'gamma'; known: W, b",
        ),
    ],
    ids=["lower case", "no bias", "unknown"],
)
def test_options_for_nonexistent_arrays(layer, option, message):
    with pytest.raises(ShapeError) as caught:
        layer.params((4,))
    assert (str(caught.value), caught.value.path) == (message, (option,))

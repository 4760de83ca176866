"""Samples given in the config."""

import numpy as np
import pytest

from cnntrain.data.sources.inline import Inline
from cnntrain.errors import ConfigError


def no_files(name):
    raise AssertionError(name)


def load(**options):
    return Inline(**options).load(no_files, seed=0)


def test_labels():
    dataset = load(inputs=((1, 2), (3, 4), (5, 6)), targets=(0, 2, 1))
    np.testing.assert_array_equal(dataset.train.x, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(dataset.train.y, [0, 2, 1])
    assert dataset.train.y.dtype == np.int64
    assert dataset.classes == ("0", "1", "2")


@pytest.mark.parametrize("targets", [(0, 0), (1, 1), (0, 1)])
def test_there_are_at_least_two_classes(targets):
    assert load(inputs=((1,), (2,)), targets=targets).classes == ("0", "1")


@pytest.mark.parametrize(
    ("targets", "shape"),
    [
        ((0.5, 1.0), (2, 1)),
        ((0, 1.0), (2, 1)),
        (((0,), (1,)), (2, 1)),
        (((0.01, 0.99), (1, 2)), (2, 2)),
    ],
)
def test_real_valued_targets(targets, shape):
    dataset = load(inputs=((1,), (2,)), targets=targets)
    assert dataset.classes is None
    assert dataset.train.y.shape == shape
    assert dataset.train.y.dtype == np.float64


def test_images_and_bare_numbers():
    assert load(inputs=((((1, 2),),),), targets=(0,)).sample_shape == (1, 1, 2)
    assert load(inputs=(1, 2, 3), targets=(0, 1, 0)).sample_shape == (1,)


def test_a_test_split():
    dataset = load(inputs=((1,),), targets=(0,), test_inputs=((2,), (3,)), test_targets=(1, 2))
    np.testing.assert_array_equal(dataset.test.x, [[2], [3]])
    assert dataset.classes == ("0", "1", "2")
    assert load(inputs=((1,),), targets=(0,)).test is None


NUMBERS = "must be numbers in nested lists of equal lengths"


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"inputs": ((1,), (2, 3))}, ("data", "inputs"), NUMBERS),
        ({"inputs": ((1,), ("2",))}, ("data", "inputs"), NUMBERS),
        ({"inputs": ((1,), (None,))}, ("data", "inputs"), NUMBERS),
        ({"inputs": ((1,), (True,))}, ("data", "inputs"), NUMBERS),
        ({"inputs": ((), ())}, ("data", "inputs"), NUMBERS),
        ({"inputs": ((1,), {"a": 1})}, ("data", "inputs"), NUMBERS),
        ({"targets": ("a", "b")}, ("data", "targets"), NUMBERS),
        ({"targets": (True, False)}, ("data", "targets"), NUMBERS),
        ({"targets": ((1,), (1, 2))}, ("data", "targets"), NUMBERS),
        ({"targets": (0, -1)}, ("data", "targets", 1),
         "label -1 is not in 0..999; number the classes from 0"),
        ({"targets": (10**30, 1)}, ("data", "targets", 0),
         f"label {10**30} is not in 0..999; number the classes from 0"),
        ({"test_inputs": ((1, 2),), "test_targets": (0,)}, ("data", "test_inputs"),
         "shape (2,) each, but 'inputs' have (1,)"),
        ({"targets": ((1.5,), (2,)), "test_inputs": ((1,),), "test_targets": ((1, 2),)},
         ("data", "test_targets"), "shape (2,) each, but 'targets' have (1,)"),
    ],
)  # fmt: skip
def test_mistakes_are_reported_with_their_position(options, path, message):
    with pytest.raises(ConfigError) as caught:
        load(**{"inputs": ((1,), (2,)), "targets": (0, 1), **options})
    assert (str(caught.value), caught.value.path) == (message, path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": (), "targets": ()}, "'inputs' is empty; write one nested list per sample"),
        ({"inputs": ((1,),), "targets": (1, 2)}, "1 inputs, but 2 targets"),
        ({"inputs": ((1,),), "targets": (1,), "test_inputs": ((1,),)}, "1 inputs, but 0 targets"),
    ],
)
def test_mistakes_are_rejected_immediately(options, message):
    with pytest.raises(ValueError, match=message):
        Inline(**options)

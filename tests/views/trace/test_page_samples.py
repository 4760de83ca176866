"""Pictures of samples: photos as the data held them, points of a plane."""

import base64

import numpy as np
import pytest

from cnntrain.views.trace.page_samples import photos_of, points_of


@pytest.mark.parametrize("normalize", ["none", "unit", "per_channel"])
@pytest.mark.parametrize("most", [1, 255])
def test_a_photo_has_the_colours_of_the_data(experiment_of, normalize, most):
    pixels = np.random.default_rng(0).integers(0, 256, size=(2, 3, 4, 5))
    pixels[0, :, 0, 0] = 255
    inputs = (pixels / 255 * most).tolist()
    data = {"source": "inline", "inputs": inputs, "targets": [0, 1], "normalize": normalize}
    experiment = experiment_of(network=["flatten", {"dense": {"units": 2}}], data=data)
    (photo,) = photos_of(experiment, [1])
    colours = np.frombuffer(base64.b64decode(photo["base64"]), np.uint8).reshape(4, 5, 3)
    assert (photo["width"], photo["height"]) == (5, 4)
    np.testing.assert_array_equal(colours, np.moveaxis(pixels[1], 0, -1))


def test_other_inputs_have_none(experiment_of):
    assert photos_of(experiment_of(), [0]) == []


def test_points_are_the_training_samples_as_the_network_reads_them(experiment_of):
    inputs = [[1.0, 2.0], [3.0, -4.0]]
    data = {"source": "inline", "inputs": inputs, "targets": [1, 0]}
    found = points_of(experiment_of(network=[{"dense": {"units": 2}}], data=data))
    assert found == {"x": inputs, "labels": [1, 0]}


def test_samples_that_are_no_points_give_none(experiment_of):
    data = {"source": "inline", "inputs": [[1.0, 2.0, 3.0]], "targets": [1]}
    assert points_of(experiment_of(network=[{"dense": {"units": 2}}], data=data)) is None

"""Photos of colour images, as the data held them."""

import base64

import numpy as np
import pytest

from cnntrain.views.trace.photos import photos_of


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

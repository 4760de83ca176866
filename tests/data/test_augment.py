"""Augmentation: the contract of all kinds, and exact values where possible."""

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.data.augment import (
    Augmentation,
    Brightness,
    Contrast,
    Cutout,
    FlipHorizontal,
    FlipVertical,
    GaussianNoise,
    Mixup,
    RandomCrop,
    Rotation,
    Scale,
    Shear,
    Shift,
    sample_at,
    warp,
)
from cnntrain.errors import ShapeError
from cnntrain.training.feed import load_shard

KINDS = [pytest.param(kind(), id=name) for name, kind in Augmentation.kinds.items()]
every_kind = pytest.mark.parametrize("augmentation", KINDS)
IMAGES = np.random.default_rng(0).random((2, 9, 7, 6)) + 1  # nothing is 0
LABELS = np.array([0, 1, 2, 0, 1, 2])


def rng(seed=0):
    return np.random.default_rng(seed)


def square(side=4, n=1):
    """(1, side, side, n) with different numbers, none of them 0."""
    return np.arange(1.0, side * side * n + 1).reshape(1, side, side, n)


# --- contract --------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [None, 3])
def test_shapes_and_precision_are_preserved(augmentation, dtype, classes):
    y = LABELS if classes else np.ones((2, 6), dtype)
    x, changed = augmentation.apply(IMAGES.astype(dtype), y, classes, rng())
    assert (x.shape, x.dtype) == (IMAGES.shape, dtype)
    assert np.isfinite(x).all()
    if isinstance(augmentation, Mixup):
        assert (changed.shape, changed.dtype) == ((classes or 2, 6), dtype)
    else:
        assert changed is y


@every_kind
def test_the_arguments_are_not_modified(augmentation):
    x, y = IMAGES.copy(), LABELS.copy()
    x.setflags(write=False)
    y.setflags(write=False)
    augmentation.apply(x, y, 3, rng())
    np.testing.assert_array_equal(x, IMAGES)


@every_kind
def test_the_same_stream_gives_the_same_samples(augmentation):
    first, again, other = (augmentation.apply(IMAGES, LABELS, 3, rng(s))[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@every_kind
def test_samples_are_changed_independently(augmentation):
    """Equal samples become different ones."""
    equal = np.repeat(IMAGES[..., :1], 40, axis=-1)
    found = augmentation.apply(equal, np.zeros(40, int), 3, rng())[0]
    if not isinstance(augmentation, Mixup):  # mixing equal samples changes nothing
        assert len({sample.tobytes() for sample in np.moveaxis(found, -1, 0)}) > 1


@every_kind
def test_vectors_are_rejected_or_accepted(augmentation):
    if augmentation.images_only:
        with pytest.raises(ShapeError) as caught:
            augmentation.check((5,))
        assert str(caught.value) == (
            f"{augmentation.kind} needs images (C, H, W), but samples are (5,)"
        )
    else:
        augmentation.check((5,))
        x, _ = augmentation.apply(np.ones((5, 4)), np.array([0, 1, 0, 1]), 2, rng())
        assert x.shape == (5, 4)
    augmentation.check((2, 9, 7))


@every_kind
def test_round_trip_through_yaml(augmentation, read_back):
    assert read_back(Augmentation, augmentation) == augmentation


# --- exact values ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Shift(pixels=2), RandomCrop(padding=2)])
def test_shifts_are_by_whole_pixels_with_zeros_outside(kind):
    x = np.repeat(square(5), 300, axis=-1)
    found = kind.apply(x, None, None, rng())[0]
    padded = np.pad(x[0, :, :, 0], 2)
    expected = {padded[r : r + 5, c : c + 5].tobytes() for r in range(5) for c in range(5)}
    assert {np.ascontiguousarray(found[0, :, :, k]).tobytes() for k in range(300)} == expected


@pytest.mark.parametrize(("kind", "axis"), [(FlipHorizontal, 2), (FlipVertical, 1)])
def test_flips(kind, axis):
    x = np.repeat(square(), 400, axis=-1)
    found = kind(share=0.25).apply(x, None, None, rng())[0]
    mirrored = (found == np.flip(x, axis)).all(axis=(0, 1, 2))
    assert ((found == x).all(axis=(0, 1, 2)) ^ mirrored).all()
    assert abs(mirrored.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)
    np.testing.assert_array_equal(kind(share=0.0).apply(x, None, None, rng())[0], x)


@pytest.mark.parametrize("side", [3, 4])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_square_turned_by_right_angles(side, quarters):
    x, angle = square(side, n=2), np.full(2, quarters * np.pi / 2)
    matrices = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = np.rot90(x, -quarters, axes=(1, 2))
    found = warp(x, matrices)
    other = np.rot90(x, quarters, axes=(1, 2))
    assert np.allclose(found, expected, atol=1e-12) or np.allclose(found, other, atol=1e-12)


@pytest.mark.parametrize("kind", [Rotation(degrees=1e-7), Scale(by=1e-9), Shear(degrees=1e-7)])
def test_the_smallest_setting_changes_nothing(kind):
    inner = (slice(None), slice(1, -1), slice(1, -1))
    found = kind.apply(IMAGES, None, None, rng())[0]
    np.testing.assert_allclose(found[inner], IMAGES[inner], atol=1e-6)


@pytest.mark.parametrize("kind", [Rotation(degrees=40.0), Scale(by=0.5), Shear(degrees=30.0)])
def test_the_centre_does_not_move(kind):
    found = kind.apply(IMAGES, None, None, rng())[0]
    np.testing.assert_allclose(found[:, 4, 3], IMAGES[:, 4, 3], rtol=1e-12)


def test_scaling_is_between_its_limits():
    """A vertical ramp shows the factor."""
    ramp = np.arange(9.0)[None, :, None, None].repeat(9, axis=2).repeat(200, axis=3)
    found = Scale(by=0.25).apply(ramp, None, None, rng())[0]
    factor = 1 / (found[0, 5, 4] - found[0, 4, 4])
    assert 1 / 1.25 <= factor.min() < 0.83
    assert 1.22 < factor.max() <= 1.25


def test_shearing_moves_rows_sideways():
    rows = np.arange(9.0)[None, :, None, None] * np.ones((1, 9, 9, 20))
    columns = np.arange(9.0)[None, None, :, None] * np.ones((1, 9, 9, 20))
    shear = Shear(degrees=20.0)
    down, across = (shear.apply(a, None, None, rng())[0][0] for a in (rows, columns))
    np.testing.assert_allclose(down[3:6, 4], rows[0, 3:6, 4], rtol=1e-12)
    slope = across[5, 4] - across[4, 4]
    assert (np.abs(slope) <= np.tan(np.radians(20)) + 1e-12).all()
    assert np.ptp(slope) > 0.3


def test_bilinear_sampling_between_pixels():
    x = np.array([[[1.0, 3.0], [5.0, 9.0]]])[..., None]
    place = np.array([[[0.5]]]), np.array([[[0.5]]])
    assert sample_at(x, *place).item() == 4.5
    assert sample_at(x, np.array([[[1.0]]]), np.array([[[0.25]]])).item() == 6.0
    assert sample_at(x, np.array([[[-0.5]]]), np.array([[[0.0]]])).item() == 0.5
    assert sample_at(x, np.array([[[9.0]]]), np.array([[[0.0]]])).item() == 0.0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_cutout_is_a_square_of_zeros(size):
    x = np.ones((2, 9, 7, 200))
    found = Cutout(size=size).apply(x, None, None, rng())[0]
    np.testing.assert_array_equal(found[0], found[1])
    holes = 9 * 7 - found[0].sum(axis=(0, 1))
    assert holes.max() == size * size
    assert holes.min() > 0
    whole = found[0][..., holes == size * size]
    for k in range(whole.shape[-1]):
        rows, columns = np.nonzero(whole[..., k] == 0)
        assert (np.ptp(rows), np.ptp(columns)) == (size - 1, size - 1)


def test_brightness_multiplies_a_sample():
    x = np.repeat(IMAGES[..., :1], 300, axis=-1)
    factors = Brightness(by=0.25).apply(x, None, None, rng())[0] / x
    np.testing.assert_allclose(factors, factors[:1, :1, :1].repeat(2, 0).repeat(9, 1).repeat(7, 2))
    assert 0.75 <= factors.min() < 0.77
    assert 1.23 < factors.max() <= 1.25


def test_the_mean_of_a_large_image_keeps_its_digits():
    """Contrast leaves a constant image as it is; added up in float32, its mean was 0.09975."""
    x = np.full((1, 512, 512, 2), 0.1, np.float32)
    found = Contrast(by=0.5).change(x, np.random.default_rng(0))
    np.testing.assert_array_equal(found, x)


def test_contrast_keeps_the_mean():
    found = Contrast(by=0.5).apply(IMAGES, None, None, rng())[0]
    axes = (0, 1, 2)
    np.testing.assert_allclose(found.mean(axes), IMAGES.mean(axes), rtol=1e-12)
    share = found.std(axes) / IMAGES.std(axes)
    assert ((share >= 0.5) & (share <= 1.5)).all()
    assert np.ptp(share) > 0.1


def test_noise_is_normal():
    x = np.ones((50, 1000))
    noise = GaussianNoise(std=0.3).apply(x, None, None, rng())[0] - x
    assert abs(noise.mean()) < 4 * 0.3 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.3) < 4 * 0.3 / np.sqrt(2 * noise.size)


def test_mixup_mixes_samples_and_targets_equally():
    x = np.eye(6)  # sample k is the k-th unit vector, so that it shows the shares
    y = np.arange(6)
    mixed, targets = Mixup(alpha=1.0).apply(x, y, 6, rng(3))
    np.testing.assert_allclose(mixed, targets, rtol=1e-15)
    np.testing.assert_allclose(targets.sum(axis=0), 1, rtol=1e-12)
    assert ((targets > 0).sum(axis=0) == 2).any()
    again, same = Mixup(alpha=1.0).apply(x, np.eye(6), None, rng(3))
    np.testing.assert_array_equal(again, mixed)
    np.testing.assert_array_equal(same, targets)


# --- in training -----------------------------------------------------------------------------

CONFIG = {
    "data": {
        "source": "inline",
        "inputs": (np.arange(8 * 16) % 11).reshape(8, 1, 4, 4).tolist(),
        "targets": [0, 1] * 4,
        "validation": 2,
        "augment": [{"gaussian_noise": {"std": 1.0}}],
    },
    "network": ["flatten", {"dense": {"units": 2}}],
}


def test_only_the_training_split_is_changed(experiment_of):
    experiment = experiment_of(**CONFIG)
    assert len(experiment.batches("train").augmentations) == 1
    assert experiment.batches("val").augmentations == ()
    stored = np.moveaxis(experiment.data.train.x, 0, -1)
    plain, _ = experiment.batches("train").take(np.arange(6))  # as in evaluation
    np.testing.assert_array_equal(plain, stored)
    trained, _ = load_shard(experiment, np.arange(6), step=0, k=0)
    assert (trained != stored).all()


def test_draws_are_keyed_by_step_shard_and_position(monkeypatch, experiment_of):
    monkeypatch.setattr("cnntrain.training.shards.shard_count", lambda network, samples: 2)
    twice = [{"gaussian_noise": {"std": 1.0}}] * 2
    experiment = experiment_of(**{**CONFIG, "data": {**CONFIG["data"], "augment": twice}})
    same = np.zeros(6, int)  # one sample repeated

    def noise(step, k):
        return load_shard(experiment, same, step, k)[0]

    np.testing.assert_array_equal(noise(3, 1), noise(3, 1))
    assert (noise(3, 0) != noise(3, 1)).all()
    assert (noise(3, 0) != noise(4, 0)).all()
    assert abs(np.std(noise(3, 0) - noise(4, 0)) - 2) < 0.6, "both draws are the same"


def test_augmented_labels_train(config_file, tmp_path):
    augment = ["mixup", {"shift": {"pixels": 1}}, "cutout"]
    data = {**CONFIG["data"], "augment": augment}
    path = config_file(**{**CONFIG, "data": data}, metrics=["macro_f1"])
    assert run_fit(path, FitOptions(out=tmp_path / "run", quiet=True)) == 0

"""Normalization against plain NumPy, with statistics of the training split only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.data import by_index
from cnntrain.data.dataset import Split
from cnntrain.data.normalize import fit_normalizer, statistics_shape
from cnntrain.runs.checkpoint import load, save
from cnntrain.training.state import start

KINDS = ("none", "unit", "per_channel", "per_feature")
FLOAT64 = np.dtype(np.float64)


def images(n=50, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, (n, 3, 4, 5)).astype(dtype)


def fitted(kind, x):
    return fit_normalizer(kind, Split(x, np.zeros(len(x))))


def applied(kind, x, fitted_on=None):
    """The samples (N, ...) after normalization."""
    normalizer = fitted(kind, x if fitted_on is None else fitted_on)
    return np.moveaxis(normalizer.apply(np.moveaxis(x, 0, -1), FLOAT64), -1, 0)


def plain(kind, x):
    x = x.astype(np.float64)
    if kind == "none":
        return x
    if kind == "unit":
        return (x - x.min()) / (x.max() - x.min())
    axes = (0, 2, 3) if kind == "per_channel" and x.ndim == 4 else (0,)
    return (x - x.mean(axis=axes, keepdims=True)) / x.std(axis=axes, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("sample", [(3, 4, 5), (60,)])
def test_against_plain_numpy(kind, dtype, sample):
    x = images(dtype=dtype).reshape(50, *sample)
    np.testing.assert_allclose(applied(kind, x), plain(kind, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["per_channel", "per_feature"])
def test_many_samples_are_summed_in_chunks(monkeypatch, kind):
    x = images()
    whole = applied(kind, x)
    monkeypatch.setattr(by_index, "CHUNK", 7)
    np.testing.assert_allclose(applied(kind, x), whole, rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "sample", "shape"),
    [
        ("none", (3, 4, 5), (1, 1, 1)),
        ("unit", (3, 4, 5), (1, 1, 1)),
        ("unit", (6,), (1,)),
        ("per_channel", (3, 4, 5), (3, 1, 1)),
        ("per_channel", (6,), (6,)),
        ("per_channel", (3, 1, 1), (3, 1, 1)),
        ("per_feature", (3, 4, 5), (3, 4, 5)),
        ("per_feature", (6,), (6,)),
    ],
)
def test_the_shape_of_the_statistics(kind, sample, shape):
    assert statistics_shape(kind, sample) == shape
    normalizer = fitted(kind, np.zeros((4, *sample)))
    assert normalizer.shift.shape == normalizer.scale.shape == shape


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [1, 5])
def test_a_constant_feature_does_not_divide_by_zero(kind, samples):
    x = np.full((samples, 2, 3, 3), 7.0)
    expected = 7.0 if kind == "none" else 0.0
    np.testing.assert_array_equal(applied(kind, x), expected)


@pytest.mark.parametrize("kind", ["per_channel", "per_feature"])
def test_a_constant_feature_among_others_is_only_shifted(kind):
    x = images(dtype=np.float64)
    x[:, 1] = 9.0
    found = applied(kind, x)
    np.testing.assert_array_equal(found[:, 1], 0)
    np.testing.assert_allclose(found[:, 0].std(axis=0).mean(), 1, rtol=0.1)


def test_small_deviations_around_large_means_are_exact():
    x = 1e8 + np.random.default_rng(0).standard_normal((1000, 1))
    np.testing.assert_allclose(applied("per_feature", x), plain("per_feature", x), rtol=1e-9)


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20),
    kind=st.sampled_from(["unit", "per_feature"]),
)
def test_any_column_gets_its_range(values, kind):
    found = applied(kind, np.array(values)[:, None])
    assert np.isfinite(found).all()
    if kind == "unit":
        assert found.min() == 0
        assert found.max() <= 1 + 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_have_the_precision_of_the_network(dtype):
    x = images()
    given = np.moveaxis(x, 0, -1)
    found = fitted("per_channel", x).apply(given, np.dtype(dtype))
    assert found.dtype == np.dtype(dtype)
    assert found.flags.c_contiguous
    assert not np.shares_memory(found, x)


def test_float_samples_are_copied_not_modified():
    x = images(dtype=np.float64)
    before = x.copy()
    for kind in KINDS:
        fitted(kind, x).apply(np.moveaxis(x, 0, -1), FLOAT64)[...] += 1
    np.testing.assert_array_equal(x, before)


# In an experiment

DATA = {"source": "digits", "validation": 400, "normalize": "per_feature"}
NETWORK = ["flatten", {"dense": {"units": 10}}]


def test_statistics_are_of_the_training_split_only(experiment_of):
    data = experiment_of(data=DATA, network=NETWORK).data
    x = data.train.x.astype(np.float64)
    np.testing.assert_allclose(data.normalizer.shift, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        data.normalizer.scale, np.where(x.std(axis=0) > 0, x.std(axis=0), 1), rtol=1e-12
    )
    held_out = np.concatenate([x, data.splits["val"].x])
    assert not np.allclose(data.normalizer.shift, held_out.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("split", ["val", "test"])
def test_other_splits_are_normalized_with_the_training_statistics(experiment_of, split):
    experiment = experiment_of(data=DATA, network=NETWORK, dtype="float64")
    raw = experiment.data.splits[split].x.astype(np.float64)
    x, _ = experiment.batches(split).take(np.arange(len(raw)))
    shift, scale = experiment.data.normalizer.shift, experiment.data.normalizer.scale
    np.testing.assert_allclose(np.moveaxis(x, -1, 0), (raw - shift) / scale, rtol=1e-12)


def test_statistics_are_in_the_checkpoint(tmp_path, experiment_of):
    experiment = experiment_of(data=DATA, network=NETWORK)
    save(tmp_path / "a.npz", experiment, start(experiment.plan, experiment.network))
    found = load(tmp_path / "a.npz").normalizer
    for name, array in experiment.data.normalizer.arrays().items():
        assert found.arrays()[name].tobytes() == array.tobytes()
        assert found.arrays()[name].dtype == np.float64


# Rounding

FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("samples", [3, 10, 1000, 5000])
@pytest.mark.parametrize("value", [0.1, -1 / 3, 1.7e9 + 0.1, 1e-20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_is_not_divided_by_its_rounding(samples, value, dtype):
    """The computed deviation of 1,000 times 0.1 is 2.8e-17."""
    x = np.full((samples, 1), value, dtype)
    normalizer = fitted("per_feature", x)
    assert normalizer.scale.tolist() == [1.0]
    other = normalizer.apply(x[:1].astype(np.float64) + 1, FLOAT32)
    assert other == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("kind", ["per_channel", "per_feature"])
@pytest.mark.parametrize("value", [0.1, 0.3, 123.456])
def test_a_constant_channel_is_not_divided_by_its_rounding(kind, value):
    x = images(dtype=np.float64)
    x[:, 2] = value
    assert np.abs(applied(kind, x)[:, 2]).max() < 1e-9


def test_what_varies_little_is_not_constant():
    x = 1.0 + 1e-9 * np.random.default_rng(0).standard_normal((1000, 1))
    assert applied("per_feature", x).std() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("kind", ["unit", "per_feature"])
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_large_numbers_are_shifted_before_they_are_rounded(kind, dtype):
    """Of 1.7e9 ± 100, 5 of 1,000 distinct values were left in float32."""
    x = (1.7e9 + np.linspace(-100, 100, 1000)[:, None] * (1 if dtype is np.float64 else 10)).astype(
        dtype
    )
    found = fitted(kind, x).apply(x.T, FLOAT32)
    assert found.dtype == np.float32
    assert len(np.unique(found)) == len(np.unique(x)) == 1000
    np.testing.assert_allclose(found.T, plain(kind, x), rtol=1e-6, atol=1e-6)


def test_float32_samples_far_from_0_are_centred_exactly():
    x = (1e6 + np.random.default_rng(0).standard_normal((500, 2))).astype(np.float32)
    found = fitted("per_feature", x).apply(x.T, FLOAT32)
    np.testing.assert_allclose(found.T, plain("per_feature", x), atol=1e-6)


def test_large_numbers_survive_an_augmentation(tmp_path, experiment_of):
    x = 1.7e9 + np.linspace(-100, 100, 1000)[:, None]
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(1000) % 2)
    data = {"source": "npz", "train": str(tmp_path / "data.npz"), "normalize": "per_feature"}
    experiment = experiment_of(
        data={**data, "augment": ["mixup"]}, network=[{"dense": {"units": 2}}]
    )
    batches, draw = experiment.batches("train"), np.random.default_rng
    found, y = batches.take(np.arange(1000), draw)
    assert found.dtype == y.dtype == np.float32
    assert len(np.unique(found)) > 900

"""The contract of every registered loss; the registry is the list of losses."""

import itertools

import numpy as np
import pytest

from cnntrain.diagnostics.differences import DEFAULT_TOLERANCE
from cnntrain.diagnostics.gradcheck import check_loss
from cnntrain.losses import Loss

EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, loss in Loss.kinds.items()
    for i, example in enumerate(loss.examples())
]
SAMPLES = 6

every_example = pytest.mark.parametrize("example", EXAMPLES)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def case(example, dtype=np.float64, samples=SAMPLES):
    """(loss, z, y), both arrays read-only."""
    loss, out_shape, target_shape = example
    rng = np.random.default_rng(2)
    z = rng.standard_normal((*out_shape, samples)).astype(dtype)
    if target_shape is None:
        y = rng.integers(0, out_shape[0], samples)
    else:
        y = rng.standard_normal((*target_shape, samples)).astype(dtype)
    z.setflags(write=False)
    y.setflags(write=False)
    return loss, z, y


@pytest.mark.parametrize("kind", Loss.kinds)
def test_kind_has_examples(kind):
    examples = Loss.kinds[kind].examples()
    assert examples
    assert all(type(loss) is Loss.kinds[kind] for loss, _, _ in examples)


@every_example
def test_the_example_passes_the_check_of_the_loss(example):
    loss, out_shape, target_shape = example
    loss.check(out_shape, target_shape)


@every_example
@pytest.mark.parametrize("seed", range(3))
def test_delta_equals_central_differences(example, seed):
    (verdict,) = check_loss(*example, seed, DEFAULT_TOLERANCE)
    assert verdict.ok, verdict


@every_example
@every_dtype
def test_shapes_and_dtypes(example, dtype):
    loss, z, y = case(example, dtype)
    total, delta = loss.forward(z, y)
    assert type(total) is float
    assert delta.shape == z.shape
    assert delta.dtype == dtype


@every_example
def test_delta_shares_no_memory(example):
    """The caller divides δ by m in place."""
    loss, z, y = case(example)
    before = z.copy(), y.copy()
    _, delta = loss.forward(z, y)
    assert delta.flags.writeable
    assert not np.shares_memory(delta, z)
    assert not np.shares_memory(delta, y)
    np.testing.assert_array_equal(z, before[0])
    np.testing.assert_array_equal(y, before[1])


@every_example
@pytest.mark.parametrize("edges", [(0, 2, 6), (0, 1, 2, 5, 6)])
def test_sums_add_up_over_any_division_of_the_batch(example, edges):
    loss, z, y = case(example)
    whole, delta = loss.forward(z, y)
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    found = [loss.forward(z[..., part], y[..., part]) for part in parts]
    assert sum(total for total, _ in found) == pytest.approx(whole, rel=1e-13)
    np.testing.assert_allclose(np.concatenate([d for _, d in found], axis=-1), delta, rtol=1e-12)


@every_example
def test_a_batch_of_one_works(example):
    loss, z, y = case(example, samples=1)
    total, delta = loss.forward(z, y)
    assert np.isfinite(total)
    assert np.isfinite(delta).all()


@every_example
def test_round_trip_through_yaml(example, read_back):
    loss, *_ = example
    assert read_back(Loss, loss) == loss

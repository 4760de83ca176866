"""The area under the ROC curve is that of all pairs, for any division of the samples."""

import functools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnntrain.metrics import ranking
from cnntrain.metrics.classification import Auc
from cnntrain.metrics.ranking import areas, merged_scores, score_sums
from cnntrain.training.shards import cut


def area_of_pairs(scores, yes):
    """By comparing every yes with every no; None without a pair."""
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[yes] for b in scores[~yes]]
    return sum(pairs) / len(pairs) if pairs else None


def divided(scores, yes, parts):
    found = [score_sums(scores[:, s], yes[:, s]) for s in cut(scores.shape[1], parts)]
    return functools.reduce(merged_scores, found)


def from_a_checkpoint(sums):
    read = json.loads(json.dumps({name: np.asarray(a).tolist() for name, a in sums.items()}))
    return {name: np.array(a) if isinstance(a, list) else a for name, a in read.items()}


def normal_areas(mean, deviation, apart, n=20_000, dtype=np.float32):
    """(area found, area by scikit-learn's formula: mean ranks) of two normal distributions."""
    rng = np.random.default_rng(0)
    yes = np.arange(n) % 2 == 1
    scores = (mean + deviation * rng.standard_normal(n) + apart * yes).astype(dtype)
    (found,) = areas(score_sums(scores[None], yes[None]))
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    count = int(yes.sum())
    return found, (ranks[yes].sum() - count * (count + 1) / 2) / (count * (n - count))


FLOATS = st.sampled_from([0.0, -0.0, 2.0**-140, 20.0, 20.000002, 1e30, -1e30]) | st.floats(
    -(2.0**100), 2.0**100, width=32
)


@given(
    scores=arrays.arrays(np.float32, st.integers(1, 30), elements=FLOATS),
    seed=st.integers(0, 99),
    parts=st.integers(1, 30),
)
def test_equals_the_share_of_all_pairs(scores, seed, parts):
    yes = np.random.default_rng(seed).random(len(scores)) < 0.5
    (found,) = areas(divided(scores[None], yes[None], min(parts, len(scores))))
    expected = area_of_pairs(scores, yes)
    assert found == expected if expected is None else found == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("mean", "deviation"), [(20.0, 3.0), (200.0, 30.0), (-1e3, 1e2), (0.0, 1.0), (1e-9, 1e-10)]
)
def test_confident_scores_keep_their_ranking(mean, deviation):
    """By histograms of probabilities logits of 20 ± 3 had the area 0.5003."""
    found, expected = normal_areas(mean, deviation, apart=0.65 * deviation)
    assert expected == pytest.approx(0.677, abs=0.01)
    assert found == pytest.approx(expected, rel=1e-13)


def test_float64_scores_are_not_rounded():
    scores = 1.0 + np.arange(1, 5)[None] * 1e-12
    assert areas(score_sums(scores, np.array([[False, True, False, True]]))) == [0.75]


def test_every_label_has_its_own_area():
    scores = np.array([[0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0], [5.0, 5.0, 5.0, 5.0]])
    yes = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]], bool)
    assert areas(score_sums(scores, yes)) == [1.0, 0.0, None]
    assert areas(divided(scores, yes, 4)) == [1.0, 0.0, None]


# --- more distinct scores than are kept ------------------------------------------------------


@pytest.fixture
def few_kept(monkeypatch):
    monkeypatch.setattr(ranking, "MOST_SCORES", 64)


@pytest.mark.usefixtures("few_kept")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parts", [2, 3, 7, 100, 1000])
def test_dropped_digits_do_not_depend_on_the_division(parts, dtype):
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((2, 1000)).astype(dtype)
    yes = rng.random((2, 1000)) < 0.5 + 0.2 * np.tanh(scores)
    whole = areas(score_sums(scores, yes))
    assert areas(divided(scores, yes, parts)) == whole
    shuffled = rng.permutation(1000)
    assert areas(divided(scores[:, shuffled], yes[:, shuffled], parts)) == whole


@pytest.mark.usefixtures("few_kept")
def test_a_checkpoint_in_between_changes_nothing():
    rng = np.random.default_rng(2)
    scores, yes = rng.standard_normal((1, 900)), rng.random((1, 900)) < 0.5
    first, second = (score_sums(scores[:, s], yes[:, s]) for s in cut(900, 2))
    first = merged_scores(first, score_sums(scores[:, :0], yes[:, :0]))
    assert first["score_digits_dropped"] > 0
    again = merged_scores(from_a_checkpoint(first), second)
    assert areas(again) == areas(merged_scores(first, second))


@pytest.mark.usefixtures("few_kept")
def test_memory_is_bounded_and_so_is_the_error():
    rng = np.random.default_rng(3)
    scores, yes = rng.standard_normal((1, 5000)), rng.random((1, 5000)) < 0.4
    sums = divided(scores, yes, 100)
    assert sums["scores"].shape[1] <= 2 * 64 + 50
    columns, _ = ranking._compacted(sums["scores"], sums["score_digits_dropped"])
    no, positive = columns[2:]
    bound = 0.5 * (no * positive).sum() / (no.sum() * positive.sum())
    assert bound < 0.05
    assert math.isclose(areas(sums)[0], area_of_pairs(scores[0], yes[0]), abs_tol=bound)


def test_of_200_000_scores_the_area_is_off_by_less_than_a_millionth():
    found, expected = normal_areas(20.0, 3.0, apart=2.0, n=200_000)
    assert found == pytest.approx(expected, abs=1e-6)


def test_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn to compare with")
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 3000)
    z = (50 + np.round(4 * rng.standard_normal(3000) + 3 * y, 1)).astype(np.float32)[None]
    assert Auc().value(Auc().sums(z, y)) == pytest.approx(metrics.roc_auc_score(y, z[0]), rel=1e-13)

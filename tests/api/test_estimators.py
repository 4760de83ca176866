"""The estimators keep every promise that scikit-learn checks, and these."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="the estimators need scikit-learn")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits, make_blobs  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

import cnntrain as ct  # noqa: E402
from cnntrain.errors import ConfigError, DataError, Diverged  # noqa: E402

X, Y = make_blobs(120, centers=3, random_state=0, cluster_std=0.5)
NAMES = np.array(["red", "green", "blue"])[Y]


@parametrize_with_checks(
    [ct.CNNClassifier(epochs=30, threads=1), ct.CNNRegressor(epochs=30, threads=1)]
)
def test_what_scikit_learn_expects_of_an_estimator(estimator, check):
    check(estimator)


@pytest.fixture
def classifier():
    return ct.CNNClassifier(epochs=10, random_state=0, threads=1)


def test_classes_of_any_kind(classifier):
    assert classifier.fit(X, NAMES).score(X, NAMES) > 0.95
    assert classifier.classes_.tolist() == ["blue", "green", "red"]
    assert classifier.model_.classes == ("blue", "green", "red")
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 10


def test_a_random_state_gives_the_same_network(classifier):
    first, second = clone(classifier).fit(X, Y), clone(classifier).fit(X, Y)
    other = clone(classifier).set_params(random_state=1).fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))


def test_pickled_as_a_checkpoint(classifier):
    fitted = classifier.fit(X, NAMES)
    assert isinstance(fitted.__getstate__()["model_"], bytes)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    for estimator in (fitted, again):  # and what comes next is the same too
        estimator.partial_fit(X, NAMES)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_in_a_pipeline_and_a_search(classifier):
    pipeline = make_pipeline(StandardScaler(), classifier)
    grid = {"cnnclassifier__l2": [0.0, 1.0], "cnnclassifier__epochs": [1, 8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    assert search.best_params_["cnnclassifier__epochs"] == 8
    assert search.best_score_ > 0.9


def test_one_pass_after_the_other(classifier):
    rng = np.random.default_rng(0)
    for size in (40, 7, 120, 33, 64, 80, 99):
        chosen = rng.permutation(len(X))[:size]
        classifier.partial_fit(X[chosen], NAMES[chosen], classes=["red", "green", "blue"])
    assert classifier.n_iter_ == 7
    assert classifier.score(X, NAMES) > 0.9
    with pytest.raises(ValueError, match="y holds 'pink', which is not one of the classes"):
        classifier.partial_fit(X[:2], ["red", "pink"])


def test_passes_equal_one_training_of_as_many_epochs(classifier):
    """Where all passes see the same samples, nothing differs from training at once."""
    whole = clone(classifier).set_params(epochs=3).fit(X, Y)
    for _ in range(3):
        classifier.partial_fit(X, Y)
    np.testing.assert_array_equal(classifier.predict_proba(X), whole.predict_proba(X))


def test_a_warm_start_continues(classifier):
    classifier.set_params(warm_start=True, epochs=2)
    losses = [classifier.fit(X, Y).loss_curve_[-1] for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert classifier.n_iter_ == 8
    with pytest.raises(ValueError, match="warm_start: y has other classes than before"):
        classifier.fit(X, Y % 2)


def test_rows_of_pixels_as_images():
    x, y = load_digits(return_X_y=True)
    layers = [{"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}}, "flatten"]
    for chosen in (layers, None):
        network = ct.CNNClassifier(chosen, shape=(1, 8, 8), epochs=3, random_state=0)
        assert network.fit(x[:1000], y[:1000]).score(x[1000:], y[1000:]) > 0.8


def test_more_keys_of_the_config(classifier):
    train = {"stop": {"patience": 1}}
    more = {"data": {"validation": 0.2}, "schedule": "cosine", "train": train}
    fitted = classifier.set_params(config=more, epochs=200).fit(X, Y)
    assert fitted.n_iter_ < 200
    with pytest.raises(ConfigError, match="nonsense: unknown key"):
        clone(classifier).set_params(config={"nonsense": 1}).fit(X, Y)


def test_several_targets():
    targets = np.stack([1000 * X[:, 0], X.sum(axis=1)], axis=1)
    network = ct.CNNRegressor(epochs=60, random_state=0, threads=1)
    assert network.fit(X, targets).predict(X[:5]).shape == (5, 2)
    assert network.score(X, targets) > 0.95
    assert network.fit(X, targets[:, 0]).predict(X[:5]).shape == (5,)
    assert network.partial_fit(X, targets[:, 0]).n_iter_ == 61


def test_what_diverges_says_so(classifier):
    classifier.set_params(optimizer={"sgd": {"lr": 1e300}})
    with pytest.raises(Diverged, match=r"is not finite .*; try a lower learning rate"):
        classifier.fit(X, Y)


def test_a_checkpoint_does_not_hold_the_arrays(classifier):
    model = classifier.fit(X, NAMES).model_
    assert model.evaluate(X, NAMES)["accuracy"] > 0.95
    with pytest.raises(DataError, match="given as arrays in Python and is not stored; evaluate"):
        model.evaluate()

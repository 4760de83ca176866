"""Networks as estimators for scikit-learn (extra ``sklearn``)."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from cnntrain.api.estimator import NetworkEstimator
from cnntrain.types import Array


class CNNClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """A network for classes, as scikit-learn's estimators are used.

    ``layers``: entries of a config's ``network``, before the output layer, which is added (default:
    one hidden layer of 32 units). ``shape``: (C, H, W), if rows of X are images. ``loss``,
    ``optimizer``: as in a config (default: cross_entropy; Adam with 0.01). ``epochs``,
    ``batch_size``, ``l2`` and ``normalize``: as in a config. ``config``: further keys, such as
    {"schedule": "cosine", "train": {"stop": {"patience": 5}}}. ``warm_start``: ``fit`` continues
    from the weights it left. ``random_state``: a number gives the same network every time.
    ``threads``: default all cores; the result does not depend on it.

    Fitted: ``classes_``, ``model_`` (a ``cnntrain.Model``), ``loss_curve_``, ``n_iter_``.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> import cnntrain as ct
    >>> X, y = load_iris(return_X_y=True)
    >>> network = ct.CNNClassifier([{"dense": {"units": 8, "activation": "tanh"}}], random_state=0)
    >>> bool(cross_val_score(network, X, y, cv=3).mean() > 0.9)
    True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on samples X (N, J) with classes y (N,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        known = getattr(self, "classes_", None)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({self.classes_[0]!r}); there must be two")
        if self.warm_start and known is not None and not np.array_equal(known, self.classes_):
            raise ValueError(f"warm_start: y has other classes than before ({known})")
        self._train(X, codes.astype(np.int64), len(self.classes_), self._names)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train one pass over more samples; the first call names all ``classes``."""
        first = not hasattr(self, "model_")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        check_classification_targets(y)
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        if unknown := sorted({*np.unique(y).tolist()} - {*self.classes_.tolist()}, key=str):
            raise ValueError(f"y holds {unknown[0]!r}, which is not one of the classes")
        codes = np.searchsorted(self.classes_, y).astype(np.int64)
        self._train_once(X, codes, len(self.classes_), self._names)
        return self

    def predict(self, X: Any) -> Array:
        """The classes (N,)."""
        winners = self._scores(X).argmax(axis=1)
        return self.classes_[winners]

    def predict_proba(self, X: Any) -> Array:
        """The probability (N, classes) of every class; of losses that give any."""
        return self._scores(X)

    def _scores(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.model_.scores(self._shaped(X))

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(map(str, self.classes_.tolist()))

    def _usual_loss(self) -> str:
        return "cross_entropy"


class CNNRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """A network for real-valued targets, one or several; parameters as for ``CNNClassifier``.

    The default loss is squared_error; targets are standardized in training.

    >>> import numpy as np
    >>> import cnntrain as ct
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> network = ct.CNNRegressor(random_state=0).fit(X, 1000 * X[:, 0] ** 2)
    >>> bool(network.score(X, 1000 * X[:, 0] ** 2) > 0.95)
    True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on samples X (N, J) with targets y (N,) or (N, K)."""
        X, y = self._checked(X, y, reset=True)
        self._train(X, y, y.shape[1], None)
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train one pass over more samples."""
        X, y = self._checked(X, y, reset=not hasattr(self, "model_"))
        self._train_once(X, y, y.shape[1], None)
        return self

    def predict(self, X: Any) -> Array:
        """The targets, (N,) or (N, K) as in ``fit``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        found = self.model_.predict(self._shaped(X))
        return found[:, 0] if self._single else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, multi_output=True, reset=reset
        )
        y = np.asarray(y, np.float64)
        self._single = y.ndim == 1
        return X, y[:, None] if self._single else y

    def _data(self) -> dict[str, Any]:
        return {"normalize_targets": "standardize"}

    def _usual_loss(self) -> str:
        return "squared_error"

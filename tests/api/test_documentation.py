"""The examples in the docstrings are run, and what they promise of the package holds."""

import doctest
import importlib
import subprocess
import sys

import pytest

import cnntrain

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.mark.parametrize("module", ["model", "training", "estimators"])
def test_the_examples_of_a_module(module):
    if module == "estimators":
        pytest.importorskip("sklearn", reason="the estimators need scikit-learn")
    found = doctest.testmod(importlib.import_module(f"cnntrain.api.{module}"))
    assert found.failed == 0
    assert found.attempted >= 5


def test_everything_promised_is_there():
    for name in cnntrain.__all__:
        assert getattr(cnntrain, name) is not None
        assert name.startswith("__") or getattr(cnntrain, name).__doc__
        assert name in dir(cnntrain), "a shell completes it"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'cnntrain' has no attribute 'nonsense'"):
        _ = cnntrain.nonsense


def test_estimators_without_scikit_learn_name_the_extra():
    code = "import sys; sys.modules['sklearn'] = None\nimport cnntrain\ncnntrain.CNNClassifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: CNNClassifier needs scikit-learn 1.6 or newer; install it with: "
        "pip install 'cnntrain[sklearn]'"
    )

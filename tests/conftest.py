"""Shared by all tests: Hypothesis without surprises, and how tests get torch and networks."""

import warnings

import pytest
from hypothesis import settings

settings.register_profile("cnntrain", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("cnntrain")


@pytest.fixture(scope="session")
def torch():
    """PyTorch as an independent witness; without it the tests that ask it are skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch", reason="PyTorch, the independent witness, is missing")


@pytest.fixture(scope="session")
def network_of():
    """``network_of(in_shape, *layers)``: a network of these layers with their usual names."""
    from cnntrain.network import Item, Network

    def build(in_shape, *layers):
        return Network.build([Item(layer=layer) for layer in layers], in_shape)

    return build


@pytest.fixture(scope="session")
def evaluation():
    """The context of a pass that is no training."""
    from cnntrain.network import Pass

    return Pass().context(0)


@pytest.fixture(scope="session")
def training():
    """The context of one layer in one training step; its random stream is always the same."""
    from cnntrain.network import Pass

    return Pass(training=True, seed=1, step=2).context(3)

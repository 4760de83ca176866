"""Traces of small trainings."""

import numpy as np
import pytest

from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.views.trace.trace import trace


@pytest.fixture
def traced_steps(experiment_of):
    """``traced_steps(network, x, y, steps, **sections)``: so many updates on these samples, batch
    last."""

    def traced(network, x, y, steps, **sections):
        data = {
            "source": "inline",
            "inputs": np.moveaxis(x, -1, 0).tolist(),
            "targets": np.moveaxis(y, -1, 0).tolist(),
        }
        sections = {"loss": "squared_error", "dtype": "float64", **sections}
        experiment = experiment_of(network=network, data=data, **sections)
        state = start(experiment.plan, experiment.network)
        clock = training_clock(experiment.plan, x.shape[-1])
        return trace(experiment, state, clock, range(x.shape[-1]), steps).steps

    return traced

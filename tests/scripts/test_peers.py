"""The peers of the benchmark work out the same numbers as we do."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnntrain.network.network import Pass

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # as if a script there were run
from benchmark.nets import CLASSES, NETS, experiment_of
from benchmark.peers import batch_of, outputs


@pytest.mark.parametrize("peer", ["jax", "tensorflow", "tinygrad"])
@pytest.mark.parametrize("name", [name for name in NETS if not name.startswith("lenet5-batch2")])
def test_a_peer_gives_the_outputs_of_our_network(peer, name):
    pytest.importorskip(peer, reason=f"{peer} is not installed")
    net = replace(NETS[name], batch=2)
    network = experiment_of(net, CLASSES).network
    x, _ = batch_of(net)
    turned = np.ascontiguousarray(x.T if x.ndim == 2 else x.transpose(3, 1, 2, 0))
    params = network.init(0, np.dtype(np.float32))
    z, _ = network.forward(params, turned, Pass(training=True))
    np.testing.assert_allclose(np.asarray(outputs(peer, net)), z.T, rtol=1e-3, atol=1e-4)

"""Networks with arrays to be exported."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def exported_network():
    """``exported_network(example, rng)``: the model of one layer with its arrays at random.

    A layer that joins several inputs has layers before it, whose outputs it joins.
    """
    from cnntrain.data.dataset import Schema
    from cnntrain.diagnostics.gradcheck import spread
    from cnntrain.exchange.model import Model
    from cnntrain.layers import Layer
    from cnntrain.network.graph import Item
    from cnntrain.network.network import Network

    def joined(example):
        items, names = [], []
        for k, shape in enumerate(example.in_shape):
            units = Layer.kinds["dense"](units=int(np.prod(shape)))
            items.append(Item(layer=units, source="input"))
            items.append(Item(layer=Layer.kinds["reshape"](shape=shape), name=f"part{k}"))
            names.append(f"part{k}")
        return Network.build([*items, Item(layer=example.layer, source=tuple(names))], (4,))

    def drawn(param, rng):
        if param.is_buffer:
            return rng.uniform(0.5, 2, param.shape).astype(np.float32)
        return spread(param.shape, rng).astype(np.float32)

    def build(example, rng):
        if example.layer.joins:
            network = joined(example)
        else:
            network = Network.build([Item(layer=example.layer)], example.in_shape)
        params = {name: drawn(param, rng) for name, param in network.params.items()}
        return Model("small", network, params, None, Schema(None), "cross_entropy")

    return build

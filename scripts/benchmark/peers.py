"""The same networks in JAX, TensorFlow and tinygrad on the CPU, each compiled as it does best.

What is not installed is left out. JAX and TensorFlow use all cores that the process may use.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmark.nets import CLASSES, LEARNING_RATE, MOMENTUM, Net, experiment_of
from benchmark.turns import Step
from cnntrain.network.graph import AT_INPUT, Node
from cnntrain.types import as_pair

EPSILON = 1e-5  # of batch normalization

Apply = Callable[[Any, Mapping[str, Any]], Any]
Graph = tuple[Callable[[Any, Any], Any], dict[str, Any]]  # its output of inputs and weights; those


def peer_steps(net: Net) -> dict[str, Step]:
    """A training step of every peer that is installed."""
    found: dict[str, Step] = {}
    for build in (jax_steps, tensorflow_steps, tinygrad_steps):
        try:
            found |= build(net)
        except ImportError:
            continue
    return found


def batch_of(net: Net) -> tuple[Any, Any]:
    """Random samples (N, H, W, C) or (N, J), and labels."""
    rng = np.random.default_rng(0)
    c, *sides = net.in_shape
    x = rng.standard_normal((net.batch, *sides, c), dtype=np.float32)
    return x, rng.integers(0, CLASSES, net.batch).astype(np.int32)


def nodes_of(net: Net) -> Sequence[Node]:
    """The layers of our graph, in order."""
    return experiment_of(net, CLASSES).network.nodes


def arrays_of(net: Net, channels_last: bool = True) -> dict[str, Any]:
    """Our initial weights, with kernels as (KH, KW, C, F) and matrices as (J, K).

    ``channels_last``: what is read behind "flatten" is in the order of (H, W, C), ours of
    (C, H, W).
    """
    network = experiment_of(net, CLASSES).network
    arrays = network.init(0, np.dtype(np.float32))
    found: dict[str, Any] = {}
    for node in network.nodes:
        before = network.nodes[node.inputs[0]] if node.inputs[0] != AT_INPUT else None
        is_flat = channels_last and before is not None and before.layer.kind == "flatten"
        maps = before.in_shape if is_flat else None
        for letter in (letter for letter, param in node.params.items() if not param.is_buffer):
            name = f"{node.name}.{letter}"
            found[name] = np.ascontiguousarray(_turned(arrays[name], maps))
    return found


def _turned(array: Any, maps: Any) -> Any:
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if array.shape[-1] == 1:
        return array.reshape(-1)
    if maps is None:
        return array.T
    return array.reshape(-1, *maps).transpose(2, 3, 1, 0).reshape(-1, len(array))


def outputs(peer: str, net: Net) -> Any:
    """(N, K): what a peer gives of ``batch_of`` with our weights."""
    x, _ = batch_of(net)
    if peer == "jax":
        output, params = _jax_graph(net)
        return output(x, params)
    if peer == "tensorflow":
        output, params = _tensorflow_graph(net)
        return output(x, params)
    from tinygrad import Tensor

    output, params = _tinygrad_graph(net)
    return output(Tensor(_channels_first(x)), params).numpy()


def run_graph(nodes: Sequence[Node], layers: Sequence[Apply], x: Any, params: Any) -> Any:
    """The output of the graph whose layers are these functions."""
    values = {AT_INPUT: x}
    for i, (node, layer) in enumerate(zip(nodes, layers, strict=True)):
        first, *others = (values[k] for k in node.inputs)
        own = {name: params.get(f"{node.name}.{name}") for name in ("W", "b", "gamma", "beta")}
        values[i] = layer(sum(others, start=first), own)  # only "add" has several inputs
    return values[len(nodes) - 1]


def padding_of(layer: Any) -> str:
    """``SAME`` or ``VALID``, which is all that the timed networks use."""
    return "SAME" if getattr(layer, "padding", 0) == "same" else "VALID"


def jax_steps(net: Net) -> dict[str, Step]:
    """A compiled step in JAX, with channels last."""
    import jax
    import jax.numpy as jnp

    output, params = _jax_graph(net)
    x, y = (jnp.asarray(array) for array in batch_of(net))

    def cost(params: Any, x: Any, y: Any) -> Any:
        log_p = jax.nn.log_softmax(output(x, params))
        return -log_p[jnp.arange(len(y)), y].mean()

    def update(params: Any, moving: Any, x: Any, y: Any) -> Any:
        grads = jax.grad(cost)(params, x, y)
        moving = jax.tree.map(lambda v, g: MOMENTUM * v + g, moving, grads)
        return jax.tree.map(lambda w, v: w - LEARNING_RATE * v, params, moving), moving

    run = jax.jit(update, donate_argnums=(0, 1))
    state = [(params, jax.tree.map(jnp.zeros_like, params))]

    def step() -> None:
        state[0] = run(*state[0], x, y)
        jax.block_until_ready(state[0])

    return {"JAX": step}


def _jax_graph(net: Net) -> Graph:
    import jax

    layers = [_jax_layer(jax, node) for node in nodes_of(net)]
    params = {name: jax.numpy.asarray(array) for name, array in arrays_of(net).items()}
    return partial(run_graph, nodes_of(net), layers), params


def _jax_layer(jax: Any, node: Node) -> Apply:
    jnp, lax = jax.numpy, jax.lax
    layer: Any = node.layer

    def conv(x: Any, own: Mapping[str, Any]) -> Any:
        z = lax.conv_general_dilated(
            x, own["W"], as_pair(layer.stride), padding_of(layer),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return z if own["b"] is None else z + own["b"]

    def norm(x: Any, own: Mapping[str, Any]) -> Any:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        return (x - mean) * lax.rsqrt(var + EPSILON) * own["gamma"] + own["beta"]

    def pool(x: Any, start: float, reduce: Any) -> Any:
        size, stride = as_pair(layer.size), as_pair(layer.stride)
        return lax.reduce_window(x, start, reduce, (1, *size, 1), (1, *stride, 1), "VALID")

    make: dict[str, Apply] = {
        "conv2d": conv,
        "dense": lambda x, own: x @ own["W"] + own["b"],
        "relu": lambda x, own: jnp.maximum(x, 0),
        "flatten": lambda x, own: x.reshape(len(x), -1),
        "batch_norm": norm,
        "max_pool2d": lambda x, own: pool(x, -jnp.inf, lax.max),
        "avg_pool2d": lambda x, own: pool(x, 0.0, lax.add) / np.prod(as_pair(layer.size)),
        "global_avg_pool2d": lambda x, own: x.mean((1, 2)),
        "add": lambda x, own: x,
    }
    return make[layer.kind]


def tensorflow_steps(net: Net) -> dict[str, Step]:
    """A step in TensorFlow as one graph, with and without XLA."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    output, params = _tensorflow_graph(net)
    x, y = (tf.constant(array) for array in batch_of(net))
    moving = {name: tf.Variable(tf.zeros_like(array)) for name, array in params.items()}

    def step() -> None:
        with tf.GradientTape() as tape:
            z = output(x, params)
            cost = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z))
        for name, grad in tape.gradient(cost, params).items():
            moving[name].assign(MOMENTUM * moving[name] + grad)
            params[name].assign_sub(LEARNING_RATE * moving[name])

    return {
        "TensorFlow": tf.function(step),
        "TensorFlow XLA": tf.function(step, jit_compile=True),
    }


def _tensorflow_graph(net: Net) -> Graph:
    import tensorflow as tf

    layers = [_tensorflow_layer(tf, node) for node in nodes_of(net)]
    params = {name: tf.Variable(array) for name, array in arrays_of(net).items()}
    return partial(run_graph, nodes_of(net), layers), params


def _tensorflow_layer(tf: Any, node: Node) -> Apply:
    layer: Any = node.layer

    def conv(x: Any, own: Mapping[str, Any]) -> Any:
        z = tf.nn.conv2d(x, own["W"], as_pair(layer.stride), padding_of(layer))
        return z if own["b"] is None else z + own["b"]

    def norm(x: Any, own: Mapping[str, Any]) -> Any:
        found = tf.compat.v1.nn.fused_batch_norm(x, own["gamma"], own["beta"], epsilon=EPSILON)
        return found[0]

    def pool(x: Any, kind: str) -> Any:
        return tf.nn.pool(
            x, as_pair(layer.size), kind, strides=as_pair(layer.stride), padding="VALID"
        )

    make: dict[str, Apply] = {
        "conv2d": conv,
        "dense": lambda x, own: x @ own["W"] + own["b"],
        "relu": lambda x, own: tf.nn.relu(x),
        "flatten": lambda x, own: tf.reshape(x, (x.shape[0], -1)),
        "batch_norm": norm,
        "max_pool2d": lambda x, own: pool(x, "MAX"),
        "avg_pool2d": lambda x, own: pool(x, "AVG"),
        "global_avg_pool2d": lambda x, own: tf.reduce_mean(x, (1, 2)),
        "add": lambda x, own: x,
    }
    return make[layer.kind]


def tinygrad_steps(net: Net) -> dict[str, Step]:
    """A step in tinygrad, captured and made again."""
    os.environ.setdefault("DEV", "CPU")
    from tinygrad import Context, Tensor, TinyJit
    from tinygrad.nn.optim import SGD

    output, params = _tinygrad_graph(net)
    inputs = Tensor(_channels_first(batch_of(net)[0]))
    labels = Tensor(batch_of(net)[1])
    optimizer = SGD(list(params.values()), lr=LEARNING_RATE, momentum=MOMENTUM)

    @TinyJit
    def step() -> Any:
        optimizer.zero_grad()
        z = output(inputs, params)
        cost = z.sparse_categorical_crossentropy(labels).backward()
        with Context(TRAINING=1):
            return cost.realize(*optimizer.schedule_step())

    return {"tinygrad": lambda: step().numpy()}


def _channels_first(x: Any) -> Any:
    return x if x.ndim == 2 else np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _tinygrad_graph(net: Net) -> Graph:
    os.environ.setdefault("DEV", "CPU")
    from tinygrad import Tensor

    arrays = {
        name: array.transpose(3, 2, 0, 1).copy() if array.ndim == 4 else array
        for name, array in arrays_of(net, channels_last=False).items()
    }
    layers = [_tinygrad_layer(node) for node in nodes_of(net)]
    params = {name: Tensor(array) for name, array in arrays.items()}
    return partial(run_graph, nodes_of(net), layers), params


def _tinygrad_layer(node: Node) -> Apply:
    layer: Any = node.layer

    def conv(x: Any, own: Mapping[str, Any]) -> Any:
        down, across = layer.axes(node.in_shape)
        padding = (across.before, across.after, down.before, down.after)
        return x.conv2d(own["W"], own["b"], stride=layer.stride, padding=padding)

    def norm(x: Any, own: Mapping[str, Any]) -> Any:
        mean = x.mean((0, 2, 3))
        centred = x - mean.reshape(1, -1, 1, 1)
        inverse = ((centred * centred).mean((0, 2, 3)) + EPSILON).rsqrt()
        return x.batchnorm(own["gamma"], own["beta"], mean, inverse)

    make: dict[str, Apply] = {
        "conv2d": conv,
        "dense": lambda x, own: x @ own["W"] + own["b"],
        "relu": lambda x, own: x.relu(),
        "flatten": lambda x, own: x.flatten(1),
        "batch_norm": norm,
        "max_pool2d": lambda x, own: x.max_pool2d(as_pair(layer.size), as_pair(layer.stride)),
        "avg_pool2d": lambda x, own: x.avg_pool2d(as_pair(layer.size), as_pair(layer.stride)),
        "global_avg_pool2d": lambda x, own: x.mean((2, 3)),
        "add": lambda x, own: x,
    }
    return make[layer.kind]

"""The exercises by topic, drawn with clean numbers: layers with windows, and a small network."""

from collections.abc import Callable

import numpy as np

from cnntrain.types import Array
from cnntrain.views.languages import say
from cnntrain.views.trace.trace import StepTrace
from cnntrain.views.worksheet.exercise import (
    Exercise,
    Part,
    explained,
    inline,
    small,
    traced,
    with_delta,
)
from cnntrain.views.worksheet.formulas import batch_norm, optimizer, softmax

Draw = np.random.Generator


def conv(rng: Draw) -> Exercise:
    """A 3×3 input, a 2×2 kernel, δ of the output."""
    x = rng.integers(0, 5, (1, 1, 3, 3)).astype(float)
    W = _varied(rng, -2, 4, (2, 2))
    b, delta = float(rng.integers(-2, 3)), _varied(rng, -2, 3, (2, 2))[None, :, :, None]
    layer = {"conv2d": {"filters": 1, "kernel": 2, "init": {"W": [[W.tolist()]], "b": b}}}
    step = with_delta({"network": [layer]}, x, delta)
    z, dx = step.layers[0].gives.array, step.input_delta
    dW, db = (derivative.array for derivative in step.layers[0].to_params)
    image, back = x[0, 0], delta[0, :, :, 0]
    turned = W[::-1, ::-1]
    return Exercise(
        say("sheet.conv"),
        say("sheet.conv_task"),
        (("a", image), ("W", W), ("b", np.array([b])), ("δ = ∂C/∂z", back)),
        (
            Part("z", "z", small(z), explained(step, "conv1.z", z), {
                say("mistake.rotated_kernel"):
                    _correlate(image, turned) + b,
                say("mistake.bias_missing"): small(z) - b,
            }),
            Part("dW", "∂C/∂W", small(dW), explained(step, "conv1.W", dW), {
                say("mistake.delta_rotated"): _correlate(image, back[::-1, ::-1]),
                say("mistake.transposed"): small(dW).T,
                say("mistake.one_over_m_too_much"): small(dW) / 4,
            }),
            Part("db", "∂C/∂b", small(db), explained(step, "conv1.b", db), {
                say("mistake.mean_of_delta"): small(db) / 4,
            }),
            Part("da", "∂C/∂a", small(dx), explained(step, "input.delta", dx), {
                say("mistake.not_rotated"): _correlate(np.pad(back, 1), W),
                say("mistake.kernel_transposed"): _correlate(np.pad(back, 1), turned.T),
            }),
        ),
    )  # fmt: skip


def _varied(rng: Draw, low: int, high: int, shape: tuple[int, ...]) -> Array:
    """Integers that are not all alike, and do not look the same turned or transposed."""
    while True:
        drawn = rng.integers(low, high, shape).astype(float)
        if not np.array_equal(drawn, drawn[::-1, ::-1]) and not np.array_equal(drawn, drawn.T):
            return drawn


def _correlate(x: Array, W: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, W.shape)
    summed: Array = (windows * W).sum(axis=(2, 3))
    return summed


def mlp(rng: Draw) -> Exercise:
    """One update of a 2-2-1 network on two samples."""
    while True:
        step = _two_two_one(rng)
        hidden = step.layers[0].gives.array
        alive = (hidden > 0).any(axis=1).all() and (hidden < 0).any() and (hidden != 0).all()
        if alive and (step.layers[-1].delta != 0).all() and step.layers[0].delta.any():
            return _mlp_exercise(step)


def _two_two_one(rng: Draw) -> StepTrace:
    x, t = rng.integers(-2, 4, (2, 2)).astype(float), rng.integers(-3, 4, (2, 1)).astype(float)
    W1, W2 = _varied(rng, -2, 4, (2, 2)), rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], (1, 2))
    b1, b2 = rng.integers(-1, 2, 2).astype(float), rng.integers(-1, 2, 1).astype(float)
    network = [
        {"dense": {"units": 2, "activation": "relu",
                   "init": {"W": W1.tolist(), "b": b1.tolist()}}},
        {"dense": {"units": 1, "init": {"W": W2.tolist(), "b": b2.tolist()}}},
    ]  # fmt: skip
    return traced({"network": network, "data": inline(x, t), "loss": "squared_error"})


def _mlp_exercise(step: StepTrace) -> Exercise:
    hidden, _, out = step.layers
    arrays = {q.name: q.array for layer in step.layers for q in layer.params}
    grads = {d.of: d.array for layer in step.layers for d in layer.to_params}
    x, t = step.input.array, step.losses[0].targets
    delta2, delta1 = out.delta, hidden.delta
    slope = (hidden.gives.array > 0).astype(float)
    through = arrays["dense2.W"].T @ delta2
    dW1, dW2 = grads["dense1.W"], grads["dense2.W"]
    after = next(updated for updated in step.updates if updated.name == "dense1.W")
    given = [(say("sheet.columns"), x), ("W₁", arrays["dense1.W"])]
    given += [("b₁", small(arrays["dense1.b"])), ("W₂", arrays["dense2.W"])]
    given += [("b₂", small(arrays["dense2.b"])), ("t", small(t)), ("η", np.array([step.lr]))]
    new = say("sheet.new_w1", lr=f"{step.lr:g}")
    return Exercise(
        say("sheet.mlp"),
        say("sheet.mlp_task"),
        tuple(given),
        (
            Part("z1", "z₁", hidden.gives.array, explained(step, "dense1.z", hidden.gives.array), {
                say("mistake.transpose_used"):
                    arrays["dense1.W"].T @ x + arrays["dense1.b"],
                say("mistake.bias_missing"): arrays["dense1.W"] @ x,
            }),
            Part("z2", "z₂", small(out.gives.array), explained(step, "dense2.z", out.gives.array), {
                say("mistake.relu_missing"): small(
                    arrays["dense2.W"] @ hidden.gives.array + arrays["dense2.b"]),
            }),
            Part("delta2", "δ₂ = ∂C/∂z₂", small(delta2), explained(step, "dense2.delta", delta2), {
                say("mistake.one_over_m_missing"): small(delta2) * 2,
                say("mistake.output_minus_target"): -small(delta2),
                say("mistake.sign_and_m"): -small(delta2) * 2,
            }),
            Part("dW2", "∂C/∂W₂", small(dW2), explained(step, "dense2.W", dW2), {
                say("mistake.one_over_m_missing"): small(dW2) * 2,
                say("mistake.z_for_a"): small(delta2 @ hidden.gives.array.T),
                say("mistake.sign"): -small(dW2),
            }),
            Part("delta1", "δ₁ = ∂C/∂z₁", delta1, explained(step, "dense1.delta", delta1), {
                say("mistake.slope_missing"): through,
                say("mistake.other_sample"): through * slope[:, ::-1],
                say("mistake.sign"): -delta1,
                say("mistake.one_over_m_missing"): delta1 * 2,
            }),
            Part("dW1", "∂C/∂W₁", dW1, explained(step, "dense1.W", dW1), {
                say("mistake.transpose_missing"): dW1.T,
                say("mistake.x_not_transposed"): delta1 @ x,
                say("mistake.one_over_m_missing"): dW1 * 2,
                say("mistake.sign"): -dW1,
            }),
            Part("W1", new, after.after, explained(step, "dense1.ΔW", dW1), {
                say("mistake.gradient_added"): after.before - after.change,
                say("mistake.eta_missing"): after.before - dW1,
            }),
        ),
    )  # fmt: skip


def pool(rng: Draw) -> Exercise:
    """Maximum or mean over windows, some of which overlap."""
    kind, name, stride = [("max_pool2d", "max", 2), ("max_pool2d", "max", 1),
                          ("avg_pool2d", "average", 2)][rng.integers(3)]  # fmt: skip
    side = 4 if stride == 2 else 3
    x = rng.permutation(side * side).reshape(1, 1, side, side).astype(float)
    delta = _varied(rng, -3, 4, (2, 2))[None, :, :, None]
    step = with_delta({"network": [{kind: {"size": 2, "stride": stride}}]}, x, delta)
    layer, image, back = step.layers[0].name, x[0, 0], delta[0, :, :, 0]
    y, dx = step.layers[0].gives.array, step.input_delta
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2))[::stride, ::stride]
    other = windows.mean(axis=(2, 3)) if name == "max" else windows.max(axis=(2, 3))
    spread = np.zeros_like(image)
    for i, j in np.ndindex(2, 2):
        spread[i * stride : i * stride + 2, j * stride : j * stride + 2] += back[i, j]
    shares = {say("mistake.not_divided"): spread}
    if name == "max":
        shares = {say("mistake.to_the_whole_window"): spread,
                  say("mistake.equal_shares"): spread / 4}  # fmt: skip
    return Exercise(
        say(f"sheet.{name}"),
        say("sheet.pool_task", stride=stride),
        (("x", image), ("δ = ∂C/∂y", back)),
        (
            Part("y", "y", small(y), explained(step, f"{layer}.y", y), {
                say("mistake.is_average" if name == "max" else "mistake.is_max"): other,
            }),
            Part("dx", "∂C/∂x", small(dx), explained(step, "input.delta", dx), shares),
        ),
    )  # fmt: skip


TOPICS: dict[str, Callable[[Draw], Exercise]] = {
    "conv": conv,
    "mlp": mlp,
    "pool": pool,
    "softmax": softmax,
    "batch_norm": batch_norm,
    "optimizer": optimizer,
}

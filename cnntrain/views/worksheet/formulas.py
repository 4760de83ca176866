"""Exercises on formulas: softmax with cross-entropy, batch normalization, optimizers."""

from collections.abc import Callable, Mapping

import numpy as np

from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.adam import Adam
from cnntrain.optimizers.sgd import Sgd
from cnntrain.types import Array
from cnntrain.views.formula import Formula
from cnntrain.views.languages import say
from cnntrain.views.trace.recipe import Recipe, work_out
from cnntrain.views.trace.terms import Explanation
from cnntrain.views.trace.update_recipes import rule_lines
from cnntrain.views.worksheet.exercise import (
    Exercise,
    Part,
    explained,
    inline,
    traced,
    with_delta,
)

Draw = np.random.Generator
WrongRule = Callable[[Mapping[str, float], float], float]  # of the right numbers, and g


def softmax(rng: Draw) -> Exercise:
    """Three logits and a label: probabilities, cost, δ."""
    z = rng.permutation(np.arange(-2, 4))[:3].astype(float)
    label = int(rng.integers(3))
    data = inline(z[None], np.array([label])) | {"class_names": ["0", "1", "2"]}
    step = traced({"network": ["identity"], "data": data, "loss": "cross_entropy"})
    loss = step.losses[0]
    e = np.exp(z)
    p, t = e / e.sum(), np.eye(3)[label]
    how = explained(step, "loss.delta", loss.delta)
    return Exercise(
        say("sheet.softmax"),
        say("sheet.softmax_task", label=label),
        (("z", z), (say("sheet.one_hot"), t)),
        (
            Part("p", "p", p, how, {
                say("mistake.not_normalized"): e,
                say("mistake.z_normalized"): z / z.sum() if z.sum() else z,
            }),
            Part("C", "C", np.array([loss.cost]), (), {
                say("mistake.minus_missing"): -np.array([loss.cost]),
                say("mistake.log10"): np.array([loss.cost]) / np.log(10),
                say("mistake.all_classes"): np.array([-np.log(p).sum()]),
            }),
            Part("delta", "δ", p - t, how, {
                say("mistake.delta_sign"): t - p,
                say("mistake.target_missing"): p,
                say("mistake.only_true_class"): (p - t) * t,
                say("mistake.sigmoid_slope"): (p - t) * p * (1 - p),
            }),
        ),
    )  # fmt: skip


def batch_norm(rng: Draw) -> Exercise:
    """Four samples of one unit, with a clean mean and deviation."""
    mean, sigma = float(rng.integers(-2, 4)), float(rng.integers(1, 4))
    x_hat = rng.permutation(np.array([-1.0, -1.0, 1.0, 1.0]))
    x = mean + sigma * x_hat
    gamma, beta = float(rng.choice([1, 2, 3])), float(rng.integers(-1, 2))
    delta = rng.permutation(np.array([-2.0, 1.0, 2.0, 4.0]))
    layer = {"batch_norm": {"epsilon": 1e-12, "init": {"gamma": gamma, "beta": beta}}}
    step = with_delta({"network": [layer]}, x[:, None], delta[None])
    y, dx = step.layers[0].gives.array[0], step.input_delta[0]
    d_gamma, d_beta = float((delta * x_hat).sum()), float(delta.sum())
    unbiased = (x - mean) / np.sqrt(((x - mean) ** 2).sum() / 3)
    return Exercise(
        say("sheet.batch_norm"),
        say("sheet.batch_norm_task"),
        (("x", x), ("γ", np.array([gamma])), ("β", np.array([beta])), ("δ = ∂C/∂y", delta)),
        (
            Part("mean", "μ", np.array([mean]), (), {
                say("mistake.sum_for_mean"): np.array([x.sum()]),
            }),
            Part("variance", "σ²", np.array([sigma**2]), (), {
                say("mistake.unbiased_variance"): np.array([sigma**2 * 4 / 3]),
                say("mistake.sigma_for_variance"): np.array([sigma]),
            }),
            Part("x_hat", "x̂", x_hat, (), {
                say("mistake.variance_for_sigma"): (x - mean) / sigma**2,
                say("mistake.unbiased"): unbiased,
            }),
            Part("y", "y", y, explained(step, "batch_norm1.y", step.layers[0].gives.array), {
                say("mistake.beta_missing"): y - beta,
                say("mistake.gamma_missing"): x_hat + beta,
            }),
            Part("dgamma", "∂C/∂γ", np.array([d_gamma]), (), {
                say("mistake.x_for_x_hat"): np.array([(delta * x).sum()]),
                say("mistake.mean_for_sum"): np.array([d_gamma / 4]),
            }),
            Part("dbeta", "∂C/∂β", np.array([d_beta]), (), {
                say("mistake.mean_for_sum"): np.array([d_beta / 4]),
            }),
            Part("dx", "∂C/∂x", dx, explained(step, "input.delta", step.input_delta), {
                say("mistake.both_terms"): gamma * delta / sigma,
                say("mistake.sigma_term"): gamma / sigma * (delta - delta.mean()),
                say("mistake.mu_term"):
                    gamma / sigma * (delta - x_hat * (delta * x_hat).mean()),
                say("mistake.gamma_missing"): dx / gamma,
            }),
        ),
    )  # fmt: skip


def optimizer(rng: Draw) -> Exercise:
    """One weight, two gradients: momentum or Adam."""
    W, g = float(rng.integers(1, 4)), rng.choice([-4.0, -2.0, -1.0, 1.0, 2.0, 3.0], 2)
    if rng.integers(2):
        return _two_updates(say("sheet.momentum"), Sgd(lr=0.1, momentum=0.5), W, g)
    return _two_updates(say("sheet.adam"), Adam(lr=0.1, beta1=0.5, beta2=0.75, epsilon=1e-12), W, g)


def _two_updates(title: str, rule: Optimizer, W: float, g: Array) -> Exercise:
    slots: dict[str, float] = {"m": 0.0, "v": 0.0}
    wrong = _wrong_rules(rule)
    weights, parts, off = [W], [], dict.fromkeys(wrong, W)
    for step, gradient in enumerate(g.tolist(), 1):
        lines, constants = rule_lines(rule, step - 1)
        given = {**constants, **slots, "g": gradient, "η": rule.lr, "W": weights[-1]}
        links = work_out(Recipe(lines, given))
        known = {link.name: link.value for link in links}
        slots = {"m": known.get("m_new", 0.0), "v": known.get("v_new", 0.0)}
        weights.append(weights[-1] + known["ΔW"])
        for name, change in wrong.items():
            off[name] += change(known, gradient)
        how = Explanation(
            f"W{step}", "ΔW", Formula(rule.rule()[-1]), known["ΔW"], (), is_sum=False, links=links
        )
        memory = [("m", "m_new"), ("v", "v_new")]
        for letter, line in memory:
            if line in known:
                symbol = say("sheet.after_update", letter=letter, step=step)
                parts.append(Part(f"{letter}{step}", symbol, np.array([known[line]]), (how,)))
        mistakes = {name: np.array([value]) for name, value in off.items()}
        answer = np.array([weights[-1]])
        symbol = say("sheet.after_update", letter="W", step=step)
        parts.append(Part(f"W{step}", symbol, answer, (how,), mistakes))
    formulas = ",  ".join(Formula(line).text for line in rule.rule())
    return Exercise(
        title,
        say("sheet.optimizer_task", formulas=formulas, lr=f"{rule.lr:g}"),
        (("W", np.array([W])), (say("sheet.two_gradients"), g)),
        tuple(parts),
    )


def _wrong_rules(rule: Optimizer) -> dict[str, WrongRule]:
    """The change that comes of a common mistake, from the numbers of the right one."""
    if isinstance(rule, Adam):
        return {
            say("mistake.bias_correction"): lambda known, g: (
                -rule.lr * known["m_new"] / np.sqrt(known["v_new"])
            ),
            say("mistake.root_missing"): lambda known, g: (
                -rule.lr * known["m_hat"] / known["v_hat"]
            ),
            say("mistake.uphill"): lambda known, g: -known["ΔW"],
        }
    return {
        say("mistake.no_memory"): lambda known, g: -rule.lr * g,
        say("mistake.uphill"): lambda known, g: -known["ΔW"],
    }

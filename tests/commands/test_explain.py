"""``cnntrain explain``: kinds, and the rule of an experiment with its numbers."""

import json
import re
from pathlib import Path

import pytest

from cnntrain.commands.explain import run_explain
from cnntrain.errors import ConfigError
from cnntrain.text import columns
from cnntrain.views.languages import using

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def explained(capsys):
    """``explained(subject, *settings)``: (text, stderr)."""

    def run(subject, *settings, as_json=False):
        subject = str(subject) if subject is not None else None
        assert run_explain(subject, settings, None, as_json) == 0
        shown = capsys.readouterr()
        return (json.loads(shown.out) if as_json else shown.out), shown.err

    return run


def test_a_kind_in_words_and_as_json(explained):
    text, _ = explained("dense")
    assert text.startswith("layer dense\n\nz = W a + b.")
    assert "backward, W  ∂C/∂W = δ aᵀ" in text
    assert "cnntrain/layers/dense.py:" in text
    ((found,), _) = explained("dense", as_json=True)
    assert found["formulas"]["forward"] == {"text": "z = W a + b", "latex": "z = W a + b"}
    units = next(option for option in found["options"] if option["name"] == "units")
    assert (units["type"], units["default"]) == ("whole number ≥ 1", "required")


def test_all_kinds(explained):
    document, _ = explained(None, as_json=True)
    assert document["layer"]["dense"] == "z = W a + b"
    assert "optimizer:\n" in explained(None)[0]


def test_the_rule_of_an_experiment_with_its_numbers(explained):
    settings = [
        "optimizer={adamw: {lr: 0.01}}", "schedule={step: {every_epochs: 2, gamma: 0.5}}",
        "train={l2: 8, l1: 4, batch_size: 40, epochs: 3, clip: {value: 1, norm: 2}, "
        "average: 0.99, max_norm: 3}",
        "loss={cross_entropy: {label_smoothing: 0.1}}",
        "network.0.dense.trainable={b: false}", "network.1.dense.lr_mult=2.0",
    ]  # fmt: skip
    text, _ = explained(CONFIGS / "xor.yaml", *settings)
    for line in (
        "cross_entropy (label_smoothing 0.1) of dense2.z",
        "+ 8/(2 m) Σ W²",
        "m = 400 training samples, λ/m = 0.02; over dense1.W, dense2.W",
        "+ 4/m Σ |W|",
        "C over a batch of 40 samples",
        "g ← min(max(g, -1), 1)",
        "g ← g · min(1, 2/‖g‖)",
        "m ← 0.9 m + 0.1 g",
        "ΔW ← ΔW - η · 0.01 W",
        "η = 0.01 · 0.5^(⌊ t / 20 ⌋)",
        "step; updates t = 0 ... 29, 10 per epoch",
        "W_k ← W_k min(1, 3/‖W_k‖)",
        "dense1.b: frozen",
        "dense2.W: learning rate 2 η",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 100


def test_several_losses_with_their_weights(explained, config_file):
    network = [
        {"dense": {"units": 2}, "name": "aux"},
        "tanh",
        {"dense": {"units": 2}},
    ]
    loss = ["cross_entropy", {"hinge": {}, "output": "aux", "weight": 0.3}]
    text, _ = explained(config_file(network=network, loss=loss))
    assert "C = 0.3 · (1/m Σ_n Σ_k max(0, 1 - s_k z_k))" in text
    assert "hinge of aux.z" in text
    assert "η = 0.1" in text


def test_without_the_data_what_follows_from_it_is_left_out(explained, empty_folder, monkeypatch):
    monkeypatch.delenv("CNNTRAIN_DATA", raising=False)
    text, told = explained(CONFIGS / "mnist-lenet5.yaml")
    assert "m training samples; over conv1.W" in text
    assert "its values depend on the number of training samples" in text
    assert told.startswith("Warning: numbers that depend on the data are left out")


def test_a_checkpoint_explains_its_experiment(explained, fitted):
    assert "cross_entropy of dense2.z" in explained(fitted())[0]


def test_a_kind_stands_above_a_file_of_its_name(explained, empty_folder):
    (empty_folder / "relu").mkdir()
    assert explained("relu")[0].startswith("layer relu")
    with pytest.raises(ConfigError, match="did you mean 'relu'"):
        explained("rellu")


def test_a_kind_a_key_and_a_rule_in_chinese(explained):
    with using("zh"):
        kind, _ = explained("dense")
        key, _ = explained("train.l2")
        rule, _ = explained(CONFIGS / "xor.yaml")
        document, _ = explained(None, as_json=True)
    assert kind.startswith("网络层 (layer) dense\n\n全连接层：z = W a + b。")
    assert "反向传播, W  ∂C/∂W = δ aᵀ" in kind
    assert re.search(r"units +整数 ≥ 1 +必须给出", kind)
    assert key.startswith("train.l2: 实数 ≥ 0, 默认值 0.0\n\nl2：惩罚项 λ/2m Σ W²")
    assert "cross_entropy，作用于 dense2.z" in rule
    assert max(map(columns, rule.splitlines())) <= 100
    assert document["layer"]["dense"] == "全连接层：z = W a + b"

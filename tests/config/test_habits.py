"""Words and notations of other tools are understood, or the message names ours."""

import re

import pytest
import yaml

from cnntrain.config.habits import KEYS, KINDS
from cnntrain.config.plan import SECTIONS
from cnntrain.config.read import read_config
from cnntrain.errors import ConfigError
from cnntrain.registry import Registered

TEXT = """\
data: {source: digits}
network: [flatten, {dense: {units: 10}}]
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 2, batch_size: 32}
"""


@pytest.fixture
def read(tmp_path):
    def plan(text):
        (tmp_path / "c.yaml").write_text(text)
        return read_config(tmp_path / "c.yaml").plan

    return plan


@pytest.fixture
def refused(read):
    def message(text):
        with pytest.raises(ConfigError) as caught:
            read(text)
        return str(caught.value)

    return message


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("{dense: {units: 10}}", "{type: dense, units: 10}"),
        ("{dense: {units: 10}}", "{type: Dense, units: 10}"),
        ("{dense: {units: 10}}", "{kind: dense, units: 10}"),
        ("{sgd: {lr: 0.1}}", "{name: sgd, lr: 0.1}"),
        ("{sgd: {lr: 0.1}}", "{type: SGD, lr: 0.1}"),
        ("loss: cross_entropy", "loss: CrossEntropy"),
        ("loss: cross_entropy", "loss: {name: cross_entropy}"),
        ("network: [flatten,", "network: [{type: Flatten},"),
    ],
)
def test_other_notations_are_the_same_plan(read, ours, theirs):
    assert ours in TEXT
    assert read(TEXT.replace(ours, theirs)) == read(TEXT)


def test_an_activation_beside_a_type(read):
    first = TEXT.replace("{dense: {units: 10}}", "{dense: {units: 10, activation: relu}, name: x}")
    other = "{type: dense, units: 10, activation: ReLU, name: x}"
    assert read(TEXT.replace("{dense: {units: 10}}", other)) == read(first)


def test_class_weights_by_name(read):
    text = TEXT.replace(
        "loss: cross_entropy", "loss: {cross_entropy: {class_weight: {0: 1, 1: 20}}}"
    )
    loss = read(text).loss[0].loss
    assert loss.class_weight == {"0": 1, "1": 20}
    assert loss.named(("1", "0", "2")).class_weight == (20, 1, 1)
    with pytest.raises(ConfigError, match="class_weight names '0', which is not a class"):
        loss.named(("a", "b"))


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ("lr: 0.1", "lr: 0,1", "write decimals with a point: 'lr: 0.1'"),
        ("batch_size: 32", "l2: '0,1'", "must be a number, not '0,1'; write 0.1"),
        ("lr: 0.1", "learning_rate: 0.1", "unknown key; did you mean 'lr'?"),
        ("loss: cross_entropy", "loss: mse", "unknown loss 'mse'; did you mean 'squared_error'?"),
        ("{dense: {units: 10}}", "{linear: {units: 10}}", "did you mean 'dense'?"),
        ("units: 10}}", "units: 10, activation: linear}}", "did you mean 'identity'?"),
        ("{source: digits}", "{source: csv, train: a.csv, target: y}", "did you mean 'targets'?"),
        ("{epochs: 2, batch_size: 32}", "\n  batch_size:32", "write 'batch_size: 32'"),
        ("{epochs: 2, batch_size: 32}", "\n  batch_size:32\n  epochs: 2", "write 'batch_size: 32'"),
        ("{epochs: 2, batch_size: 32}", "\n  epochs: 2\n  batch_size:32", "write 'batch_size: 32'"),
    ],
)
def test_the_message_names_our_notation(refused, ours, theirs, message):
    assert ours in TEXT
    assert message in refused(TEXT.replace(ours, theirs))


def test_an_open_bracket_is_located(refused):
    assert "the bracket opened on line 2 is not closed" in refused(TEXT.replace("10}}]", "10}}"))


def words():
    return [(family, kind, w) for family, ours in KINDS.items() for kind, all_ in ours.items()
            for w in all_.split()]  # fmt: skip


def test_every_word_leads_to_a_kind_or_key_that_there_is():
    families = {f.family: f for f in Registered.__subclasses__() if f.__module__ != __name__}
    for family, kind, word in words():
        assert kind in families[family].kinds, (family, kind)
        assert word not in families[family].kinds, (family, word)
    known = {name for spec in SECTIONS.values() for name in spec.__dataclass_fields__}
    known |= {
        n for f in families.values() for k in f.kinds.values() for n in k.__dataclass_fields__
    }
    assert set(KEYS) <= known | {"bias"}


SUGGESTION = re.compile(r"(\d+):(\d+): .*did you mean '([\w-]+)'\?")


def misspelt():
    """Every key and kind of a config with one letter left out."""
    tokens = sorted(set(re.findall(r"[a-z_]{4,}", TEXT)) - {"digits"})
    return [(t, t[:2] + t[3:]) for t in tokens]


@pytest.mark.parametrize(("right", "wrong"), misspelt())
def test_the_suggestion_corrects_the_mistake(read, refused, right, wrong):
    """Mechanically: the word at the position that is named becomes the word that is suggested."""
    text = re.sub(rf"\b{right}\b", wrong, TEXT)
    line, column, word = SUGGESTION.search(refused(text)).groups()
    lines = text.splitlines()
    row, start = int(line) - 1, int(column) - 1
    found = re.compile(r"[\w-]+").search(lines[row], lines[row].find(wrong, start))
    lines[row] = lines[row][: found.start()] + word + lines[row][found.end() :]
    assert read("\n".join(lines)) == read(TEXT)
    assert yaml.safe_load("\n".join(lines)) == yaml.safe_load(TEXT)

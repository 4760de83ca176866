"""From the text of a config to a plan: all mistakes in one report, with position and remedy."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cnntrain.config.plan import Plan
from cnntrain.config.read import dump_plan, plan_from_tree, plan_to_tree, read_config
from cnntrain.errors import ConfigError, ExitCode
from cnntrain.layers import Layer

CONFIGS = sorted(Path(__file__).parents[2].joinpath("configs").glob("*.yaml"))
VALID = """\
data: {source: synthetic, problem: xor}
network:
  - dense: {units: 4, activation: relu}
  - dense: {units: 2}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
"""


@pytest.fixture
def plan_of(tmp_path):
    """``plan_of(text, *settings, seed=None)``: the plan that ``read_config`` returns."""

    def plan(text: str, *settings: str, seed: int | None = None) -> Plan:
        path = tmp_path / "lenet.yaml"
        path.write_text(text, encoding="utf-8")
        return read_config(path, settings, seed).plan

    return plan


@pytest.fixture
def report(plan_of, tmp_path):
    """``report(text, *settings, seed=None)``: the message about this text in lenet.yaml."""

    def message(text: str, *settings: str, seed: int | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            plan_of(text, *settings, seed=seed)
        assert caught.value.exit_code == ExitCode.USAGE
        return str(caught.value).replace(str(tmp_path / "lenet.yaml"), "lenet.yaml")

    return message


@pytest.fixture
def headlines(report):
    """The lines of the report that contain a position, without the file name."""

    def lines(text: str, *settings: str) -> list[str]:
        found = report(text, *settings).splitlines()
        return [line.removeprefix("lenet.yaml:") for line in found if not line.startswith("    ")]

    return lines


# All mistakes in one report

MANY_MISTAKES = """\
seed: 1.5
data: {source: digit}
network:
  - conv2d: {filters: "6", kernel: 3, kernal: 5}
  - dense: {unit: 3, activation: rleu}
  - dens: {units: 3}
  - dense: {units: yes, init: {W: he_normel}}
loss: crossentrapy
optimizer: {sgd: {lr: -1, momentum: 1}}
train:
  lr: 0.1
  patience: 3
  epochs: 3.0
  batchsize: 5
  stop: {minute: 3}
"""


def test_every_mistake_is_in_one_report_at_its_position(headlines):
    assert headlines(MANY_MISTAKES) == [
        "1:1: seed: must be an integer, not 1.5",
        "2:8: data.source: unknown data source 'digit'; did you mean 'digits'?",
        "4:14: network[0].conv2d.filters: must be an integer, not '6'",
        "4:39: network[0].conv2d.kernal: unknown key; did you mean 'kernel'?",
        "5:5: network[1].dense: 'units' is missing",
        "5:13: network[1].dense.unit: unknown key; did you mean 'units'?",
        "5:22: network[1].dense.activation: unknown layer 'rleu'; did you mean 'relu'?",
        "6:5: network[2].dens: unknown layer 'dens'; did you mean 'dense'?",
        "7:13: network[3].dense.units: must be an integer, not 'yes'",
        "7:32: network[3].dense.init.W: unknown initializer 'he_normel'; did you mean 'he_normal'?",
        "8:1: loss: unknown loss 'crossentrapy'; did you mean 'cross_entropy'?",
        "9:19: optimizer.sgd.lr: must be greater than 0, not -1",
        "9:27: optimizer.sgd.momentum: must be less than 1, not 1",
        "11:3: train.lr: unknown key here; it belongs under optimizer",
        "12:3: train.patience: unknown key here; it belongs under train.stop",
        "13:3: train.epochs: must be an integer, not 3.0",
        "14:3: train.batchsize: unknown key; did you mean 'batch_size'?",
        "15:10: train.stop.minute: unknown key; did you mean 'minutes'?",
    ]


def test_a_report_shows_the_line_and_a_caret(report):
    assert report(VALID + "train:\n  batchsize: 64\n") == (
        "lenet.yaml:8:3: train.batchsize: unknown key; did you mean 'batch_size'?\n"
        "    8 |   batchsize: 64\n"
        "      |   ^"
    )


# Misplaced and misspelled keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr: 0.1", "7:1: lr: unknown key here; it belongs under optimizer"),
        ("epochs: 3", "7:1: epochs: unknown key here; it belongs under train"),
        ("patience: 3", "7:1: patience: unknown key here; it belongs under train.stop"),
        ("train: {seed: 3}", "7:9: train.seed: unknown key here; it belongs at the top level"),
        ("train: {momentum: 0.9}",
         "7:9: train.momentum: unknown key here; it belongs under optimizer"),
        ("train: {validation: 9}",
         "7:9: train.validation: unknown key here; it belongs under data"),
        ("train: {warmup_epochs: 1}",
         "7:9: train.warmup_epochs: unknown key here; it belongs under schedule"),
        ("train: {stop: {epochs: 1}}",
         "7:16: train.stop.epochs: unknown key here; it belongs under train"),
        ("schedule: {cosine: {lr: 1}}",
         "7:21: schedule.cosine.lr: unknown key here; it belongs under optimizer"),
        ("schedule: {cosine: {finale: 1}}",
         "7:21: schedule.cosine.finale: unknown key; did you mean 'final'?"),
        ("Train: {epochs: 3}", "7:1: Train: unknown key; did you mean 'train'?"),
        ("schedule: {type: cosine, finale: 1}",
         "7:26: schedule.finale: unknown key; did you mean 'final'?"),
        ("train: {optimizer: adam}",
         "7:9: train.optimizer: unknown key here; it belongs at the top level"),
        ("schedule: {cosin: {}}", "7:12: schedule.cosin: unknown schedule 'cosin';"
                                  " did you mean 'cosine'?"),
        ("schedule: cosin", "7:1: schedule: unknown schedule 'cosin'; did you mean 'cosine'?"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_answered_with_the_right_one(headlines, text, expected):
    assert headlines(VALID + text) == [expected]


def test_a_kind_given_as_an_option_does_not_hide_the_place_of_a_wrong_key(headlines):
    optimizer = VALID.splitlines()[5]
    text = VALID.replace(optimizer, "optimizer: {name: Adam, learning_rate: 0.1}")
    assert headlines(text) == ["6:25: optimizer.learning_rate: unknown key; did you mean 'lr'?"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{source: digits, normalise: unit}",
         "1:24: data.normalise: unknown key; did you mean 'normalize'?"),
        ("{source: synthetic, problem: xor, validaton: 3}",
         "1:41: data.validaton: unknown key; did you mean 'validation'?"),
        ("{source: synthetic, problem: xor, n_tests: 3}",
         "1:41: data.n_tests: unknown key; did you mean 'n_test'?"),
        ("{source: digits, batch_size: 3}",
         "1:24: data.batch_size: unknown key here; it belongs under train"),
        ("{source: idx, train: {images: a, labels: b}, classes: 1000000000000}",
         "1:52: data.classes: must be less than or equal to 256, not 1000000000000"),
        ("{source: synthetic, problem: xxor}",
         "1:27: data.problem: must be 'xor', 'spirals' or 'sine', not 'xxor'"),
        ("{source: digits, validation: -1}",
         "1:24: data.validation: must be greater than or equal to 0, not -1"),
        ("{source: digits, validation: 1.0}",
         "1:24: data.validation: must be an integer or less than 1, not 1.0"),
        ("{source: digits, validation: all}",
         "1:24: data.validation: must be an integer or a number, not 'all'"),
        ("{validation: 3}", "1:1: data: 'source' is missing"),
        ("{source: inline, inputs: [[1]], targets: [1, 2]}",
         "1:8: data.source: 1 inputs, but 2 targets"),
        ("digits", "1:1: data: must be a mapping of options, not 'digits'"),
    ],
)  # fmt: skip
def test_mistakes_in_the_data_section(headlines, data, expected):
    text = VALID.replace("{source: synthetic, problem: xor}", data)
    assert headlines(text) == [expected]


def test_a_misspelt_key_of_a_nested_section(headlines):
    text = VALID.replace(
        "{source: synthetic, problem: xor}", "{source: idx, train: {images: x, label: y}}"
    )
    assert headlines(text) == [
        "1:21: data.train: 'labels' is missing",
        "1:40: data.train.label: unknown key; did you mean 'labels'?",
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("dense", "3:5: network[0]: 'units' is missing"),
        ("{}", "3:5: network[0]: expected exactly one layer; found: none"),
        ("3", "3:5: network[0]: must be a mapping, not 3"),
        ("[dense]", "3:5: network[0]: must be a mapping, not ['dense']"),
        ("dense: 3", "3:5: network[0].dense: must be a mapping of options, not 3"),
        ("dense:", "3:5: network[0].dense: is empty; give it a value or remove the key"),
        ("{units: 3}",
         "3:6: network[0].units: 'units' is an option; write it as dense: {units: ...}"),
        ("{dense: {units: 3}, name: 3}", "3:25: network[0].name: must be a string, not 3"),
        ("{dense: {units: 3}, conv2d: {filters: 3, kernel: 3}}",
         "3:5: network[0]: expected exactly one layer; found: conv2d, dense"),
        ("conv2d: {filters: 6, kernel: [3]}",
         "3:26: network[0].conv2d.kernel: must be an integer or a list of two, not [3]"),
        ("conv2d: {filters: 6, kernel: [3, 3, 3]}",
         "3:26: network[0].conv2d.kernel: must be an integer or a list of two, not [3, 3, 3]"),
        ("conv2d: {filters: 6, kernel: [3, x]}",
         "3:26: network[0].conv2d.kernel: must be an integer, not [3, 'x']"),
        ("conv2d: {filters: 6, kernel: 3, padding: full}",
         "3:37: network[0].conv2d.padding: must be 'same' or 'valid' or an integer or a list,"
         " not 'full'"),
        ("conv2d: {filters: 6, kernel: 3, stride: 0}",
         "3:37: network[0].conv2d.stride: must be greater than or equal to 1 or a list, not 0"),
        ("dense: {units: 3, activation: {leaky_relu: {slop: 3}}}",
         "3:49: network[0].dense.activation.leaky_relu.slop: unknown key; did you mean 'slope'?"),
        ("dense: {units: 3, activation: {leaky_relu: {slope: x}}}",
         "3:49: network[0].dense.activation.leaky_relu.slope: must be a number, not 'x'"),
        ("dense: {units: 3, init: he_normel}",
         "3:23: network[0].dense.init: unknown initializer 'he_normel'; did you mean 'he_normal'?"),
        ("dense: {units: 3, init: {normal: {sdt: 1}}}",
         "3:39: network[0].dense.init.normal.sdt: unknown key; did you mean 'std'?"),
        ("dense: {units: 3, init: {W: {normal: {std: -1}}}}",
         "3:43: network[0].dense.init.W.normal.std: must be greater than or equal to 0, not -1"),
        ("dense: {units: 3, init: {W: }}",
         "3:30: network[0].dense.init.W: is empty; give it a value or remove the key"),
        ("dense: {units: 3, init: true}",
         "3:23: network[0].dense.init: must be a mapping, not True"),
        ("dense: {units: 3, trainable: {W: 3}}",
         "3:23: network[0].dense.trainable: must be true or false, not {'W': 3}"),
        ("dropout: {rate: 1}", "3:15: network[0].dropout.rate: must be less than 1, not 1"),
    ],
)  # fmt: skip
def test_mistakes_in_a_layer(headlines, item, expected):
    assert headlines(f"data: {{source: digits}}\nnetwork:\n  - {item}\nloss: cross_entropy") == [
        expected
    ]


# Strictness


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{epochs: '3'}", "7:9: train.epochs: must be an integer, not '3'"),
        ("{epochs: 3.0}", "7:9: train.epochs: must be an integer, not 3.0"),
        ("{epochs: 3.7}", "7:9: train.epochs: must be an integer, not 3.7"),
        ("{epochs: 1e1}", "7:9: train.epochs: must be an integer, not 10.0"),
        ("{epochs: true}", "7:9: train.epochs: must be an integer, not True"),
        ("{epochs: yes}", "7:9: train.epochs: must be an integer, not 'yes'"),
        ("{epochs: [1]}", "7:9: train.epochs: must be an integer, not [1]"),
        ("{epochs: 0}", "7:9: train.epochs: must be greater than or equal to 1, not 0"),
        ("{batch_size: 0}", "7:9: train.batch_size: must be greater than or equal to 1, not 0"),
        ("{l2: '1'}", "7:9: train.l2: must be a number, not '1'"),
        ("{l2: true}", "7:9: train.l2: must be a number, not True"),
        ("{l2: .nan}", "7:9: train.l2: must be a finite number, not nan"),
        ("{l2: .inf}", "7:9: train.l2: must be a finite number, not inf"),
        ("{l2: 1e400}", "7:13: train.l2: too large for a number, the largest is about 1.8e+308;"
                        " if it is text, put it in quotes"),
        ("{l2: -1}", "7:9: train.l2: must be greater than or equal to 0, not -1"),
        ("{shuffle: 1}", "7:9: train.shuffle: must be true or false, not 1"),
        ("{shuffle: no}", "7:9: train.shuffle: must be true or false, not 'no'"),
        ("{monitor: 3}", "7:9: train.monitor: must be a string, not 3"),
        ("{mode: minibatch}",
         "7:9: train.mode: must be 'batch', 'mini-batch' or 'sgd', not 'minibatch'"),
        ("{stop: {threshold: 0}}", "7:16: train.stop.threshold: must be greater than 0, not 0"),
        ("{stop: {target: {val/loss: x}}}",
         "7:25: train.stop.target.val/loss: must be a number, not 'x'"),
        ("", "7:1: train: is empty; give it a value or remove the key"),
        ("{stop: }", "7:9: train.stop: is empty; give it a value or remove the key"),
        ("[]", "7:1: train: must be a mapping of options, not []"),
        ("5", "7:1: train: must be a mapping of options, not 5"),
    ],
)  # fmt: skip
def test_values_are_not_converted(headlines, text, expected):
    assert headlines(f"{VALID}train: {text}") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: -1", "7:1: seed: must be greater than or equal to 0, not -1"),
        (f"seed: {2**64}", f"7:1: seed: must be less than {2**64}, not {2**64}"),
        ("input: []", "7:1: input: must not be empty"),
        ("input: [1, 0]", "7:12: input[1]: must be greater than or equal to 1, not 0"),
        ("input: 3", "7:1: input: must be a list, not 3"),
        ("name: 3", "7:1: name: must be a string, not 3"),
        ("name: ../x", "7:1: name: must consist of letters, digits, '_', '-' and '.',"
                       " starting with a letter, a digit or '_', not '../x'"),
        ("name: ''", "7:1: name: must consist of letters, digits, '_', '-' and '.',"
                     " starting with a letter, a digit or '_', not ''"),
        ("dtype: float16", "7:1: dtype: must be 'float32' or 'float64', not 'float16'"),
    ],
)  # fmt: skip
def test_top_level_values(headlines, text, expected):
    assert headlines(f"{VALID}{text}") == [expected]


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("{sgd: {lr: 0}}", "6:19: optimizer.sgd.lr: must be greater than 0, not 0"),
        ("{sgd: {lr: -0.1}}", "6:19: optimizer.sgd.lr: must be greater than 0, not -0.1"),
        ("{sgd: {lr: .nan}}", "6:19: optimizer.sgd.lr: must be a finite number, not nan"),
        ("{sgd: {nesterov: true}}", "6:13: optimizer.sgd: nesterov needs momentum > 0,"
                                    " for example 0.9"),
        ("{sgd: }", "6:13: optimizer.sgd: is empty; give it a value or remove the key"),
        ("{sgd: 3}", "6:13: optimizer.sgd: must be a mapping of options, not 3"),
        ("3", "6:1: optimizer: must be a mapping, not 3"),
    ],
)  # fmt: skip
def test_mistakes_in_the_optimizer(headlines, optimizer, expected):
    assert headlines(VALID.replace("{sgd: {lr: 0.1}}", optimizer)) == [expected]


def test_an_option_without_its_optimizer_is_explained(headlines):
    (found,) = headlines(VALID.replace("{sgd: {lr: 0.1}}", "{lr: 0.1}"))
    assert found.startswith("6:13: optimizer.lr: 'lr' is an option; write it as ")


@pytest.mark.parametrize("missing", ["data", "network", "loss"])
def test_a_missing_section(headlines, missing):
    tree = {key: value for key, value in yaml.safe_load(VALID).items() if key != missing}
    assert headlines(yaml.safe_dump(tree, sort_keys=False)) == [f"1:1: {missing!r} is missing"]


def test_all_missing_sections_at_once(headlines):
    assert headlines("{}") == ["1:1: 'data' is missing; 'network' is missing; 'loss' is missing"]


@pytest.mark.parametrize("section", ["data", "network", "loss", "optimizer", "schedule", "train"])
def test_a_null_section(headlines, section):
    tree = {**yaml.safe_load(VALID), section: None}
    line = list(tree).index(section) + 1
    text = "\n".join(f"{key}: {json.dumps(value or '')}" for key, value in tree.items())
    assert headlines(text.replace(f'{section}: ""', f"{section}:")) == [
        f"{line}:1: {section}: is empty; give it a value or remove the key"
    ]


def test_an_empty_network(headlines):
    text = "data: {source: digits}\nloss: cross_entropy\nnetwork: []"
    assert headlines(text) == ["3:1: network: must not be empty"]


# Modes and batch sizes


@pytest.mark.parametrize(
    ("train", "batch_size"),
    [
        ("{}", 32),
        ("{mode: mini-batch}", 32),
        ("{mode: mini-batch, batch_size: 7}", 7),
        ("{batch_size: 7}", 7),
        ("{mode: batch}", None),
        ("{mode: sgd}", None),
        ("{mode: sgd, batch_size: 1}", 1),
    ],
)
def test_mode_and_batch_size_that_agree(plan_of, train, batch_size):
    assert plan_of(f"{VALID}train: {train}").train.batch_size == batch_size


@pytest.mark.parametrize(
    ("mode", "size", "portion"),
    [("sgd", 2, "one sample"), ("batch", 2, "all samples"), ("batch", 1, "all samples")],
)
def test_mode_and_batch_size_that_contradict(headlines, mode, size, portion):
    assert headlines(f"{VALID}train: {{mode: {mode}, batch_size: {size}}}") == [
        f"7:1: train: mode '{mode}' uses {portion} per update; omit 'batch_size'"
        " or use mode 'mini-batch'"
    ]


@pytest.mark.parametrize(
    ("train", "limits"),
    [
        ("{}", (10, None)),
        ("{epochs: 3}", (3, None)),
        ("{max_steps: 5}", (None, 5)),
        ("{epochs: 3, max_steps: 5}", (3, 5)),
    ],
)
def test_ten_epochs_by_default(plan_of, train, limits):
    plan = plan_of(f"{VALID}train: {train}")
    assert (plan.train.epochs, plan.train.max_steps) == limits


# Overrides


def value_at(plan: Plan, dotted: str) -> Any:
    tree = plan_to_tree(plan)
    for key in dotted.split("."):
        tree = tree[int(key) if isinstance(tree, list) else key]
    return tree


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("seed=3", 3),
        ("train.epochs=5", 5),
        ("train.epochs= 5", 5),
        ("train.l2=1e-3", 0.001),
        ("train.shuffle=false", False),
        ("train.mode=batch", "batch"),
        ("optimizer.sgd.lr=0.5", 0.5),
        ("optimizer.sgd.momentum=0.9", 0.9),
        ("network.1.dense.units=7", 7),
        ("network.0.dense.activation=tanh", "tanh"),
        ("network.0.dense.activation={leaky_relu: {slope: 0.5}}", {"leaky_relu": {"slope": 0.5}}),
        ("train.stop.patience=3", 3),
        ("train.stop.target.val/accuracy=0.9", 0.9),
        ("train.stop.target={val/accuracy: 0.9}", {"val/accuracy": 0.9}),
        ("data.validation=0.25", 0.25),
        ("data.problem='spirals'", "spirals"),
        ("name='1e-3'", "1e-3"),
        ('name="no"', "no"),
        ("name=no", "no"),
        ("train.stop.minutes=0.5", 0.5),
    ],
)
def test_a_setting_replaces_a_value(plan_of, setting, expected):
    found = value_at(plan_of(VALID, setting), setting.partition("=")[0])
    assert (type(found), found) == (type(expected), expected)


def test_a_negative_number_is_a_number(plan_of):
    plan = plan_of(
        VALID, "network.0.dense.init={normal: {mean: -1}}", "train.stop.target.val/loss=-2"
    )
    assert plan.train.stop.target == {"val/loss": -2.0}
    assert plan.network[0].layer.init["W"].mean == -1.0


def test_a_setting_adds_options_to_a_bare_kind(plan_of):
    text = VALID.replace("optimizer: {sgd: {lr: 0.1}}", "optimizer: sgd")
    assert value_at(plan_of(text, "optimizer.sgd.lr=0.25"), "optimizer.sgd.lr") == 0.25


def test_the_last_of_several_settings_counts(plan_of):
    assert plan_of(VALID, "train.epochs=4", "train.epochs=5").train.epochs == 5


def test_seed_overrides_config_and_settings(plan_of):
    assert plan_of(VALID + "seed: 1\n", "seed=2", seed=3).seed == 3
    assert plan_of(VALID + "seed: 1\n", seed=2**64 - 1).seed == 2**64 - 1


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("train.epochs", "write it as key=value, such as train.epochs=3"),
        ("=5", "write it as key=value, such as train.epochs=3"),
        ("", "write it as key=value, such as train.epochs=3"),
        ("train.epochs='5'", "must be an integer, not '5'"),
        ("train.epochs=-1", "must be greater than or equal to 1, not -1"),
        ("train.epoch=3", "unknown key; did you mean 'epochs'?"),
        ("tran.epochs=3", "unknown key; did you mean 'train'?"),
        ("train.lr=3", "unknown key here; it belongs under optimizer"),
        ("network.2.dense.units=7", "network.2 is not in the config"),
        ("network.-1.dense.units=7", "network.-1 is not in the config"),
        ("network.x.dense.units=7", "network.x is not in the config"),
        ("network.²=7", "network.² is not in the config"),
        ("network.0.dense.unit=7", "unknown key; did you mean 'units'?"),
        ("train.epochs.x=3", "must be an integer, not {'x': 3}"),
        ("network.0.dense.units.x=3", "network.0.dense.units.x is not in the config"),
        ("train=", "is empty; give it a value or remove the key"),
        ("loss.cross_entrop=3", "loss.cross_entrop is not in the config"),
        ("optimizer.sdg.lr=0.1", "unknown optimizer 'sdg'; did you mean 'sgd'?"),
    ],
)  # fmt: skip
def test_a_wrong_setting_names_itself(report, setting, expected):
    assert report(VALID, setting) == f"--set {setting}: {expected}"


def test_a_wrong_seed_names_the_option(report):
    assert report(VALID, seed=-1) == "--seed -1: must be greater than or equal to 0, not -1"


def test_broken_yaml_in_a_setting(report):
    assert report(VALID, "loss=[1") == (
        "--set loss:1:1: this bracket is never closed; add the closing one\n    1 | [1\n      | ^"
    )


def test_mistakes_of_file_and_settings_are_reported_together(report):
    found = report(VALID + "train: {epohs: 3}", "train.batch_size=0", "seed=x").splitlines()
    assert found[:3] == [
        "--set seed=x: must be an integer, not 'x'",
        "--set train.batch_size=0: must be greater than or equal to 1, not 0",
        "lenet.yaml:7:9: train.epohs: unknown key; did you mean 'epochs'?",
    ]


# Names


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("lenet5-mnist.yaml", "lenet5-mnist"),
        ("my net (2).yaml", "my-net--2-"),
        (".hidden.yaml", "hidden"),
        ("--.yaml", "run"),
        ("x" * 150 + ".yaml", "x" * 100),
        ("größe.yml", "größe"),
    ],
)
def test_the_name_of_the_file_is_the_default_name(tmp_path, file_name, expected):
    path = tmp_path / file_name
    path.write_text(VALID, encoding="utf-8")
    assert read_config(path).plan.name == expected


# The resolved config


def assert_survives_dumping(plan: Plan, folder: Path) -> None:
    path = folder / "config.yaml"
    path.write_text(dump_plan(plan), encoding="utf-8")
    assert read_config(path).plan == plan
    assert plan_from_tree(json.loads(json.dumps(plan_to_tree(plan)))) == plan


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_resolved_config_is_read_back_as_the_same_plan(path, tmp_path):
    assert_survives_dumping(read_config(path).plan, tmp_path)


@pytest.mark.parametrize("name", ["1e-3", "no", "010", "null", "true", "0x1F", "1.5", "on", "y"])
def test_names_that_look_like_something_else_stay_text(tmp_path, small_tree, name):
    plan = plan_from_tree(small_tree(name=name))
    assert plan.name == name
    assert_survives_dumping(plan, tmp_path)


NAMES = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8).filter(
    lambda name: name.isidentifier()
)
FLOATS = st.floats(1e-300, 1e300) | st.sampled_from([1e-3, 5e-324, 1.7976931348623157e308])
INITIALIZERS = st.sampled_from(
    ["he_normal", {"normal": {"std": 1e-3}}, 0.5, [[0.1, -2], [3, 4]], {"b": "zeros"}]
)
ITEMS = st.one_of(
    st.sampled_from(["flatten", "relu", {"leaky_relu": {"slope": 0.25}}, {"dropout": {}}]),
    st.fixed_dictionaries(
        {"dense": st.fixed_dictionaries(
            {"units": st.integers(1, 9)},
            optional={"activation": st.sampled_from(["tanh", {"leaky_relu": {"slope": 0.5}}]),
                      "init": INITIALIZERS,
                      "trainable": st.sampled_from([False, {"b": False}]),
                      "bias": st.booleans()},
        )},
        optional={"name": NAMES},
    ),
    st.fixed_dictionaries(
        {"conv2d": st.fixed_dictionaries(
            {"filters": st.integers(1, 9), "kernel": st.sampled_from([3, [1, 2]])},
            optional={"padding": st.sampled_from(["same", "valid", 1, [0, 2]])},
        )}
    ),
)  # fmt: skip
DATA = st.one_of(
    st.fixed_dictionaries(
        {"source": st.just("digits")}, optional={"validation": st.sampled_from([0, 5, 0.5])}
    ),
    st.fixed_dictionaries(
        {"source": st.just("idx"),
         "train": st.fixed_dictionaries({"images": st.sampled_from(["a b", "1", "~/x: y", "#"]),
                                         "labels": st.just("l\t'\"")})}
    ),
    st.just({"source": "inline", "inputs": [[1, 2.5], [1e-7, -3]], "targets": [0, 1]}),
)  # fmt: skip
PLANS = st.fixed_dictionaries(
    {"name": NAMES, "data": DATA, "network": st.lists(ITEMS, min_size=1, max_size=4)},
    optional={
        "seed": st.integers(0, 2**64 - 1),
        "dtype": st.sampled_from(["float32", "float64"]),
        "input": st.lists(st.integers(1, 9), min_size=1, max_size=3),
        "loss": st.sampled_from(["cross_entropy", {"squared_error": {}}]),
        "schedule": st.sampled_from(["constant", {"cosine": {"final": 0.125}}]),
        "optimizer": st.fixed_dictionaries({"sgd": st.fixed_dictionaries({"lr": FLOATS})}),
        "train": st.fixed_dictionaries(
            {},
            optional={
                "l2": FLOATS,
                "shuffle": st.booleans(),
                "monitor": st.sampled_from(["val/loss", "no", "1e-3"]),
                "stop": st.fixed_dictionaries(
                    {}, optional={"minutes": FLOATS, "target": st.just({"val/loss": 1e-3})}
                ),
            },
        ),
    },
)


@given(tree=PLANS)
def test_any_plan_survives_dumping(tree, tmp_path_factory):
    plan = plan_from_tree({"loss": "cross_entropy", **tree})
    assert_survives_dumping(plan, tmp_path_factory.getbasetemp())


def test_defaults_are_filled_in(small_tree):
    tree = plan_to_tree(plan_from_tree(small_tree()))
    assert tree["train"]["mode"] == "mini-batch"
    assert tree["train"]["stop"]["target"] == {}
    assert tree["data"]["noise"] == 0.1
    assert tree["network"][0]["dense"]["activation"] == "tanh"
    assert tree["seed"] == 0


@pytest.mark.parametrize("kind", Layer.kinds)
def test_every_layer_survives_a_round_trip(kind, read_back):
    for example in Layer.kinds[kind].examples():
        assert read_back(Layer, example.layer) == example.layer


# Configs in checkpoints


@pytest.mark.parametrize("tree", [None, 3, "x", [], {}, {"class_name": "os.system"}])
def test_a_tree_that_is_not_a_plan(tree):
    with pytest.raises(ConfigError):
        plan_from_tree(tree)


# The JSON Schema, for editors


def test_a_json_schema_can_be_generated():
    schema = TypeAdapter(Plan).json_schema()
    assert {"data", "network", "loss"} <= set(schema["required"])
    assert schema["additionalProperties"] is False
    text = json.dumps(schema)
    for kind in Layer.kinds:
        assert f'"{kind}"' in text
    assert not any(math.isnan(value) for value in _numbers_in(schema))


def _numbers_in(tree: Any) -> list[float]:
    if isinstance(tree, dict | list):
        items = tree.values() if isinstance(tree, dict) else tree
        return [number for item in items for number in _numbers_in(item)]
    return [tree] if isinstance(tree, float) else []

"""Composition of configs: ``extends``, ``vars``, ``repeat``; and the positions of mistakes."""

import pytest
import yaml

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.config.compose import LONGEST_CHAIN
from cnntrain.config.read import dump_plan, plan_to_tree, read_config
from cnntrain.errors import ConfigError, ExitCode
from cnntrain.runs.checkpoint import load

BASE = """\
seed: 3
data: {source: synthetic, problem: xor, n: 20, validation: 4}
network:
  - dense: {units: 4, activation: relu}
  - dense: {units: 2}
loss: {cross_entropy: {label_smoothing: 0.1}}
optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
train: {epochs: 2, stop: {patience: 3}}
"""


@pytest.fixture
def write(tmp_path):
    """``write(name=text)`` writes these texts to name.yaml and returns the last path."""

    def written(**texts):
        for name, text in texts.items():
            path = tmp_path / f"{name}.yaml"
            path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def plan(write):
    """``plan(text, *settings, base=text)``: the plan of a config with its bases."""

    def read(text, *settings, **others):
        return read_config(write(**others, main=text), settings).plan

    return read


@pytest.fixture
def tree(plan):
    return lambda *arguments, **others: plan_to_tree(plan(*arguments, **others))


@pytest.fixture
def refused(plan, tmp_path):
    """The lines of the report that contain a position, without the name of the folder."""

    def lines(*arguments, **others):
        with pytest.raises(ConfigError) as caught:
            plan(*arguments, **others)
        assert caught.value.exit_code == ExitCode.USAGE
        text = str(caught.value).replace(f"{tmp_path}/", "")
        return [line for line in text.splitlines() if not line.startswith("    ")]

    return lines


# --- extends ---------------------------------------------------------------------------------


def test_unset_values_come_from_the_base(tree):
    found, base = tree("extends: base.yaml", base=BASE), tree(BASE)
    assert found == base


@pytest.mark.parametrize(
    ("over", "path", "expected"),
    [
        ("seed: 5", ["seed"], 5),
        ("train: {epochs: 7}", ["train", "epochs"], 7),
        ("train: {epochs: 7}", ["train", "stop", "patience"], 3),
        ("train: {stop: {minutes: 2}}", ["train", "stop", "patience"], 3),
        ("train: {stop: {minutes: 2}}", ["train", "epochs"], 2),
        ("optimizer: {sgd: {lr: 0.5}}", ["optimizer"],
         {"sgd": {"lr": 0.5, "weight_decay": 0.0, "momentum": 0.9, "nesterov": False}}),
        ("optimizer: {adagrad: {lr: 0.5}}", ["optimizer", "adagrad", "lr"], 0.5),
        ("optimizer: lion", ["optimizer", "lion", "lr"], None),
        ("loss: squared_error", ["loss"], "squared_error"),
        ("loss: {cross_entropy: {class_weight: [1, 2]}}", ["loss", "cross_entropy"],
         {"label_smoothing": 0.1, "class_weight": [1.0, 2.0], "ignore_index": None}),
        ("data: {n: 30}", ["data", "n"], 30),
        ("data: {n: 30}", ["data", "validation"], 4),
        ("data: {source: digits}", ["data", "validation"], 0),
        ("network: [{dense: {units: 2}}]", ["network"], 1),
    ],
)  # fmt: skip
def test_set_values_override_the_base(tree, over, path, expected):
    """Sections are merged; lists and other kinds are replaced."""
    found = tree(f"extends: base.yaml\n{over}\n", base=BASE)
    for key in path:
        found = found[key]
    if path == ["network"]:
        found = len(found)
    if expected is not None:
        assert found == expected


def test_the_nearest_file_of_a_chain_wins(tree):
    texts = {
        "first": BASE,
        "second": "extends: first.yaml\nseed: 4\ntrain: {epochs: 5}",
        "third": "extends: second.yaml\ntrain: {l2: 0.5}",
    }
    found = tree("extends: third.yaml\nseed: 6\n", **texts)
    assert (found["seed"], found["train"]["epochs"], found["train"]["l2"]) == (6, 5, 0.5)


def test_a_base_is_relative_to_the_file_that_names_it(tmp_path, write):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    write(base=BASE)
    (tmp_path / "sub" / "middle.yaml").write_text("extends: ../base.yaml\nseed: 9\n")
    main = tmp_path / "sub" / "deep" / "main.yaml"
    main.write_text("extends: ../middle.yaml\n")
    found = read_config(main).plan
    assert (found.seed, found.name) == (9, "main")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"main": "extends: main.yaml"},
         "main.yaml:1:1: extends: main.yaml extends this file in turn; break the cycle"),
        ({"a": "extends: main.yaml", "main": "extends: a.yaml"},
         "a.yaml:1:1: extends: main.yaml extends this file in turn; break the cycle"),
        ({"main": "extends: none.yaml"}, "main.yaml:1:1: extends: none.yaml: no such file"),
        ({"main": "extends: sub/.."}, "main.yaml:1:1: extends: sub/..: no such file"),
        ({"main": "extends: 3"}, "main.yaml:1:1: extends: must be a file name"),
        ({"main": "extends: [a.yaml]"}, "main.yaml:1:1: extends: must be a file name"),
    ],
    ids=lambda case: str(case)[:50],
)  # fmt: skip
def test_invalid_bases(write, tmp_path, texts, message):
    with pytest.raises(ConfigError) as caught:
        read_config(write(**texts))
    found = str(caught.value).splitlines()[0].replace(f"{tmp_path}/", "")
    assert found == message


def test_the_length_of_a_chain_is_limited(refused):
    texts = {f"f{k}": f"extends: f{k + 1}.yaml" for k in range(LONGEST_CHAIN + 2)}
    (message,) = refused("extends: f0.yaml", **texts)
    assert f"f{LONGEST_CHAIN - 1}.yaml:1:1: extends: " in message


def test_a_mistake_is_reported_in_the_file_that_contains_it(refused):
    base = BASE.replace("epochs: 2", "epoch: 2")
    found = refused("extends: base.yaml\ntrain:\n  batchsize: 5\n", base=base)
    assert sorted(found) == [
        "base.yaml:8:9: train.epoch: unknown key; did you mean 'epochs'?",
        "main.yaml:3:3: train.batchsize: unknown key; did you mean 'batch_size'?",
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "root:x:0:0:root:/root:/bin/sh",
        "-----BEGIN KEY-----\nc2VjcmV0: [",
        "seed: [1",
        "password: hunter2",
        "kind: Secret\nstringData: {x: hunter2}\nmetadata: {}\ndata: 3",
        "- hunter2",
        "hunter2: 1\nhunter2: 2",
        "",
        "\0hunter2",
    ],
)
def test_nothing_is_quoted_from_a_base_that_is_no_config(write, tmp_path, secret):
    with pytest.raises(ConfigError) as caught:
        read_config(write(base=secret, main="extends: base.yaml"))
    text = str(caught.value).replace(f"{tmp_path}/", "")
    first, *excerpt = text.splitlines()
    assert first.startswith("main.yaml:1:1: extends: base.yaml: not a config; to see why: ")
    assert first.endswith(" fit base.yaml --print-config")
    assert [line.strip() for line in excerpt] == ["1 | extends: base.yaml", "| ^"]


@pytest.mark.parametrize(
    ("setting", "path", "expected"),
    [
        ("train.epochs=9", ("train", "epochs"), 9),
        ("train.l2=0.25", ("train", "l2"), 0.25),
        ("optimizer.sgd.momentum=0.5", ("optimizer", "sgd", "momentum"), 0.5),
        ("network.0.dense.units=7", ("network", 0, "dense", "units"), 7),
        ("data.fold=2/5", ("data", "fold"), "2/5"),
    ],
)
def test_a_setting_overrides_all_files(tree, setting, path, expected):
    found = tree("extends: base.yaml\ntrain: {epochs: 4}\n", setting, base=BASE)
    for key in path:
        found = found[key]
    assert found == expected


def test_an_invalid_setting_is_named(refused):
    found = refused("extends: base.yaml", "train.epochs=x", base=BASE)
    assert found == ["--set train.epochs=x: must be an integer, not 'x'"]


# --- vars ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "old", "new", "path", "expected"),
    [
        ("{a: 7}", "seed: 3", "seed: ${a}", ("seed",), 7),
        ("{a: 0.25}", "lr: 0.1", "lr: '${a}'", ("optimizer", "sgd", "lr"), 0.25),
        ("{a: relu6}", "relu", "'${a}'", ("network", 0, "dense", "activation"), "relu6"),
        ("{a: [1, 2]}", "label_smoothing: 0.1", "class_weight: '${a}'",
         ("loss", "cross_entropy", "class_weight"), [1.0, 2.0]),
        ("{a: {units: 9}}", "{units: 4, activation: relu}", "'${a}'",
         ("network", 0, "dense", "units"), 9),
        ("{a: 5, b: x}", "seed: 3", "name: run-${a}${b}", ("name",), "run-5x"),
        ("{}", "seed: 3", "seed: 3", ("seed",), 3),
    ],
)  # fmt: skip
def test_a_variable_as_whole_value_keeps_its_type(tree, variables, old, new, path, expected):
    found = tree(f"vars: {variables}\n{BASE.replace(old, new)}")
    for key in path:
        found = found[key]
    assert found == expected


def test_variables_of_a_base_can_be_changed(plan):
    base = "vars: {width: 4, rate: 0.1}\n" + BASE.replace("units: 4", "units: '${width}'")
    assert plan("extends: base.yaml", base=base).network[0].layer.units == 4
    assert plan("extends: base.yaml\nvars: {width: 8}", base=base).network[0].layer.units == 8
    changed = plan("extends: base.yaml", "vars.width=16", base=base)
    assert changed.network[0].layer.units == 16


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 3", "seed: ${sed}",
         "main.yaml:2:1: seed: no variable 'sed' in 'vars'; did you mean 'seed'?"),
        ("units: 4", "units: '${with}'",
         "main.yaml:5:13: network[0].dense.units: no variable 'with' in 'vars'; "
         "did you mean 'width'?"),
        ("seed: 3", "name: run-${xyz}",
         "main.yaml:2:1: name: no variable 'xyz' in 'vars'; known: seed, width"),
    ],
)  # fmt: skip
def test_an_unknown_variable_is_reported_at_its_position(refused, old, new, message):
    assert refused(f"vars: {{width: 3, seed: 4}}\n{BASE.replace(old, new)}") == [message]


def test_without_vars_there_are_no_variables(refused):
    (message,) = refused(BASE.replace("seed: 3", "seed: ${a}"))
    assert message == "main.yaml:1:1: seed: no variable 'a' in 'vars'"


@pytest.mark.parametrize("text", ["vars: 3", "vars: [a]", "vars: a"])
def test_vars_must_be_a_mapping(refused, text):
    (message,) = refused(f"{text}\n{BASE}")
    assert message == "main.yaml:1:1: vars: must be a mapping of names to values"


@pytest.mark.parametrize("text", ["$a", "{a}", "a$", "$ {a}", "${}", "$${", "${a-b}"])
def test_other_text_is_unchanged(tree, text):
    inputs = {"source": "idx", "train": {"images": text, "labels": text}}
    found = tree(
        f"vars: {{a: 1}}\n{BASE}", f"data={yaml.safe_dump(inputs, default_flow_style=True)}"
    )
    assert found["data"]["train"]["images"] == text


def test_a_wrong_value_of_a_variable_is_reported_where_it_is_used(refused):
    text = BASE.replace("epochs: 2", 'epochs: "${n}"')
    (message,) = refused(f"vars: {{n: many}}\n{text}")
    assert message == "main.yaml:9:9: train.epochs: must be an integer, not 'many'"


# --- repeat ----------------------------------------------------------------------------------


def network(*lines):
    body = "".join(f"  {line}\n" for line in lines)
    old = "  - dense: {units: 4, activation: relu}\n"
    return BASE.replace(old, body)


def kinds(plan):
    return [item.layer.kind for item in plan.network]


def test_a_block_is_expanded(plan):
    found = plan(network("- repeat: {times: 3, layers: [{dense: {units: 4}}, relu]}"))
    assert kinds(found) == [*["dense", "relu"] * 3, "dense"]


def test_i_counts_from_one(plan):
    text = network("- repeat: {times: 3, layers: [{dense: {units: '${i}'}, name: 'block${i}'}]}")
    items = plan(text).network[:-1]
    assert [(item.name, item.layer.units) for item in items] == [
        ("block1", 1), ("block2", 2), ("block3", 3),
    ]  # fmt: skip


def test_nested_blocks(plan):
    inner = "{repeat: {times: 2, layers: [{dense: {units: '${i}'}}]}}"
    found = plan(
        network(f"- repeat: {{times: 2, layers: [tanh, {inner}, {{dense: {{units: 5}}}}]}}")
    )
    assert kinds(found) == ["tanh", "dense", "dense", "dense"] * 2 + ["dense"]
    units = [item.layer.units for item in found.network if item.layer.kind == "dense"]
    assert units == [1, 2, 5, 1, 2, 5, 2]


def test_variables_in_times(plan):
    text = "vars: {n: 2, w: 6}\n" + network(
        "- repeat: {times: '${n}', layers: [{dense: {units: '${w}'}}]}"
    )
    assert [item.layer.units for item in plan(text).network] == [6, 6, 2]
    assert len(plan(text, "vars.n=5").network) == 6


def test_residual_blocks(plan):
    text = network(
        "- {dense: {units: 3}, name: out0}",
        "- repeat:",
        "    times: 2",
        "    layers:",
        "      - {dense: {units: 3}, name: 'in${i}'}",
        "      - {add: {}, from: ['in${i}', input], name: 'out${i}'}",
    )
    sources = [item.source for item in plan(text).network]
    assert sources == [None, None, ("in1", "input"), None, ("in2", "input"), None]


BAD_FORM = "write it as repeat: {times: 3, layers: [...]}"


@pytest.mark.parametrize(
    "block",
    [
        "3", "null", "[relu]", "{times: 3}", "{layers: [relu]}", "{times: 0, layers: [relu]}",
        "{times: -1, layers: [relu]}", "{times: 2.0, layers: [relu]}",
        "{times: true, layers: [relu]}", "{times: two, layers: [relu]}",
        "{times: 2, layers: relu}", "{times: 2, layers: {dense: {units: 3}}}",
        "{times: 2, layers: [relu], name: x}", "{times: 2, layers: []}",
        "{times: 1000000000000, layers: []}",
        "{times: 1000000000000, layers: [{repeat: {times: 2, layers: []}}]}",
    ],
)  # fmt: skip
def test_malformed_blocks(refused, block):
    (message,) = refused(network(f"- repeat: {block}"))
    assert message.startswith("main.yaml:4:")
    assert message.endswith(BAD_FORM)


def test_a_block_with_other_keys(refused):
    (message,) = refused(network("- {repeat: {times: 2, layers: [relu]}, name: x}"))
    assert message.endswith(BAD_FORM)


@pytest.mark.parametrize(
    "block",
    [
        "{times: 3001, layers: [relu]}",
        "{times: 1000000000000, layers: [relu]}",
        "{times: 1000000, layers: [{repeat: {times: 1000000, layers: [relu]}}]}",
    ],
)
def test_too_many_layers(refused, block):
    (message,) = refused(network(f"- repeat: {block}"))
    assert message.endswith("more than 3,000 layers; repeat less")


def test_a_mistake_in_a_block_is_reported_at_its_position(refused):
    text = network("- relu", "- repeat:", "    times: 2", "    layers:", "      - dense: {unit: 3}")
    found = refused(text)
    assert {line.partition(": ")[0] for line in found} == {"main.yaml:8:11", "main.yaml:8:19"}
    assert any("unit: unknown key; did you mean 'units'?" in line for line in found)


def test_a_mistake_after_a_block_keeps_its_position(refused):
    text = network("- repeat: {times: 4, layers: [relu]}").replace("units: 2", "unit: 2")
    assert {line.partition(": ")[0] for line in refused(text)} == {
        "main.yaml:5:5",
        "main.yaml:5:13",
    }


# --- the result ------------------------------------------------------------------------------

PARTS = """\
extends: base.yaml
vars: {width: 3, again: 2}
network:
  - repeat: {times: "${again}", layers: [{dense: {units: "${width}"}, name: "block${i}"}, tanh]}
  - dense: {units: 2}
"""


def test_the_saved_config_is_complete_and_trains_identically(write, tmp_path):
    path = write(base=BASE, parts=PARTS)

    def weights(config, folder):
        assert run_fit(config, FitOptions(out=tmp_path / folder, quiet=True)) == ExitCode.DONE
        return (tmp_path / folder / "checkpoints" / "last.npz").read_bytes()

    first = weights(path, "first")
    saved = tmp_path / "first" / "config.yaml"
    text = saved.read_text()
    assert not {"extends", "vars", "repeat"} & yaml.safe_load(text).keys()
    assert "repeat" not in text
    assert "${" not in text
    assert weights(saved, "second") == first
    assert load(tmp_path / "second" / "checkpoints" / "last.npz").plan == read_config(path).plan


def test_the_dumped_plan_is_read_back_as_the_same_plan(write):
    plan = read_config(write(base=BASE, parts=PARTS)).plan
    assert read_config(write(again=dump_plan(plan))).plan == plan

"""The JSON Schema agrees with the reader: what is read validates, common mistakes do not."""

from pathlib import Path

import pytest

from cnntrain.config.document import read_document
from cnntrain.config.read import plan_from_tree, plan_to_tree, read_config
from cnntrain.errors import ConfigError
from cnntrain.layers import Layer
from cnntrain.registry import to_tree
from cnntrain.views.explain.kinds import describe, families
from cnntrain.views.schema import config_schema

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked with jsonschema")

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
MODELINE = "# yaml-language-server: $schema=schema.json"
every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def schema():
    return config_schema()


@pytest.fixture(scope="module")
def problems(schema):
    """``problems(tree)``: what the schema has against a config."""
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    return lambda tree: [error.message for error in validator.iter_errors(tree)]


@every_config
def test_a_config_validates_and_names_the_schema(problems, path):
    assert path.read_text("utf-8").splitlines()[0] == MODELINE
    assert problems(read_document(path).tree) == []


@every_config
def test_a_config_with_all_defaults_validates(problems, path):
    assert problems(plan_to_tree(read_config(path).plan)) == []


@pytest.mark.parametrize("kind", Layer.kinds)
def test_every_layer_validates_in_a_network(problems, small_tree, kind):
    for example in Layer.kinds[kind].examples():
        assert problems(small_tree(network=[to_tree(example.layer)])) == []


SHORT_FORMS = [
    {"network": ["flatten", {"dense": {"units": 2, "activation": "relu"}, "name": "a"}]},
    {"network": [{"relu": None, "name": "in"}, {"add": None, "from": ["in", "input"]}]},
    {"network": [{"repeat": {"times": 2, "layers": [{"dense": {"units": "${width}"}}]}}]},
    {"network": [{"dense": {"units": 2, "init": "he_normal"}}]},
    {"network": [{"dense": {"units": 2, "init": {"W": [[1, 2]], "b": 0}}}]},
    {"loss": [{"cross_entropy": {}, "weight": 2.0}]},
    {"loss": ["cross_entropy", {"squared_error": {}, "output": "a", "weight": 0.5}]},
    {"data": {"source": "npz", "train": "x.npz", "targets": "standardize"}},
    {"data": {"source": "csv", "train": "x.csv", "targets": ["a"], "validation": 0.2}},
    {"optimizer": "adam", "schedule": {"cosine": {"warmup_epochs": 1}}},
    {"metrics": ["macro_f1", {"top_k": {"k": 3}}]},
]


@pytest.mark.parametrize("sections", SHORT_FORMS, ids=str)
def test_short_forms_validate(problems, small_tree, sections):
    assert problems(small_tree(**sections)) == []


def test_a_config_that_extends_another_may_leave_out_all_else(problems):
    assert problems({"extends": "base.yaml", "train": {"epochs": 3}}) == []


MISTAKES = [
    {"train": {"batchsize": 3}},
    {"train": {"epochs": 0}},
    {"train": {"mode": "minibatch"}},
    {"network": []},
    {"network": [{"dense": {}}]},
    {"network": [{"dense": {"units": 2, "actvation": "relu"}}]},
    {"network": ["dens"]},
    {"loss": "crosentropy"},
    {"optimizer": {"sgd": {"lr": "fast"}}},
    {"data": {"source": "csvs"}},
    {"data": {"source": "csv", "train": "x.csv", "shuffle": True}},
    {"data": {"source": "digits", "normalize": "yes"}},
    {"nonsense": 1},
    {"dtype": "float16"},
]


@pytest.mark.parametrize("sections", MISTAKES, ids=str)
def test_common_mistakes_do_not(problems, small_tree, sections):
    assert problems(small_tree(**sections))
    with pytest.raises(ConfigError):
        plan_from_tree(small_tree(**sections))


def test_what_must_be_there(problems, small_tree):
    for section in ("data", "network", "loss"):
        tree = small_tree()
        del tree[section]
        assert problems(tree)


def test_every_kind_and_option_is_described(schema):
    for family, base in families().items():
        for kind, member in base.kinds.items():
            name = f"{family}.{kind}"
            if name not in schema["definitions"]:
                continue  # a data source, whose options stand beside others
            found = schema["definitions"][name]
            assert found["description"]
            for option in describe(member).options:
                assert option.name in found["properties"], (name, option.name)

"""``--set lr=0.1`` means the key of that name, if there is only one in this config."""

import pytest

from cnntrain.config.read import read_config
from cnntrain.config.short_keys import with_full_key
from cnntrain.errors import ConfigError


@pytest.mark.parametrize(
    ("tree", "setting", "full"),
    [
        ({}, "lr=1", "optimizer.sgd.lr=1"),
        ({"optimizer": "adam"}, "lr=1", "optimizer.adam.lr=1"),
        ({"optimizer": {"adam": {"lr": 2}}}, "beta1=1", "optimizer.adam.beta1=1"),
        ({"optimizer": {"type": "Adam", "lr": 2}}, "lr=1", "optimizer.lr=1"),
        ({"schedule": {"cosine": {}}}, "warmup_epochs=2", "schedule.cosine.warmup_epochs=2"),
        ({}, "batch_size=4", "train.batch_size=4"),
        ({}, "patience=4", "train.stop.patience=4"),
        ({}, "validation=0.1", "data.validation=0.1"),
        ({}, "seed=1", "seed=1"),
        ({}, "data=1", "data=1"),
        ({}, "train.lr=1", "train.lr=1"),
        ({}, "nonsense=1", "nonsense=1"),
        ({"optimizer": "adam"}, "momentum=1", "momentum=1"),
        ({"optimizer": ["odd"]}, "momentum=1", "momentum=1"),
        ({"optimizer": None}, "lr=1", "lr=1"),
        ({"vars": {}, "width": 3}, "width=1", "width=1"),
    ],
)
def test_full_keys(tree, setting, full):
    assert with_full_key(tree, setting) == full


def test_a_config_takes_short_keys(config_file):
    plan = read_config(config_file(), ["lr=0.25", "batch_size=5"]).plan
    assert (plan.optimizer.lr, plan.train.batch_size) == (0.25, 5)


def test_the_problem_is_named_as_it_was_given(config_file):
    with pytest.raises(ConfigError, match=r"^--set lr=-1: must be greater than"):
        read_config(config_file(), ["lr=-1"])

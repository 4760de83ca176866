"""Ranges of a sweep: what they mean, which values they give, and how mistakes are told."""

import math

import pytest

from cnntrain.config.read import read_config
from cnntrain.config.space import as_settings, drawn, grid, probes, split_settings
from cnntrain.errors import ConfigError


def space(*settings):
    return split_settings(settings)[1]


def test_ranges_and_fixed_settings_are_told_apart():
    fixed, found = split_settings(["train.epochs=3", "lr=log(1e-3, 1)", "l2=choice(0, 1.5)"])
    assert fixed == ["train.epochs=3"]
    assert [(dim.key, dim.kind) for dim in found] == [("lr", "log"), ("l2", "choice")]


def test_the_same_trials_each_time_and_others_for_another_seed():
    found = space("a=log(1e-4,1e-1)", "b=uniform(0,1)", "c=int(1,6)", "d=choice(x,y)")
    first = [drawn(found, 3, k) for k in range(5)]
    assert first == [drawn(found, 3, k) for k in range(5)]
    assert len({values["a"] for values in first}) == 5
    assert drawn(found, 4, 0) != first[0]


def test_draws_stay_inside_and_reach_everything():
    found = space("a=log(1e-4,1e-1)", "b=uniform(0.3333333,1)", "c=int(1,3)", "d=choice(1,2)")
    draws = [drawn(found, 0, k) for k in range(300)]
    assert all(1e-4 <= v["a"] <= 1e-1 and 0.3333333 <= v["b"] <= 1 for v in draws)
    assert {v["c"] for v in draws} == {1, 2, 3}
    assert {v["d"] for v in draws} == {1, 2}
    low = sum(math.log10(v["a"]) < -2.5 for v in draws)
    assert 110 < low < 190  # half of the decades


def test_a_grid_has_all_combinations():
    found = space("a=choice(1,2)", "b=log(0.01,1,3)", "c=int(4,5)")
    assert [tuple(v.values()) for v in grid(found)] == [
        (a, b, c) for a in (1, 2) for b in (0.01, 0.1, 1.0) for c in (4, 5)
    ]


def test_every_extreme_value_is_probed():
    found = list(probes(space("a=uniform(1,2)", "b=choice(x,y,z)")))
    assert {v["a"] for v in found} == {1.0, 2.0}
    assert {v["b"] for v in found} == {"x", "y", "z"}
    assert len(found) == 4


def test_values_go_through_set_as_they_are(config_file):
    values = {"optimizer": {"sgd": {"lr": 1e-05}}, "train.batch_size": 16, "name": "1e-3"}
    assert read_config(config_file(), as_settings(values)).plan.optimizer.lr == 1e-5
    assert as_settings({"a": 1e-05, "b": "1e-3"}) == ["a=1.0e-05", 'b="1e-3"']


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["lr=0.1"], "nothing to vary; give a range, such as --set 'lr=log"),
        (["lr=logg(1,2)"], "--set lr=logg(1,2): unknown range 'logg'; did you mean 'log'?"),
        (["lr=log(0,2)"], "log needs numbers above 0"),
        (["lr=log(3,2)"], "3 is not less than 2"),
        (["lr=log(1)"], "write two numbers, such as log(1,10)"),
        (["lr=uniform(a,b)"], "write two numbers, such as uniform(1,10)"),
        (["lr=uniform(.nan,1)"], "write two numbers"),
        (["lr=int(1,2.5)"], "int needs whole numbers"),
        (["lr=choice()"], "name at least one value"),
        (["lr=choice([)"], "--set lr=choice([):"),
        (["=log(1,2)"], "write it as key=range"),
        (["lr=log(1,2,1)"], "the third number counts the points of a grid"),
        (["lr=log(1,2)", "lr=log(1,3)"], "--set lr: this key has two ranges"),
    ],
)
def test_mistakes(settings, message):
    with pytest.raises(ConfigError) as error:
        split_settings(settings)
    assert message in str(error.value)
    assert str(error.value).count("\n") <= 2


def test_grids_that_cannot_be_laid_out():
    with pytest.raises(ConfigError, match=r"write log\(0.1,1,4\), or use choice"):
        grid(space("lr=log(0.1,1)"))
    with pytest.raises(ConfigError, match="the grid has 1,000,000 points"):
        grid(space("a=int(1,1000)", "b=int(1,1000)"))

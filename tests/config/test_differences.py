"""Differences between two configs, by key path."""

import pytest

from cnntrain.config.differences import differences


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
        ({"a": 1}, {"a": 1.0}, ["a: 1 -> 1.0"]),
        ({"a": True}, {"a": 1}, ["a: true -> 1"]),
        ({"a": None}, {}, ["a: null -> absent"]),
        ({}, {"ä": "é"}, ['ä: absent -> "é"']),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "b": 1}}, ["a.c: 2 -> 3"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a.1.b: 2 -> 3"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a: [1] -> [1, 2]"]),
        ({"a": [1]}, {"a": {"b": 1}}, ['a: [1] -> {"b": 1}']),
        ({"x": 1}, {"b": 1}, ["x: 1 -> absent", "b: absent -> 1"]),
    ],
)  # fmt: skip
def test_differences(old, new, told):
    assert [str(found) for found in differences(old, new)] == told


def test_many_trees():
    trees = [{"a": {"b": k, "c": [1, k // 2]}} for k in range(3)]
    told = [str(found) for found in differences(*trees)]
    assert told == ["a.b: 0 -> 1 -> 2", "a.c.1: 0 -> 0 -> 1"]

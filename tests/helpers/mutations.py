"""Mutations of valid configs: keys, types, values, structure, bytes. Hypothesis draws them."""

import copy
import math
from pathlib import Path

import yaml
from hypothesis import strategies as st

FOLDER = Path(__file__).parents[2] / "configs"
WITHOUT_FILES = (
    "adaline", "digits", "digits-residual", "sine", "spirals", "worked-2-2-2", "worked-conv", "xor",
)  # fmt: skip
TEXTS = [
    "1e400", ".nan", "-.inf", "010", "0o10", "1:30", "2024-01-01", "yes", "~", "1_000", "9" * 5000,
    "!!python/name:os.system ''", "!x 1", "&a [*a]", "*a", "{<<: {a: 1}}", "{1: 2}", "{[1]: 2}",
    "[" * 60 + "]" * 60, '"\\ud800"', "'", "|", "${i}", "${x}", "{a: 1, a: 2}", "? x", "---", "%",
]  # fmt: skip
RAW = {f"RAW{k}": text for k, text in enumerate(TEXTS)}  # stand-ins: YAML's writer quotes texts
VALUES = [
    None, True, False, -1, 0, 1, 2, 3, 7, 2**31, 2**63, 2**64, 10**30, -(10**30), 0.0, 0.3, 1.0,
    1.5, -0.5, 1e-300, 1e300, math.nan, math.inf, "", "1", "0.1", "relu", "dense", "sgd",
    "val/loss", "train/loss", "zeros", "unit", "same", "a b", "../x", "~/x", "é\n", "\0", [], [[]],
    [1], [0, 0], [1, 2, 3], [1.5, "x"], {}, {"a": 1}, {"dense": {}}, {"dense": {"units": 3}},
    {"class_name": "os.system"}, "flatten", "batch_norm", {"conv2d": {"filters": 2, "kernel": 3}},
    {"max_pool2d": 2}, *RAW,
]  # fmt: skip
WORDS = [
    "train", "data", "network", "epochs", "units", "kernel", "lr", "source", "l2", "from", "name",
    "repeat", "extends", "vars", "output", "mode", "x", "", "1", "true", "é", "a.b",
]  # fmt: skip


def trees(small):
    """Every config that needs no files, and ``small``."""
    return [yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in WITHOUT_FILES] + [
        small
    ]


def places(tree, path=()):
    """The paths of all parts of a tree but itself."""
    entries = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def changed(draw, tree):
    """The tree with one part removed, replaced, moved, renamed, doubled or wrapped."""
    found = list(places(tree))
    if not found:
        return tree
    path, other = draw(st.sampled_from(found)), draw(st.sampled_from(found))
    around, key, part = at(tree, path[:-1]), path[-1], at(tree, path)
    there = copy.deepcopy(at(tree, other))
    kind = draw(st.integers(0, 7))
    if kind == 0:
        del around[key]
    elif kind in (1, 2):
        around[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    elif kind == 3:
        around[key] = there
    elif kind == 4 and isinstance(around, dict):
        name = draw(st.sampled_from([*WORDS, f"{key}s", str(key)[:-1], str(other[-1])]))
        around[name] = around.pop(key)
    elif kind == 5:
        around[key] = [part, copy.deepcopy(part)] if draw(st.booleans()) else {str(key): part}
    elif kind == 6 and isinstance(around, list):
        around.insert(key, there)
    elif isinstance(part, int | float) and not isinstance(part, bool):
        around[key] = draw(
            st.sampled_from([-part, part * 10**9, part + 0.5, str(part), part + 1, float(part)])
        )
    return tree


def mangled(draw, data):
    """The bytes with some flipped, removed, inserted or doubled."""
    start = draw(st.integers(0, len(data)))
    end = start + draw(st.integers(0, 30))
    doubled = data[start:end] * 2
    new = draw(st.binary(max_size=4) | st.sampled_from([b"", doubled, b"\t", b"\n- "]))
    return data[:start] + new + data[end:]


@st.composite
def configs(draw, small):
    """The bytes of a config that was valid once, changed as a tree, as bytes, or both."""
    tree = copy.deepcopy(draw(st.sampled_from(trees(small))))
    as_tree, as_bytes = draw(
        st.sampled_from([(1, 0), (1, 0), (1, 0), (2, 0), (3, 0), (0, 2), (1, 1)])
    )
    for _ in range(as_tree):
        tree = changed(draw, tree)
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    for name in sorted(RAW, reverse=True):
        text = text.replace(name, RAW[name])
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(as_bytes):
        data = mangled(draw, data)
    return data


@st.composite
def settings(draw):
    """Words for ``--set``, right and wrong."""
    path = draw(
        st.lists(st.sampled_from([*WORDS, "0", "-1", "optimizer", "sgd", "stop"]), max_size=4)
    )
    value = draw(st.sampled_from([*RAW.values(), "1", "x", "[", "{a: 1", "", "-1", "null"]))
    return ".".join(path) + draw(st.sampled_from(["=", "", "=="])) + value

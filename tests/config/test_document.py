"""The text of a config: what is read, what is rejected, and the messages."""

import contextlib
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cnntrain.config.document import (
    MAX_BYTES,
    Document,
    parse_document,
    parse_value,
    read_document,
    show_path,
)
from cnntrain.config.parser import MAX_DEPTH, MAX_NODES
from cnntrain.errors import ConfigError, ExitCode

HANG_S = 20


@pytest.fixture(autouse=True)
def hang_guard() -> Iterator[None]:
    """Fail if reading blocks or never ends, instead of hanging the tests."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return
    previous = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(HANG_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def _hangs(*_: object) -> None:
    raise AssertionError(f"not done after {HANG_S} s")


def message(text: str) -> str:
    """The message for this config."""
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "lenet.yaml")
    assert caught.value.exit_code == ExitCode.USAGE
    return str(caught.value)


def headline(text: str) -> str:
    return message(text).splitlines()[0].removeprefix("lenet.yaml:")


def file_message(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    return str(caught.value).replace(str(path), "FILE")


def value(text: str) -> Any:
    return parse_value(text, "--set x")


# What is read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, None) for text in ("", "~", "null", "Null", "NULL", "# nothing")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, False) for text in ("false", "False", "FALSE")),
        *((text, text) for text in ("yes", "no", "on", "off", "y", "N", "tRUE", "nULL")),
        ("0", 0),
        ("-3", -3),
        ("+3", 3),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("9" * 100, int("9" * 100)),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e+2", -150.0),
        (".inf", math.inf),
        ("+.INF", math.inf),
        ("-.Inf", -math.inf),
        *((text, text) for text in ("1:30", "1_000", "0b11", "0o9", "1e", ".", "e3", "--1", "1,5")),
        *((text, text) for text in ("2024-01-31", "2024-01-31 10:00:00", "٣", "inf", "nan")),
        ('"1"', "1"),
        ("'true'", "true"),
        ('""', ""),
        ("|\n  1", "1"),
        (">-\n  a\n  b", "a b"),
        (r'"\ud83d\ude00 \U0001F600"', "😀 😀"),
        ("a\n b", "a b"),
        ("[1, [a], {b: c}]", [1, ["a"], {"b": "c"}]),
        ("- 1\n- a: 2\n  b:", [1, {"a": 2, "b": None}]),
        ("[a: 1, b]", [{"a": 1}, "b"]),
        ("--- 1\n...", 1),
        ("%YAML 1.2\n--- 1", 1),
    ],
)
def test_values_follow_the_yaml_1_2_core_schema(text: str, expected: object) -> None:
    found = value(text)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    assert math.isnan(value(text))


def test_positions_are_those_of_keys_and_items() -> None:
    text = (
        "# top\nnetwork:\n  - conv2d: {filters: 6}\n  -  flatten\ntrain:\n  stop: {patience: 5}\n"
    )
    document = parse_document(text, "lenet.yaml")
    assert document.tree == {
        "network": [{"conv2d": {"filters": 6}}, "flatten"],
        "train": {"stop": {"patience": 5}},
    }
    assert document.positions == {
        (): (2, 1),
        ("network",): (2, 1),
        ("network", 0): (3, 5),
        ("network", 0, "conv2d"): (3, 5),
        ("network", 0, "conv2d", "filters"): (3, 14),
        ("network", 1): (4, 6),
        ("train",): (5, 1),
        ("train", "stop"): (6, 3),
        ("train", "stop", "patience"): (6, 10),
    }


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_are_ignored(line_end: str) -> None:
    document = parse_document(f"\ufeffa: 1{line_end}b: |{line_end}  x{line_end}  y", "lenet.yaml")
    assert document.tree == {"a": 1, "b": "x\ny"}
    assert document.positions["a",] == (1, 1)
    assert document.positions["b",] == (2, 1)


def test_an_alias_is_a_copy_of_its_value() -> None:
    tree: Any = parse_document("a: &x {k: [1, b]}\nc: *x", "lenet.yaml").tree
    assert tree == {"a": {"k": [1, "b"]}, "c": {"k": [1, "b"]}}
    tree["a"]["k"].append(2)
    assert tree["c"] == {"k": [1, "b"]}


def test_depth_and_node_limits_are_exact() -> None:
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert len(value("[" + "1," * (MAX_NODES - 1) + "]")) == MAX_NODES - 1


# What is rejected


def test_a_report_shows_the_line_and_a_caret() -> None:
    assert message("train:\n  lr: 1\n  lr: 2\n") == (
        "lenet.yaml:3:3: train.lr: already given on line 2; keep one\n    3 |   lr: 2\n      |   ^"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n\"a\": 2\nb: {c: 1, 'c': 2}", "2:1: a: already given on line 1; keep one"),
        ("b: {c: 1,\n 'c': 2}", "2:2: b.c: already given on line 1; keep one"),
        ("a:\n  - b: 1\n    b: 1", "3:5: a[0].b: already given on line 2; keep one"),
        ("-1: a", "1:1: a key must be text, not -1; put it in quotes"),
        ("1.0: a", "1:1: a key must be text, not 1.0; put it in quotes"),
        ("true: a", "1:1: a key must be text, not true; put it in quotes"),
        ("b: {? : a}", "1:6: b: a key must be text, not empty; put it in quotes"),
        ("[a]: b", "1:1: a list or mapping cannot be a key; if it is text, quote it"),
        ("a: {{ b }}", "1:5: a: a list or mapping cannot be a key; if it is text, quote it"),
        ("a: &x k\n*x : 2", "2:1: an alias cannot be a key; write the key itself"),
        ("a: &x {b: 1}\n<<: *x", "2:1: merge keys are not supported; write the entries out"),
        ("a: &x [*x]", "1:8: a[0]: the alias *x contains itself; write the value out"),
        ("a: &x {b: *x}", "1:11: a.b: the alias *x contains itself; write the value out"),
        ("a: *x", "1:4: a: the alias *x has no anchor before it; write the value out"),
        ("a: &x 1\nb: &x 2", "2:4: b: the anchor &x already exists; rename one"),
        ("a: &x [&x 1]", "1:8: a[0]: the anchor &x already exists; rename one"),
        ("a: 1e400", "1:4: a: too large for a number, the largest is about 1.8e+308; if it is text,"
                     " put it in quotes"),
        ("a: 1\n---\nb: 2", "2:1: a second document starts here; keep only one"),
        (r'a: "\ud800"', "1:4: a: half of a surrogate pair is not a character; complete the "
                         "escape"),
        (r'a: "\0"', "1:4: a: text must not contain a NUL character; remove the escape"),
        (r'a: "\Uffffffff"', r"1:7: a number out of range; the last escape is '\U0010FFFF'"),
        (r'a: "\U00110000"', r"1:7: a number out of range; the last escape is '\U0010FFFF'"),
    ],
)  # fmt: skip
def test_what_yaml_allows_but_a_config_does_not(text: str, expected: str) -> None:
    assert headline(text) == expected


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_5000_digits(sign: str) -> None:
    expected = f"1:4: a: an integer of {5000 + len(sign)} digits; at most 100 are allowed; "
    assert headline(f"a: {sign}{'1' * 5000}").startswith(expected)
    assert "0xfff" in message("a: 0x" + "f" * 5000)


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.system [ls]",
        "!!str 1",
        "!!int '1'",
        "!mine {a: 1}",
        "! a",
        "!x!y z",
    ],
)
def test_tags_are_rejected(tagged: str) -> None:
    found = headline(f"a: {tagged}")
    assert found.startswith("1:4: ")
    assert found.endswith(
        "tags are not supported; remove the tag, or put text that starts with '!' in quotes"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty, not a mapping"),
        ("# only\n# comments\n", "1:1: the file is empty, not a mapping"),
        ("---\n", "2:1: the file is empty, not a mapping"),
        ("# x\n- a", "2:1: the file is a list, not a mapping"),
        ("text", "1:1: the file is a string, not a mapping"),
        ("5", "1:1: the file is a number, not a mapping"),
        ("1.5", "1:1: the file is a number, not a mapping"),
        ("true", "1:1: the file is a boolean, not a mapping"),
    ],
)
def test_the_top_level_must_be_a_mapping(text: str, expected: str) -> None:
    remedy = "; a config has lines such as 'loss: cross_entropy' and sections such as 'train:'"
    assert headline(text) == expected + remedy


TAB = "a tab; use spaces, not tabs"
COLON = (
    "a ':' out of place; check the indentation and the line above, and quote text that contains"
    " ': '"
)
INDENT = (
    "this does not continue the block that starts on line 1; give its entries the same indentation"
)
UNCLOSED = (
    "the bracket opened on line 1 is not closed before this; put ',' between items and close the"
    " bracket"
)
EXTRA = "the value already ended before this; check its quotes and brackets, or quote all of it"
QUOTE = "this quote is never closed; add the closing one"
ESCAPE = "no such escape in double quotes; double the backslash or use single quotes"
BLOCK = "only '+', '-' or a digit may follow '|' or '>'; quote text that starts with them"
DIRECTIVE = "an invalid directive (a line with '%'); remove it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1", f"2:1: {TAB}"),
        ("a:\n  b: 1\n\tc: 1", f"3:1: {TAB}"),
        ("a:\tb", f"1:3: {TAB}"),
        ("a:\n  b: 1\n c: 2", f"3:2: {INDENT}"),
        ("- a\nb: 1", f"2:1: {INDENT}"),
        ("a: b: c", f"1:5: {COLON}"),
        ("a: 1\n  b: 2", f"2:4: {COLON}"),
        ("a\nb: 1", f"2:2: {COLON}"),
        ("a: 1\nfoo\nb: 1", "2:1: a key without ':'; write 'key: value'"),
        ("a: [1,\n  2", "1:4: this bracket is never closed; add the closing one"),
        ("a: [1,", "1:7: the text ends where a value is missing; close the brackets"),
        ("a: [1, 2\nb: 3", f"2:2: {UNCLOSED}"),
        ("a: {b: 1 c: 2}", f"1:11: {UNCLOSED}"),
        ("a: [1]]", f"1:7: {EXTRA}"),
        ('a: "x" y', f"1:8: {EXTRA}"),
        ("'a' b", "1:5: the value already ended before this; quote the whole text"),
        ("a: 'x\nb: 1", f"1:4: {QUOTE}"),
        ("a: 'x\n---\nb: 1", f"1:4: {QUOTE}"),
        ("a: - b", "1:4: a '-' out of place; start '- item' on its own line"),
        ("a: ? b", "1:4: a '?' out of place; quote text that starts with '?'"),
        ("a: [1,,2]", "1:7: a value is missing here; if this is text, quote it"),
        ("a: @b", "1:4: a value cannot start with '@'; put it in quotes"),
        ("a: *.csv", "1:4: not an alias or anchor; quote text that starts with '*' or '&'"),
        (r'a: "C:\data"', f"1:8: {ESCAPE}"),
        (r'a: "\xzz"', f"1:7: {ESCAPE}"),
        ("a: |x\n  b", f"1:4: {BLOCK}"),
        ("%YAML 2.0\n--- {a: 1}", f"1:1: {DIRECTIVE}"),
        ("%x: 1", f"1:1: {DIRECTIVE}"),
        ("%YAML 1." + "9" * 5000, r"1:9: a number out of range; the last escape is '\U0010FFFF'"),
    ],
)
def test_invalid_yaml_is_explained_at_its_position(text: str, expected: str) -> None:
    assert headline(text) == expected


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\x7f", "\ud800", "\ufffe"])
def test_control_characters_are_rejected(bad: str) -> None:
    shown = bad.encode("unicode_escape").decode()
    assert message(f"a: 1\nb: x{bad}y") == (
        f"lenet.yaml:2:5: the character {shown} is not allowed; remove it, or save the file as"
        f" UTF-8 text\n    2 | b: x{shown}y\n      |     ^"
    )


def test_several_mistakes_are_in_one_report() -> None:
    found = message("a: !x 1\n2.0: b\nc: 1e999\na: 3\nd: [")
    assert [line.split(" ")[0] for line in found.splitlines()[::3]] == [
        "lenet.yaml:1:4:",
        "lenet.yaml:2:1:",
        "lenet.yaml:3:4:",
        "lenet.yaml:4:1:",
        "lenet.yaml:5:5:",
    ]


# Hostile texts


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[{", "{? ", "{a: "])
@pytest.mark.parametrize("times", [2_000, 100_000])
def test_deep_nesting_is_rejected(opening: str, times: int) -> None:
    text = (opening * times)[: MAX_BYTES - 10]
    assert "nested more than 50 levels deep; flatten it" in message(text)


def test_deep_nesting_through_aliases_is_rejected() -> None:
    levels = [f"- &a{i} [*a{i - 1}]" for i in range(1, MAX_DEPTH)]
    assert "nested more than 50 levels deep" in message("\n".join(["- &a0 []", *levels]))


@pytest.mark.parametrize("row", ["[*{0}, *{0}, *{0}]", "{{x: *{0}, y: *{0}, z: *{0}}}"])
def test_billion_laughs_is_rejected(row: str) -> None:
    rows = ["a0: &a0 lol", *(f"a{i}: &a{i} {row.format(f'a{i - 1}')}" for i in range(1, 30))]
    expected = "more than 50000 keys and values; shorten it (every use of an alias counts)"
    assert expected in message("\n".join(rows))


def test_merge_key_bomb_is_rejected() -> None:
    rows = ["a0: &a0 {k: v}"]
    rows += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 5)}]}}" for i in range(1, 12)]
    assert "2:10: a1: merge keys are not supported" in message("\n".join(rows))


def test_long_texts_multiplied_by_aliases_are_rejected() -> None:
    rows = [f"- &a {'x' * 100_000}", *["- *a"] * 1000]
    assert "more than 1048576 characters; shorten it (every use" in message("\n".join(rows))
    rows = [f"- &a {{{'k' * 1000}: 1}}", *["- *a"] * 2000]
    assert "more than 1048576 characters" in message("\n".join(rows))


@pytest.mark.parametrize("unit", ["x", "1", "'", '"', "#", ":", "\n", "\\", "|", "%", "!", "x\n"])
def test_one_long_token_is_read_or_rejected(unit: str) -> None:
    assert outcome("a: " + unit * (200_000 // len(unit)))


def test_a_text_may_not_be_larger_than_the_limit() -> None:
    fits = "a: 1 #".ljust(MAX_BYTES, "x")
    assert parse_document(fits, "lenet.yaml").tree == {"a": 1}
    expected = "lenet.yaml: larger than 256 KiB, the limit for a config; is it a data file?"
    assert message(fits + "x") == expected


# Messages


def test_problems_are_sorted_and_use_the_known_prefix() -> None:
    document = parse_document(
        "train:\n  batchsize: 64\nnetwork:\n  - conv2d: {kernel: 0}\n", "l.yaml"
    )
    error = document.error(
        [
            (("network", 0, "conv2d", "kernel"), "0 is no size; give 1 or more"),
            (("train", "stop", "patience"), "missing"),
            (("train", "batchsize"), "unknown key; did you mean 'batch_size'?"),
            ((), "the key 'loss' is missing"),
        ]
    )
    assert str(error) == (
        "l.yaml:1:1: train.stop.patience: missing\n"
        "    1 | train:\n"
        "      | ^\n"
        "l.yaml:1:1: the key 'loss' is missing\n"
        "    1 | train:\n"
        "      | ^\n"
        "l.yaml:2:3: train.batchsize: unknown key; did you mean 'batch_size'?\n"
        "    2 |   batchsize: 64\n"
        "      |   ^\n"
        "l.yaml:4:14: network[0].conv2d.kernel: 0 is no size; give 1 or more\n"
        "    4 |   - conv2d: {kernel: 0}\n"
        "      |              ^"
    )


def test_more_than_20_problems_are_counted() -> None:
    document = parse_document("".join(f"k{i}: 1\n" for i in range(30)), "l.yaml")
    lines = str(document.error(((f"k{i}",), "no") for i in reversed(range(30)))).splitlines()
    assert len(lines) == 3 * 20 + 1
    assert lines[0] == "l.yaml:1:1: k0: no"
    assert lines[-1] == "... and 10 more"


def test_long_lines_are_cut_around_the_caret() -> None:
    text = "a: [" + "1, " * 300 + "!x 2, " + "3, " * 300 + "]"
    _, excerpt, caret = message(text).splitlines()
    assert len(excerpt) == len("    1 | ") + 100
    assert caret.index("^") == len("    1 | ") + 60
    assert excerpt[caret.index("^") :].startswith("!x 2, 3, ")
    assert excerpt.startswith("    1 | ...1, 1")
    assert excerpt.endswith("...")


def test_the_caret_is_correct_after_wide_and_invisible_characters() -> None:
    _, excerpt, caret = message('a: {"学习\u202e": !x 1}').splitlines()
    assert excerpt == r'    1 | a: {"学习\u202e": !x 1}'
    assert caret.index("^") == excerpt.index("!") + 2


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("train", "stop", "patience"), "train.stop.patience"),
        (("network", 2, "conv2d", "kernel"), "network[2].conv2d.kernel"),
        (("target", "val/accuracy"), "target.val/accuracy"),
        ((0, 1), "[0][1]"),
        (("a.b", "", "c d"), "'a.b'.''.'c d'"),
        (("\x1b[0m",), r"'\x1b[0m'"),
        (("k" * 100,), f"'{'k' * 57}...'"),
    ],
)
def test_notation_of_paths(path: tuple[str | int, ...], shown: str) -> None:
    assert show_path(path) == shown


def test_a_setting_is_named_in_its_own_message() -> None:
    with pytest.raises(ConfigError, match=r"^--set lr:1:1: this bracket is never closed; add"):
        parse_value("[1", "--set lr")


# Files


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lenet.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9\r\n")
    document = read_document(path)
    assert document.tree == {"name": "café"}
    assert document.lines == ("name: café", "")
    assert document.name == str(path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb: caf\xe9 x\n", "2:7: not UTF-8 (byte 0xe9); save the file as UTF-8 text\n"
                                  "    2 | b: caf\\xe9 x\n      |       ^"),
        ("a: 1".encode("utf-16"), "1:1: not UTF-8 (UTF-16); save the file as UTF-8 text\n"
                                  "    1 | \\xff\\xfea\\x00:\\x00 \\x001\\x00\n      | ^"),
        (b"a: \xed\xa0\x80", "1:4: not UTF-8 (byte 0xed); save the file as UTF-8 text\n"
                             "    1 | a: \\xed\\xa0\\x80\n      |    ^"),
    ],
)  # fmt: skip
def test_other_encodings_are_rejected(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "a.yaml").write_bytes(data)
    assert file_message(tmp_path / "a.yaml") == f"FILE:{expected}"


def test_a_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / "no.yaml"
    assert file_message(missing) == "FILE: no such file; give the path of a YAML config"


def test_a_directory(tmp_path: Path) -> None:
    assert file_message(tmp_path) == "FILE: a directory; give the path of a YAML config"


def test_a_fifo_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    expected = "FILE: not a regular file; give the path of a YAML config"
    assert file_message(tmp_path / "fifo") == expected


def test_an_endless_device() -> None:
    expected = "FILE: not a regular file; give the path of a YAML config"
    assert file_message(Path("/dev/zero")) == expected


def test_a_file_of_2_gb_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(2**31)
    expected = "FILE: larger than 256 KiB, the limit for a config; is it a data file?"
    assert file_message(tmp_path / "big.yaml") == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.touch(mode=0o000)
    assert file_message(path) == "FILE: cannot be read (Permission denied); give a readable file"


def test_other_failures_to_open(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    for bad in (tmp_path / "loop", tmp_path / "file" / "a.yaml", tmp_path / ("x" * 300)):
        assert file_message(bad).startswith("FILE: cannot be read (")
    with pytest.raises(ConfigError, match=r"^a\\x00b: cannot be read \(embedded null byte\)"):
        read_document(Path("a\0b"))


# Arbitrary text

YAML_SIGNS = """a b : - ? , [ ] { } # & * ! | > ' " % @ ` ~ << --- ... 1 1e5 &x *x !!int
\\ \\u \\U \\x true null 0x 9999999999"""
YAML_BLANKS = [" ", "  ", "\n", "\n  ", "\t", "\r\n", "\ufeff", "\x85", "\u2028", ": ", "- ", "\0"]
YAML_TEXTS = st.lists(st.sampled_from([*YAML_SIGNS.split(), *YAML_BLANKS]), max_size=30).map(
    "".join
)


def outcome(text: str) -> Document | ConfigError:
    try:
        return parse_document(text, "lenet.yaml")
    except ConfigError as error:
        return error


@settings(max_examples=200, deadline=None)
@given(st.text() | YAML_TEXTS)
def test_any_text_is_a_document_or_a_config_error(text: str) -> None:
    found = outcome(text)
    if isinstance(found, ConfigError):
        assert str(found).startswith("lenet.yaml:")
        str(found).encode()
    else:
        assert all(1 <= line <= len(found.lines) for line, _ in found.positions.values())


@settings(max_examples=60, deadline=None)
@given(st.binary() | YAML_TEXTS.map(str.encode))
def test_any_file_is_a_document_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with contextlib.suppress(ConfigError):
        assert isinstance(read_document(path).tree, dict)


class QuotingDumper(yaml.SafeDumper):
    """PyYAML does not quote '1e3' and '0o17', which are text in YAML 1.1."""


QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBER_LIKE = st.sampled_from(
    ["1", "1e3", "0o17", "0x1F", ".5", "true", "null", "~", "", "<<", "!x"]
)
STRINGS = TEXTS | NUMBER_LIKE
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False)
TREES = st.recursive(
    SCALARS | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(STRINGS, TREES, max_size=4), st.booleans(), st.booleans())
def test_what_is_dumped_is_read_back(tree: dict[str, Any], flow: bool, unicode: bool) -> None:
    text = yaml.dump(
        tree,
        Dumper=QuotingDumper,
        default_flow_style=flow,
        allow_unicode=unicode,
        sort_keys=False,
    )
    assert repr(parse_document(text, "lenet.yaml").tree) == repr(tree)


@pytest.mark.parametrize("text", ["1", "1.5", "010", "0x1F", "true", "no", "null", "~", "", "1:30"])
def test_strings_that_look_like_numbers_stay_strings_through_safe_dump(text: str) -> None:
    assert parse_document(yaml.safe_dump({"k": [text]}), "lenet.yaml").tree == {"k": [text]}

"""Fifty and more mistakes planted in learners' functions, all found."""

import types
from pathlib import Path

import pytest

from cnntrain.commands.gradcheck import run_module_check
from cnntrain.diagnostics.student.cases import KINDS, cases
from cnntrain.diagnostics.student.check import check_functions
from cnntrain.diagnostics.student.process import check_module
from cnntrain.errors import DataError

STUDENT = Path(__file__).parents[2] / "helpers" / "student.py"
RIGHT = STUDENT.read_text(encoding="utf-8")

# (function, what is right, what a learner writes instead)
MISTAKES = [
    ("dense_forward", "W @ x + b", "W @ x"),
    ("dense_forward", "W @ x + b", "W @ x - b"),
    ("dense_forward", "W @ x + b", "x.T @ W.T + b"),
    ("dense_backward", "W.T @ dy", "W @ dy"),
    ("dense_backward", "W.T @ dy", "-W.T @ dy"),
    ("dense_backward", "dy @ x.T", "x @ dy.T"),
    ("dense_backward", "dy @ x.T", "dy @ x.T / x.shape[1]"),
    ("dense_backward", "dy.sum(axis=1, keepdims=True)", "dy.sum(axis=1)"),
    ("dense_backward", "dy.sum(axis=1, keepdims=True)", "dy.mean(axis=1, keepdims=True)"),
    ("dense_backward", "return dx, dW, db", "return dx, db, dW"),
    ("dense_backward", "return dx, dW, db", "return dx, dW"),
    ("dense_backward", "return dx, dW, db", "return dW, dx, db"),
    ("conv2d_forward", "+ b", ""),
    ("conv2d_forward", "W, padded[:, rows", "W[:, :, ::-1, ::-1], padded[:, rows"),
    ("conv2d_forward", "W.shape[2:], stride", "W.shape[2:], 1"),
    ("conv2d_backward", "dpadded[:, rows, columns] +=", "dpadded[:, rows, columns] ="),
    ("conv2d_backward", "here, W)", "here, W[:, :, ::-1, ::-1])"),
    ("conv2d_backward", "dW += ", "dW = "),
    ("conv2d_backward", "dW += ", "dW -= "),
    ("conv2d_backward", "here, padded[:, rows, columns]", "here, padded[::-1, rows, columns]"),
    ("conv2d_backward", "dx = dpadded[:, padding:last, padding:last]", "dx = dpadded"),
    ("conv2d_backward", "padding:last, padding:last", "padding:last, : x.shape[2]"),
    ("conv2d_backward", "dy.sum(axis=(1, 2, 3))", "dy.sum(axis=(1, 2)).mean(axis=-1)"),
    ("conv2d_backward", "dy.sum(axis=(1, 2, 3))", "dy[:, 0, 0].sum(axis=1)"),
    ("conv2d_backward", "W.shape[2:], stride)", "W.shape[2:], 1)"),
    ("max_pool2d_forward", ".max(", ".mean("),
    ("max_pool2d_backward", "+= won", "= won"),
    ("max_pool2d_backward", "won * dy", "won * 2 * dy"),
    ("max_pool2d_backward", "part.max(", "part.min("),
    ("max_pool2d_backward", "(size, size), stride", "(size, size), size"),
    ("max_pool2d_backward", "+= won * dy", "+= dy"),
    ("avg_pool2d_forward", ".mean(", ".sum("),
    ("avg_pool2d_backward", " / size**2", ""),
    ("avg_pool2d_backward", "size**2", "stride**2"),
    ("avg_pool2d_backward", "+= dy", "= dy"),
    ("relu_forward", "np.maximum(x, 0)", "abs(x)"),
    ("relu_backward", "(x > 0)", "(dy > 0)"),
    ("relu_backward", "dy * (x > 0)", "dy * x"),
    ("sigmoid_forward", "np.exp(-x)", "np.exp(x)"),
    ("sigmoid_backward", "* a * (1 - a)", "* x * (1 - x)"),
    ("sigmoid_backward", "* a * (1 - a)", "* (1 - a)"),
    ("tanh_backward", "** 2", ""),
    ("tanh_backward", "dy * (1 - ", "dy * (1 + "),
    ("softmax_forward", "e.sum(axis=0)", "e.sum()"),
    ("softmax_backward", "p * (dy - (p * dy).sum(axis=0))", "dy * p * (1 - p)"),
    ("softmax_backward", ".sum(axis=0)", ".sum()"),
    ("batch_norm_forward", "variance + epsilon", "(variance + epsilon) ** 2"),
    ("batch_norm_backward", " - x_hat * along", ""),
    ("batch_norm_backward", " - dy.mean(axis=1, keepdims=True)", ""),
    ("batch_norm_backward", "gamma / sigma", "1 / sigma"),
    ("batch_norm_backward", "x.var(axis=1, keepdims=True)", "x.var(axis=1, keepdims=True, ddof=1)"),
    ("batch_norm_backward", "dgamma = (dy * x_hat)", "dgamma = (dy * x)"),
    ("batch_norm_backward", "dbeta = dy.sum", "dbeta = dy.mean"),
    ("layer_norm_backward", "d = gamma * dy", "d = dy"),
    ("layer_norm_backward", "d.mean(axis=0)", "d.mean()"),
    ("cross_entropy_forward", ".mean()", ".sum()"),
    ("cross_entropy_forward", "-np.log", "np.log"),
    ("cross_entropy_backward", "-= 1", "+= 1"),
    ("cross_entropy_backward", " / len(labels)", ""),
    ("squared_error_forward", "0.5 * ", ""),
    ("squared_error_backward", "(z - t)", "(t - z)"),
    ("squared_error_backward", " / z.shape[1]", " / z.size"),
    ("binary_cross_entropy_backward", "(p - t)", "(p - t) * p * (1 - p)"),
    ("binary_cross_entropy_backward", " / z.shape[1]", ""),
]  # fmt: skip


def functions(source):
    module = types.ModuleType("student")
    exec(compile(source, "student.py", "exec"), vars(module))
    return vars(module)


def with_mistake(name, right, wrong):
    """The source of one function with ``right`` replaced by ``wrong``, beside all the others."""
    start = RIGHT.index(f"def {name}(")
    end = RIGHT.find("\n\n\n", start)
    body = RIGHT[start : end if end > 0 else None]
    assert right in body, (name, right)
    return RIGHT.replace(body, body.replace(right, wrong))


@pytest.mark.parametrize("seed", range(3))
def test_right_functions_pass(seed):
    found = list(check_functions(functions(RIGHT), seed))
    assert len(found) == 2 * len(KINDS)
    assert [finding for finding in found if not finding.ok] == []


@pytest.mark.parametrize(("name", "right", "wrong"), MISTAKES)
def test_every_planted_mistake_is_found(name, right, wrong):
    mistaken = functions(with_mistake(name, right, wrong))
    (finding,) = check_functions({name: mistaken[name]}, 0)
    assert not finding.ok
    assert finding.name == name
    assert finding.found.startswith("case ")


def test_there_are_fifty_mistakes():
    assert len(set(MISTAKES)) == len(MISTAKES) >= 50


def test_geometries_vary():
    pools = [case.options for seed in range(5) for case in cases("max_pool2d", seed)]
    assert any(one["size"] > one["stride"] for one in pools)
    assert any(one["size"] < one["stride"] for one in pools)
    assert any(one["size"] == one["stride"] for one in pools)


def test_the_first_wrong_entry_is_shown_beside_the_right_one():
    source = "def relu_backward(dy, x):\n    return dy * (x > 0) * 2\n"
    (finding,) = check_functions(functions(source), 0)
    assert " is " in finding.found
    assert "right is" in finding.found
    assert "entries are wrong" in finding.found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "dx is missing: the function returns nothing"),
        ("return dy[0]", "dx has the shape"),
        ("return 1 / 0", "ZeroDivisionError"),
        ("dy *= 0\n    return dy", "it changes one of its arguments"),
        ("return dy * float('nan')", "dx[0,0"),
    ],
)
def test_functions_that_go_wrong(body, message):
    source = f"def relu_backward(dy, x):\n    {body}\n"
    (finding,) = check_functions(functions(source), 0)
    assert message in finding.found


def test_a_file_in_a_process_of_its_own(tmp_path, capsys):
    path = tmp_path / "student.py"
    path.write_text("print('hello')\ndef relu_backward(dy, x):\n    return dy * (x > 0)\n")
    assert run_module_check(path, 0, False) == 0
    assert capsys.readouterr().out == "relu_backward  ok: all derivatives are right\n"
    path.write_text("def relu_backward(dy, x):\n    return dy\n")
    assert run_module_check(path, 0, True) == 4
    assert '"ok": false' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("while True: pass", "not done after 3 s"),
        ("import nothing_of_that_name", "No module named"),
        ("def f(", "was never closed"),
        ("x = 1", "no function of a known name"),
        ("import os; os._exit(0)", "it ended the process"),
        ("import numpy as np; x = np.ones(2**36)", "Unable to allocate"),
    ],
)
def test_files_that_cannot_be_run(tmp_path, source, message):
    path = tmp_path / "student.py"
    path.write_text(source)
    with pytest.raises(DataError, match=message):
        check_module(path, 0, seconds=3)

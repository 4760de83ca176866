"""Functions with the same bits on every CPU: their accuracy, and that a training uses no others."""

import ast
from pathlib import Path

import numpy as np
import pytest

import cnntrain
from cnntrain.ops import exact

ROOT = Path(cnntrain.__file__).parent
RNG = np.random.default_rng(0)
MANY = 20_000
WIDE = np.exp(RNG.uniform(-700, 700, MANY))
NEAR_1 = RNG.uniform(0.3, 3, MANY)
ANGLES = np.concatenate(
    [RNG.uniform(-10, 10, MANY), RNG.uniform(-1e5, 1e5, MANY), np.arange(-999, 999) * np.pi / 2]
)
long = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long double is no more precise than double"
)


def largest_error(name, x):
    """In units of the last place, against the same function in extended precision."""
    correct = getattr(np, name)(x.astype(np.longdouble))
    unit = np.spacing(np.abs(correct.astype(np.float64))).astype(np.longdouble)
    return float((np.abs(getattr(exact, name)(x).astype(np.longdouble) - correct) / unit).max())


@long
@pytest.mark.parametrize(
    ("name", "x", "bound"),
    [
        ("exp", np.concatenate([np.linspace(-745, 709.7, MANY), NEAR_1 - 1]), 1),
        ("log", np.concatenate([WIDE, NEAR_1]), 1),
        ("log1p", np.concatenate([NEAR_1 - 1, WIDE, -1e-9 * NEAR_1]), 2),
        ("sin", ANGLES, 1.2),
        ("cos", ANGLES, 1.2),
        ("tan", ANGLES, 3),
    ],
)
def test_errors_in_units_of_the_last_place(name, x, bound):
    assert 0.5 <= largest_error(name, x) <= bound


def test_the_ends_of_the_range():
    assert exact.exp(np.array([-np.inf, -800, 0, 800, np.inf])).tolist() == [
        0,
        0,
        1,
        np.inf,
        np.inf,
    ]
    assert exact.log(np.array([0.0, 1.0])).tolist() == [-np.inf, 0]
    assert exact.log(5e-324) == pytest.approx(-744.4400719213812, rel=1e-15)
    assert (exact.sin(0.0), exact.cos(0.0), exact.tan(0.0), exact.log1p(0.0)) == (0, 1, 0, 0)


@pytest.mark.parametrize("base", [0.1, 0.5, 0.9, 0.96, 0.999, 1.0, 1.01, 3.0])
@pytest.mark.parametrize("exponent", [0, 1, 2, -1, 63, 64, 65, 300, 0.5, -0.75, 2.5, 12.3])
def test_power_is_that_of_python(base, exponent):
    assert exact.power(base, exponent) == pytest.approx(base**exponent, rel=1e-12)


def test_power_of_a_whole_exponent_is_a_product():
    assert exact.power(0.1, 1) == 0.1
    assert exact.power(0.1, 3) == 0.1 * 0.1 * 0.1
    assert (exact.power(0.0, 0.5), exact.power(0.0, 0), exact.power(4.0, -2)) == (0, 1, 0.0625)


# What IEEE 754 does not define to the last bit, or BLAS adds up in an order of its own.
INEXACT = {
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "sin", "cos", "tan",
    "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arctan2", "asin", "acos", "atan",
    "hypot", "pow", "power", "float_power", "cbrt", "erf", "erfc", "gamma", "lgamma", "linalg",
    "fft", "einsum", "dot", "vdot", "vecdot", "inner", "matmul", "tensordot", "convolve",
    "corrcoef", "cov", "polyfit",
}  # fmt: skip
DRAWS = {
    "standard_normal", "normal", "uniform", "beta", "standard_gamma", "exponential",
    "lognormal", "standard_exponential", "binomial", "poisson", "laplace", "dirichlet",
    "multivariate_normal", "standard_t", "triangular", "vonmises",
}  # fmt: skip
ON_THE_PATH = (
    "data", "layers", "losses", "metrics", "native", "network", "ops", "optimizers", "training",
)  # fmt: skip
# Functions that the compiled kernels replace together with those that call them, powers of whole
# numbers, and the test for infinities: {file: names}.
EXCEPTIONS = {
    "layers/activations.py": {"_tanh"},
    "layers/conv2d.py": {"_taps_added", "_rows_times", "_columns_times", "conv2d_da_rows",
                         "conv2d_da_scatter"},
    "layers/fourier.py": {"dW", "_by_tiles", "_waves", "_numbers"},
    "layers/winograd.py": {"_by_tiles", "_on_both_sides"},
    "losses/cross_entropy.py": {"soft_delta"},
    "ops/erf.py": {"_middle_complement", "_far_complement"},
    "ops/stable.py": {"logistic_cost"},
    "ops/sums.py": {"long_product"},
    "optimizers/schedules.py": {"cycle_ends"},
    "training/update.py": {"all_finite"},
}  # fmt: skip


def inexact(node):
    """What a node computes whose bits depend on the machine; "" if nothing."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id in {"np", "math"} and node.attr in INEXACT:
            return f"{node.value.id}.{node.attr}"
        return node.attr if node.value.id in {"rng", "generator"} and node.attr in DRAWS else ""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
        return node.attr if node.attr in DRAWS else ""
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow | ast.MatMult):
        return "" if are_whole(node) else type(node.op).__name__
    return ""


def are_whole(node):
    """Whether a power is one of two whole numbers that are written out."""
    parts = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    bare = [part.operand if isinstance(part, ast.UnaryOp) else part for part in parts]
    return all(isinstance(part, ast.Constant) and isinstance(part.value, int) for part in bare)


def found_in(tree, exceptions=()):
    """Inexact operations outside functions that have a compiled twin."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and (
            node.name in exceptions or any("twinned" in ast.dump(d) for d in node.decorator_list)
        ):
            continue
        if inexact(node):
            yield f"line {node.lineno}: {inexact(node)}"
        yield from found_in(node, exceptions)


@pytest.mark.parametrize(
    "path",
    [path for folder in ON_THE_PATH for path in sorted((ROOT / folder).rglob("*.py"))],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_the_path_of_a_training_is_exact(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not list(found_in(tree, EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), ())))


@pytest.mark.parametrize(
    "code",
    ["np.exp(x)", "math.cos(x)", "a @ b", "x ** 0.5", "x **= y", "np.linalg.qr(a)", "rng.normal()",
     "ctx.generator().standard_normal(3)"],
)  # fmt: skip
def test_an_inexact_operation_is_found(code):
    assert list(found_in(ast.parse(f"def f():\n    return [{code}]" if "=" not in code else code)))


@pytest.mark.parametrize(
    "code", ["2**63", "2**-10", "np.sqrt(x)", "x * x", "rng.random(3)", "exact.exp(x)"]
)
def test_exact_operations_are_none(code):
    assert not list(found_in(ast.parse(code)))

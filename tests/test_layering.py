"""The map of the house in ``cnntrain.__doc__`` is true: imports go down only, and few are heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnntrain

ROOT = Path(cnntrain.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
OUTSIDE_THE_TABLE = {"__init__", "__main__"}
HEAVY = {"numpy", "pydantic", "pydantic_core", "yaml", "tqdm", "threadpoolctl"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
UNSAFE_YAML = {"load", "load_all", "full_load", "unsafe_load", "Loader", "FullLoader"} | {
    "UnsafeLoader",
    "full_load_all",
    "unsafe_load_all",
}


def table_rows():
    """{module: row} as the docstring's table says it; its line of dashes gives the columns."""
    lines = cnntrain.__doc__.splitlines()
    ruler = next(i for i, line in enumerate(lines) if line.strip().startswith("---"))
    dashes = lines[ruler]
    modules_at = dashes.index(" -", dashes.index("-")) + 1
    text_at = dashes.index(" -", modules_at) + 1
    rows, row = {}, None
    for line in lines[ruler + 1 :]:
        if not line.strip():
            break
        number, names = line[:modules_at].strip(), line[modules_at:text_at].split()
        row = int(number) if number else row
        for name in names:
            assert name not in rows, f"{name} stands twice in the table"
            rows[name] = row
    return rows


ROWS = table_rows()


def unit_of(path):
    """The module or package of the table that a file belongs to."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def relative(path):
    return str(path.relative_to(ROOT))


def parsed(path):
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imported_units(path):
    """Every unit of cnntrain that a file imports, also inside functions."""
    for node in parsed(path):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            unit = rest.partition(".")[0]
            if package == "cnntrain" and (unit in ROWS or not hasattr(cnntrain, unit)):
                yield unit


def test_the_table_is_read_whole():
    assert ROWS["errors"] == ROWS["types"] == 0
    assert ROWS["cli"] == max(ROWS.values())
    assert sorted(set(ROWS.values())) == list(range(max(ROWS.values()) + 1))


def test_every_module_is_in_the_table_and_the_reverse():
    assert {unit_of(path) for path in FILES} - OUTSIDE_THE_TABLE == set(ROWS)


@pytest.mark.parametrize(
    "path", [p for p in FILES if unit_of(p) not in OUTSIDE_THE_TABLE], ids=relative
)
def test_imports_come_from_lower_rows(path):
    own = unit_of(path)
    wrong = [
        f"{own} (row {ROWS[own]}) imports {unit} (row {ROWS.get(unit)})"
        for unit in sorted(set(imported_units(path)))
        if unit != own and not ROWS.get(unit, ROWS[own]) < ROWS[own]
    ]
    assert not wrong


def test_the_package_itself_imports_nothing():
    assert not list(imported_units(ROOT / "__init__.py"))


def test_an_upward_import_would_be_seen(tmp_path, monkeypatch):
    (tmp_path / "rng.py").write_text("def f():\n    from cnntrain.network import Network\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert list(imported_units(tmp_path / "rng.py")) == ["network"]


@pytest.mark.parametrize("module", ["cnntrain", "cnntrain.cli", "cnntrain.__main__"])
def test_nothing_heavy_is_imported_early(module):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & HEAVY


def unsafe(node):
    """What a node does that a file from a stranger could abuse; '' if nothing."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
            return node.func.id
        for keyword in node.keywords:
            given = keyword.value.value if isinstance(keyword.value, ast.Constant) else True
            if keyword.arg == "allow_pickle" and given is not False:
                return "allow_pickle"
    if isinstance(node, ast.Import):
        return " ".join(a.name for a in node.names if a.name.partition(".")[0] in UNSAFE_MODULES)
    if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in UNSAFE_MODULES:
        return str(node.module)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"yaml.{node.attr}" if node.value.id == "yaml" and node.attr in UNSAFE_YAML else ""
    return ""


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_runs_code_from_a_file(path):
    assert not [found for node in parsed(path) if (found := unsafe(node))]


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "exec(text)",
        "__import__(name)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=flag)",
        "import pickle",
        "from pickle import loads",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
    ],
)
def test_the_guard_sees(code):
    assert any(unsafe(node) for node in ast.walk(ast.parse(code)))

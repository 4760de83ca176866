"""The module map in ``cnntrain.__doc__`` holds: imports go downwards, and start-up stays light."""

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
    """{module: row} from the table in the docstring; its line of dashes defines the columns."""
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
            assert name not in rows, f"{name} appears twice in the table"
            rows[name] = row
    return rows


ROWS = table_rows()


def unit_of(path):
    """The module or package in the table to which a file belongs."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def relative(path):
    return str(path.relative_to(ROOT))


def parsed(path):
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imported_units(path):
    """Every unit of cnntrain that a file imports, including inside functions."""
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


def test_the_table_is_read_completely():
    assert ROWS["errors"] == ROWS["types"] == 0
    assert ROWS["cli"] == max(ROWS.values())
    assert sorted(set(ROWS.values())) == list(range(max(ROWS.values()) + 1))


def test_the_table_lists_exactly_the_modules():
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


def module_parts(node):
    """Every module of cnntrain named by an import statement, as the parts of its path."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield tuple(alias.name.split(".")[1:])
        elif (ROOT / Path(*node.module.split(".")[1:], alias.name)).is_dir() or (
            ROOT / Path(*node.module.split(".")[1:], f"{alias.name}.py")
        ).is_file():
            yield (*node.module.split(".")[1:], alias.name)
        else:
            yield tuple(node.module.split(".")[1:])


def imports_inside(folder):
    """{entry of a folder: entries of the same folder it imports}; ``__init__`` only re-exports."""
    own = folder.relative_to(ROOT).parts
    found = {}
    for path in folder.rglob("*.py"):
        entry = path.relative_to(folder).with_suffix("").parts[0]
        if entry == "__init__":
            continue
        reads = found.setdefault(entry, set())
        for node in parsed(path):
            if isinstance(node, ast.Import | ast.ImportFrom) and is_ours(node):
                for parts in module_parts(node):
                    if parts[: len(own)] == own and len(parts) > len(own):
                        reads.add(parts[len(own)])
        reads.discard(entry)
    return found


def is_ours(node):
    names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
    return all(name.partition(".")[0] == "cnntrain" and "." in name for name in names)


def circle_in(imports):
    """One import cycle, as a list that ends where it starts; [] if there is none."""
    done = set()

    def visit(entry, path):
        if entry in path:
            return [*path[path.index(entry) :], entry]
        if entry in done:
            return []
        for other in sorted(imports.get(entry, ())):
            if found := visit(other, [*path, entry]):
                return found
        done.add(entry)
        return []

    return next((found for entry in sorted(imports) if (found := visit(entry, []))), [])


FOLDERS = sorted({path.parent for path in FILES})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: relative(folder) or ".")
def test_no_import_cycle_inside_a_folder(folder):
    assert not circle_in(imports_inside(folder))


def test_an_import_cycle_is_detected(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.py").write_text("from cnntrain.data.b import x\n")
    (folder / "b.py").write_text("def f():\n    from cnntrain.data import c\n")
    (folder / "c.py").write_text("import cnntrain.data.a\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert circle_in(imports_inside(folder)) == ["a", "b", "c", "a"]


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=relative)
def test_every_folder_documents_its_contents_and_allowed_imports(folder):
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    assert doc.count("\nMay import: ") == 1


def test_the_map_has_eleven_rows():
    assert sorted(set(ROWS.values())) == list(range(11))


def test_the_package_itself_imports_nothing():
    code = "import sys, cnntrain; print(*(m for m in sys.modules if m.startswith('cnntrain.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_upward_import_is_detected(tmp_path, monkeypatch):
    (tmp_path / "rng.py").write_text("def f():\n    from cnntrain.network.network import Network\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert list(imported_units(tmp_path / "rng.py")) == ["network"]


@pytest.mark.parametrize("module", ["cnntrain", "cnntrain.cli", "cnntrain.__main__"])
def test_nothing_heavy_is_imported_early(module):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & HEAVY


def unsafe(node):
    """What a node does that an untrusted file could exploit; '' if nothing."""
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
def test_unsafe_code_is_detected(code):
    assert any(unsafe(node) for node in ast.walk(ast.parse(code)))

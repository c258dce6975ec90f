"""What may import what, and what every listed method must have."""

import ast
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

import cuvee
from cuvee.core.methods import load, summary

ROOT = Path(cuvee.__file__).parent
ROOMS = (
    "sources", "proxies", "mix", "predict", "features", "select",
    "clean", "attributes", "measure", "export", "trainers", "engine", "report", "cli",
    "testing",
)  # fmt: skip
MEETING = (
    "answer.py", "comparison.py", "datasets.py", "driver.py", "early.py", "estimating.py",
    "exporting.py", "fidelity.py", "forecasting.py", "from_runs.py", "inference.py",
    "landscape.py", "law_scores.py", "laws.py", "likeness.py",
    "planning.py", "procedures.py", "question.py", "real_runs.py", "rehearsal.py", "scoring.py",
    "summary.py", "trials.py", "workplace.py",
)  # fmt: skip
"""The places where rooms meet, beside cli and testing."""
MEETING_FOLDERS = ("boards", "documents", "explore", "live", "measuring")
"""Such places with more than one file."""
TABLES = [r for r in ROOMS if hasattr(import_module(f"cuvee.{r}"), "METHODS")]
LISTED = [(room, name) for room in TABLES for name in import_module(f"cuvee.{room}").METHODS]


def imported(path):
    """Modules of cuvee that a file imports anywhere, type checking included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cuvee":
            if node.module == "cuvee":
                yield from (f"cuvee.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "cuvee")


def rooms_of(path):
    return {m.split(".")[1] for m in imported(path) if "." in m} & set(ROOMS)


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def test_every_folder_is_core_or_a_room():
    found = {p.name for p in ROOT.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert found == {"core", *ROOMS, *MEETING_FOLDERS}, "a new room belongs in ROOMS"
    assert {p.name for p in ROOT.glob("*.py")} == {
        "__init__.py", "__main__.py", "contracts.py", *MEETING
    }  # fmt: skip


def test_core_imports_no_room():
    for path in files("core"):
        own = {m.split(".")[1] for m in imported(path) if "." in m}
        assert own <= {"core"}, f"{path} imports {own}"


def test_contracts_import_core_only():
    assert {m.split(".")[1] for m in imported(ROOT / "contracts.py")} == {"core"}


@pytest.mark.parametrize("room", [r for r in ROOMS if r not in ("cli", "testing")])
def test_rooms_do_not_import_each_other(room):
    for path in files(room):
        own = {m.split(".")[1] for m in imported(path) if "." in m}
        assert own <= {room, "core", "contracts"}, f"{path} imports {own}"


def test_only_the_meeting_places_import_rooms():
    for path in ROOT.glob("*.py"):
        if path.name not in (*MEETING, "__init__.py", "__main__.py"):
            assert not rooms_of(path)
    # `question` opens data; only the driver knows methods.
    assert rooms_of(ROOT / "question.py") == {"sources"}
    assert not rooms_of(ROOT / "driver.py") & {"cli", "testing"}
    assert not rooms_of(ROOT / "__init__.py") - {"cli"}


def test_nothing_imports_live():
    """It needs torch."""
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] != "live":
            assert "live" not in {m.split(".")[1] for m in imported(path) if "." in m}, path


def test_nothing_but_the_terminal_uses_testing_or_cli():
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0]
        if room not in ("cli", "testing", "__main__.py"):
            assert not rooms_of(path) & {"cli", "testing"}


def modules_after(statement):
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


HEAVY = {"pyarrow", "scipy", "pandas", "rich", "torch", "zstandard", "tokenizers", "sklearn",
         "lightgbm", "ray", "hypothesis", "pytest"}  # fmt: skip


@pytest.mark.parametrize(
    "statement", ["import cuvee", "import cuvee; cuvee.CuveeError; cuvee.Estimate; dir(cuvee)",
                  "import cuvee.contracts, cuvee.core"],
)  # fmt: skip
def test_import_is_light(statement):
    assert not modules_after(statement) & HEAVY


def test_help_and_version_are_light():
    assert not modules_after("from cuvee.cli.parser import build_parser; build_parser()") & HEAVY


def test_lazy_verbs_are_there():
    for name in cuvee.__all__:
        assert getattr(cuvee, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'blnd'"):
        cuvee.blnd  # noqa: B018


def test_tables_were_found():
    assert set(TABLES) == set(ROOMS) - {"report", "cli", "testing"}
    assert len(LISTED) >= 17


@pytest.mark.parametrize(("room", "name"), LISTED)
def test_listed_method(room, name):
    table = import_module(f"cuvee.{room}").METHODS
    method = load(table, name, room)
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen
    assert "__slots__" in vars(method), "slots=True"
    assert method.__bases__ == (object,), "no base class"
    line = summary(method)
    assert line
    assert line.endswith((".", ":"))
    assert len(line) < 100
    documented = method.__doc__ or ""
    for setting in fields(method):
        if not setting.name.startswith("_"):
            assert f"{setting.name}:" in documented, f"{name}.{setting.name} is not documented"
    assert method.__name__.lower() == name.replace("_", "").replace(".", ""), "names agree"


@pytest.mark.parametrize("room", TABLES)
def test_methods_have_checks(room):
    checks = import_module(f"cuvee.testing.{room}").CHECKS
    assert checks
    for name, check in checks.items():
        assert name.startswith("check_")
        assert check.__doc__ or room == "sources", f"{name} does not say what it checks"
    assert (Path(__file__).parent / "contracts" / f"test_{room}.py").exists()


def test_files_are_short():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, f"{path} is too long: split it"


def test_no_assert_as_validation():
    allowed = {"units.py"}  # narrows an optional type
    for path in ROOT.rglob("*.py"):
        if "testing" in path.parts or path.name in allowed:
            continue
        tree = ast.parse(path.read_text())
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.Assert)], path

"""The house rules that a machine can check: import order, sole homes of heavy libraries, sizes, lightness."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "simulator"
FLOORS = ("base", "kernels", "workload", "hw", "results", "mapping", "engine", "report", "experiment")
SOLE_HOMES = {
    "simpy": ("engine/",),
    "numba": ("kernels/",),
    "yaml": ("base/",),
    "matplotlib": ("report/",),
    "jinja2": ("report/",),
    "typer": ("experiment/cli",),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a module's tree."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def _imports(nodes: Iterable[ast.AST]) -> list[tuple[str, int]]:
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node.lineno))
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_package_imports_only_from_its_left(path: Path):
    name = _name(path)
    if "/" not in name:
        return  # the package's front door names every floor, lazily
    floor = FLOORS.index(name.split("/")[0])
    for module, line in _imports(_nodes(path)):
        parts = module.split(".")
        if parts[0] == "simulator" and len(parts) > 1 and parts[1] in FLOORS:
            assert FLOORS.index(parts[1]) <= floor, f"{name}:{line} imports {module} from a floor above"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_libraries_have_one_home(path: Path):
    name = _name(path)
    for module, line in _imports(_nodes(path)):
        homes = SOLE_HOMES.get(module.split(".")[0])
        assert homes is None or name.startswith(homes), (
            f"{name}:{line} imports {module}, whose home is {homes}"
        )


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_and_functions_stay_small(path: Path):
    text = path.read_text()
    assert text.count("\n") <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 80, f"{_name(path)}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_libraries_neither_print_nor_exit(path: Path):
    name = _name(path)
    if name.startswith("experiment/cli"):
        return
    for node in _nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "exit", "eval", "exec"), (
                f"{name}:{node.lineno} calls {node.func.id}"
            )


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager"])
def test_no_module_is_named_after_nothing(name: str):
    assert not [path for path in MODULES if name in path.stem or path.stem.startswith("base_")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "chips"],
        ["list", "cores"],
        ["list", "operators"],
        ["describe", "npu/edge_npu", "--set", "cores.npu.rowz=1"],
    ],
    ids=" ".join,
)
def test_light_commands_load_no_heavy_library(arguments: list[str]):
    probe = (
        f"import sys; sys.argv = ['chipsim'] + {arguments!r}\n"
        "from simulator.experiment.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('HEAVY', [m for m in ('numba', 'matplotlib', 'onnx', 'simpy', 'jinja2') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.splitlines()[-1] == "HEAVY []", run.stdout[-300:]

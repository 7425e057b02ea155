"""Kinds by name, found without a list to edit."""

import sys
from pathlib import Path

import pytest

from simulator.base.errors import InputError, Problem
from simulator.base.registry import Registry, import_plugin

REGISTRY = "from simulator.base.registry import Registry\nCORES = Registry('cores', '{package}.cores')\n"
CORE = "from {package}.family import CORES\n\n\n@CORES.register('{name}')\nclass Core: ...\n"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Registry:
    """A package of two cores that nothing has imported yet."""
    package = f"chip_{request.node.name}"
    (tmp_path / package / "cores").mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / "cores" / "__init__.py").touch()
    (tmp_path / package / "family.py").write_text(REGISTRY.format(package=package))
    for name in ("vector", "systolic"):
        (tmp_path / package / "cores" / f"{name}.py").write_text(CORE.format(package=package, name=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    import_plugin(f"{package}.family")
    found: Registry = sys.modules[f"{package}.family"].CORES  # type: ignore[attr-defined]
    return found


def test_modules_are_imported_at_the_first_look_up_only(registry: Registry) -> None:
    module = f"{registry.package}.systolic"
    assert module not in sys.modules
    assert registry.names() == ["systolic", "vector"]
    assert registry["systolic"].__module__ == module
    assert "vector" in registry
    assert "scalar" not in registry


def test_unknown_name_in_code_is_a_key_error(registry: Registry) -> None:
    with pytest.raises(KeyError) as caught:
        registry["systolc"]
    expected = "expected one of the cores systolic, vector, got 'systolc'; did you mean 'systolic'?"
    assert caught.value.args == (expected,)


def test_unknown_name_from_a_user_is_located(registry: Registry) -> None:
    with pytest.raises(InputError) as caught:
        registry.get("scalar", Problem("", "e.yaml", 3, 7, "cores.npu.kind"))
    assert str(caught.value) == (
        "e.yaml:3:7: cores.npu.kind: expected one of the cores systolic, vector, got 'scalar'"
    )
    with pytest.raises(InputError, match="^expected one of the cores systolic, vector, got a list$"):
        registry.get(["vector"])  # type: ignore[arg-type]
    assert registry.get("vector") is registry["vector"]


def test_two_implementations_of_one_name_are_refused(registry: Registry) -> None:
    registry.register("mine")(int)
    registry.register("mine")(int)
    with pytest.raises(ValueError, match=r"^cores: 'mine' is both builtins\.int and builtins\.float$"):
        registry.register("mine")(float)
    assert registry["mine"] is int


def test_a_plugin_registers_its_kinds(registry: Registry, tmp_path: Path) -> None:
    package = registry.package.removesuffix(".cores")
    (tmp_path / f"{package}_mine.py").write_text(CORE.format(package=package, name="mine"))
    import_plugin(f"{package}_mine")
    assert registry.names() == ["mine", "systolic", "vector"]


def test_a_plugin_that_does_not_exist_is_the_users_mistake() -> None:
    with pytest.raises(InputError) as caught:
        import_plugin("no_such_plugin.core")
    assert str(caught.value) == (
        "plugin no_such_plugin.core: no module 'no_such_plugin' on the Python path; "
        "PYTHONPATH can name the folder that holds it"
    )


def test_a_defect_inside_a_plugin_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugin_with_a_gap.py").write_text("import a_library_that_is_missing")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_library_that_is_missing"):
        import_plugin("plugin_with_a_gap")

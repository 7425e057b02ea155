"""Floor 0 is light: `chipsim --help` and every config error start with it."""

import json
import subprocess
import sys

SCRIPT = """
import importlib, json, pkgutil, sys
import simulator.base
for module in pkgutil.iter_modules(simulator.base.__path__):
    importlib.import_module(f"simulator.base.{module.name}")
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_importing_all_of_base_imports_nothing_heavy() -> None:
    shown = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    imported = set(json.loads(shown.stdout))
    assert {"simulator", "pydantic", "yaml"} <= imported
    assert imported.isdisjoint({"numpy", "numba", "onnx", "simpy", "matplotlib", "jinja2", "typer", "rich"})

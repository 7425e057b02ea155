"""The command line in this process, and small inputs for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.experiment import cli

NETWORK = """
name: tiny
description: Two convolutions and a product
layers:
  - {op: Conv, input: [1, 3, 16, 16], filters: 8, kernel: [3, 3], pad: 1}
  - {op: Conv, filters: 8, kernel: [3, 3], pad: 1, groups: 8}
  - {op: GlobalAveragePool}
  - {op: Gemm, m: 1, n: 10, k: 8}
"""


@dataclass(frozen=True)
class Outcome:
    """What a call left: exit status and the two streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def chipsim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Call the command line from an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["chipsim", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as exit_:
            code = exit_.code or 0
        assert isinstance(code, int)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A network of four layers."""
    path = tmp_path / "tiny.yaml"
    path.write_text(NETWORK)
    return path


@pytest.fixture
def files(tmp_path: Path) -> Callable[[], list[str]]:
    """List the files under the current folder."""
    return lambda: sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())


@pytest.fixture
def refused(chipsim, tmp_path: Path, files: Callable[[], list[str]]) -> Callable[..., list[str]]:
    """Call, check what holds for every wrong input, and give the lines of the message without progress."""

    def call(*arguments: object) -> list[str]:
        before = files()
        outcome = chipsim(*arguments)
        assert outcome.code == 2, outcome.err
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        assert files() == before, "nothing is left behind"
        assert not list(tmp_path.glob(".*")), "no temporary folder either"
        return [line for line in outcome.err.splitlines() if not line.endswith("...")]

    return call

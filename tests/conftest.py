"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

REFERENCE = Path(__file__).parent.parent.parent / "shared" / "reference"


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of reference figures; tests that need it are skipped where it is absent."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference figures (../shared/reference) are not on this machine")
    return REFERENCE

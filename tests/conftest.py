"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# How long an example takes says nothing: the first one may compile kernels, and machines are shared.
settings.register_profile("no deadlines", deadline=None)
settings.load_profile("no deadlines")

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

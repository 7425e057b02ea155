"""numpy, imported at its first use: listing kinds and refusing a wrong chip need none of it."""

from __future__ import annotations

from typing import Any


class _Numpy:
    """Stands for the module; every attribute is looked up in the real one."""

    def __getattr__(self, name: str) -> Any:
        import numpy  # heavy; only when something is computed

        return getattr(numpy, name)


numpy = _Numpy()

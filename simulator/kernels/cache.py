"""Where compiled kernels are kept from one process to the next; without numba, which is heavy.

numba's on-disk cache notices an edit of the function's own file only, and freezes globals; so the cache
folder is named by a digest of all kernel sources: an edit anywhere in this package starts from a fresh cache.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent


def cache_folder() -> Path:
    """The folder; made if it is missing."""
    digest = hashlib.sha256()
    for source in sorted(_HERE.glob("*.py")):
        digest.update(source.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "chipsim" / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a read-only home: compile into the temporary folder instead
        folder = Path(tempfile.gettempdir()) / f"chipsim-kernels-{os.getuid()}-{digest.hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_warm() -> bool:
    """Whether some process has compiled the planner's kernels before."""
    return any(cache_folder().rglob("search.finish_times-*.nbi"))

"""The table of memory requests: what programs hold and channels serve.

No numba here, so that anyone may import it.
"""

from __future__ import annotations

import numpy as np

#: Consecutive bytes of one memory; ``op`` is ``READ`` or ``WRITE``, ``node`` pays for it.
REQUEST = np.dtype([("addr", "i8"), ("bytes", "i8"), ("op", "i4"), ("node", "i4")], align=True)
READ, WRITE = 0, 1

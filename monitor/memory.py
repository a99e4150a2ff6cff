"""Memory of a process that runs for years."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def settle() -> None:
    """After a start or a reload. What is there now is here to stay: no full collection walks it again. What
    is not needed any more goes back to the system, where the C library can give it back."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

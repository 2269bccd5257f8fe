"""Composed frames of one study, and their locality floor."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.composition import Floor, floor
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING

FORCES, MILLI = "forces.npz", 1000.0
SAME, ANY = 0, 1
KINDS = {SAME: "as many ions as the host", ANY: "any number of ions"}
# Spread of forces over their size below which composed frames are the host itself, but for rounding.
ROUNDING = 1e-9
LEAST_FLOOR = 1e-9  # meV/Å, of which there is a logarithm


@dataclass(frozen=True)
class Composed:
    """Composed frames of a study: the task, and the arrays of its `forces.npz`."""

    item: Item
    arrays: dict[str, Any]

    @property
    def radii(self) -> list[float]:
        """Radii in Å, ascending."""
        return sorted(self.item.values["radii_A"])

    @cached_property
    def waters(self) -> dict[tuple[int, int], list[int]]:
        """Atoms, in its host, of every water of which a frame was composed, by host and oxygen."""
        hosts, molecules = self.arrays["host"].tolist(), self.arrays["molecule"].tolist()
        return {(host, own[0]): own for host, own in zip(hosts, molecules, strict=True)}

    @property
    def kinds(self) -> list[int]:
        """Kinds that occur."""
        return [kind for kind in KINDS if (self.arrays["kind"] == kind).any()]

    def floor(self, radius: float, kind: int, most: float = np.inf) -> Floor:
        """Floor in meV/Å, of frames from which at most so many waters were left out.

        Of no waters where the cell has nothing to exchange beyond the radius. A water that answers to nothing
        that was exchanged counts: to leave it out would make the floor of a short-ranged potential too high.
        """
        by_host = dict[int, list[Floats]]()
        for (host, _), forces in self._forces(radius, kind, most).items():
            by_host.setdefault(host, []).append(forces)
        return floor([] if self.too_small(radius, kind) else list(by_host.values()))

    def too_small(self, radius: float, kind: int) -> bool:
        """True where the cell has nothing to exchange: waters have several composed frames, all the host."""
        every = [forces for forces in self._forces(radius, kind).values() if len(forces) > 1]
        return bool(every) and not any(map(exchanged, every))

    def known(self, kind: int) -> list[tuple[float, Floor]]:
        """Radii in Å at which there is a floor, and the floors."""
        every = [(radius, self.floor(radius, kind)) for radius in self.radii]
        return [(radius, own) for radius, own in every if own.waters]

    def at(self, distance: float, kind: int) -> tuple[float, float]:
        """Floor in meV/Å at a distance in Å and its error, between two radii; NaN outside.

        Interpolated in its logarithm, for it falls about exponentially: a line would lie above it.
        """
        known = self.known(kind)
        if not known:
            return float("nan"), float("nan")
        radii = [radius for radius, _ in known]
        values = np.maximum([own.value for _, own in known], LEAST_FLOOR)
        relative = [own.error / value for (_, own), value in zip(known, values, strict=True)]
        value = float(np.exp(np.interp(distance, radii, np.log(values), np.nan, np.nan)))
        return value, value * float(np.interp(distance, radii, relative, np.nan, np.nan))

    def _forces(self, radius: float, kind: int, most: float = np.inf) -> dict[tuple[int, int], Floats]:
        """Forces (D, 3) meV/Å on each water, by host and oxygen."""
        mask = self._of(radius, kind) & (self.arrays["left_out"] <= most)
        forces = MILLI * self.arrays["forces"]
        return {water: forces[mask & self._is(*water)] for water in self.waters}

    def donors(self, radius: float, kind: int) -> str:
        """`2 to 6`: fewest and most composed frames of a water that counts."""
        amounts = [len(own) for own in self._forces(radius, kind).values() if len(own) > 1]
        return " to ".join(dict.fromkeys(map(str, (min(amounts), max(amounts))))) if amounts else NOTHING

    def median_left_out(self, radius: float, kind: int) -> float:
        """Median number of the donor's waters that are left out."""
        mask = self._of(radius, kind)
        return float(np.median(self.arrays["left_out"][mask])) if mask.any() else float("nan")

    def _of(self, radius: float, kind: int) -> Any:
        place, arrays = self.item.values["radii_A"].index(radius), self.arrays
        known = np.isfinite(arrays["forces"]).all(axis=1)
        return (arrays["radius"] == place) & (arrays["kind"] == kind) & known

    def _is(self, host: int, oxygen: int) -> Any:
        return (self.arrays["host"] == host) & (self.arrays["molecule"][:, 0] == oxygen)


def exchanged(forces: Floats) -> bool:
    """True where forces (D, 3) on one water in several composed frames differ by more than rounding."""
    if len(forces) < 2:
        return False
    return bool(np.ptp(forces, axis=0).max() > ROUNDING * np.abs(forces).max())


def composed(part: Part) -> Composed | None:
    """Composed frames of the study; None where none were asked for, or they are not there."""
    if part.spec.floor is None:
        return None
    item = next((own for own in part.results.of("locality", locality=part.name) if own.done), None)
    arrays = item.arrays(FORCES) if item else {}
    return Composed(item, arrays) if item and arrays else None

"""Conversion of frames to systems of deepmd-kit: frames of one composition, atoms sorted by type."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.geometry import complete_cell

from mlipbench_hpc.data.frames import Floats, Frames, Ints


@dataclass(frozen=True)
class System:
    """F frames of one composition with N atoms each, in the order of `types`.

    frames (F,): indices into the original Frames; types (N,) rising indices into the type map;
    coordinates (F, N, 3) Å; boxes (F, 9) Å, periodic in three directions; energies (F,) eV;
    forces (F, N, 3) eV/Å; order (F, N): flat index of each atom in the original Frames.
    """

    frames: Ints
    types: Ints
    coordinates: Floats
    boxes: Floats
    energies: Floats
    forces: Floats
    order: Ints

    def write(self, folder: Path, type_map: list[str]) -> None:
        """Write one system in the deepmd-npy layout."""
        (folder / "set.000").mkdir(parents=True)
        (folder / "type_map.raw").write_text("\n".join(type_map) + "\n")
        np.savetxt(folder / "type.raw", self.types, fmt="%d")
        flat = {"coord": self.coordinates, "force": self.forces, "box": self.boxes, "energy": self.energies}
        for name, array in flat.items():
            np.save(folder / "set.000" / f"{name}.npy", array.reshape(len(self.frames), -1))


def systems(frames: Frames, known: Sequence[int], cutoff: float) -> list[System]:
    """All frames, grouped by composition in the order in which compositions first occur."""
    types = np.searchsorted(np.asarray(known), frames.numbers)
    groups: dict[bytes, list[int]] = {}
    for index in range(len(frames)):
        groups.setdefault(np.sort(types[frames.atoms_of(index)]).tobytes(), []).append(index)
    return [_system(frames, types, np.array(group), cutoff) for group in groups.values()]


def _system(frames: Frames, types: Ints, group: Ints, cutoff: float) -> System:
    starts = frames.offsets[group]
    order = np.stack(
        [
            start + np.argsort(types[frames.atoms_of(i)], kind="stable")
            for i, start in zip(group, starts, strict=True)
        ]
    )
    positions = frames.positions[order]
    boxes = [
        periodic_box(places, frames.cells[i], frames.pbc[i], cutoff)
        for i, places in zip(group, positions, strict=True)
    ]
    return System(
        frames=group,
        types=types[order[0]],
        coordinates=positions,
        boxes=np.reshape(boxes, (len(group), 9)),
        energies=frames.energies[group],
        forces=frames.forces[order],
        order=order,
    )


def periodic_box(positions: Floats, cell: Floats, pbc: Sequence[bool], cutoff: float) -> Floats:
    """Cell (3, 3) Å; where it is not periodic, so long that no image comes within `cutoff`.

    deepmd-kit's cells are periodic in all directions or in none. positions (N, 3) Å.
    """
    box: Floats = complete_cell(cell)
    for axis in range(3):
        if not pbc[axis]:
            normal = np.cross(box[axis - 2], box[axis - 1])
            normal /= np.linalg.norm(normal)
            box[axis] = normal * (np.ptp(positions @ normal) + 1.001 * cutoff)
    return box

"""The reference potentials by name, and what one needs to run MD of its own."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.interface import LammpsStyle
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.labelers import electrode, field, spc_fw
from mlipbench_hpc.worker.labelers.box import Box
from mlipbench_hpc.worker.labelers.engine import KCAL_MOL, Engine

POTENTIALS: dict[str, type[Engine]] = {"spc-fw": spc_fw.Engine, "electrode": electrode.Engine}


@dataclass(frozen=True)
class Reference:
    """A reference potential in the place of a model: its labels, and the same for LAMMPS to run by itself."""

    kind: type[Engine]

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å: the labels of all frames, in order."""
        energies, forces = [], []
        for index in range(len(frames)):
            engine = self.kind(Box.of(frames, index), self.kind.label_accuracy)
            energy, force = engine.label(frames.positions[frames.atoms_of(index)])
            energies.append(energy)
            forces.append(force)
            engine.close()
        return np.array(energies), np.concatenate(forces)

    def lammps(self, atoms: Atoms) -> LammpsStyle:
        """At the accuracy of labels, in units metal; raises InputFailure for a start that it cannot label.

        Atom types are the atomic numbers that occur, ascending.
        """
        box = Box.of(Frames.from_atoms([atoms]), 0)
        types = {number: index + 1 for index, number in enumerate(sorted(self.kind.present(box)))}
        return LammpsStyle(
            commands=tuple(self.kind.interactions(box, types, self.kind.label_accuracy, KCAL_MOL)),
            atom_style="full",
            box=field.ROOM,
            packages=("KSPACE", "MOLECULE", "ELECTRODE"),
            afresh=tuple(self.kind.afresh(box, types)),
        )

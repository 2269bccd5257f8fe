"""Small frames of water for tests, with random or harmonic labels."""

from dataclasses import replace

import numpy as np

from mlipbench_hpc.data.frames import Frames

REFERENCE = {1: -13.5, 8: -432.25}


def water(count: int, molecules: int = 6, seed: int = 0) -> Frames:
    """`count` frames of randomly turned water molecules in a periodic, sheared cell that differs by frame.

    Atoms come as O, H, H. Labels are random: energies near the sum of REFERENCE (eV), force components of
    1 eV/Å. At most eight molecules fit.
    """
    from ase import Atoms
    from ase.build import molecule

    random = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        box = Atoms(cell=[[6.5, 0, 0], [0.7, 6.0, 0], [0, -0.4, 5.8 + random.random()]], pbc=True)
        for site in range(molecules):
            monomer = molecule("H2O")
            monomer.rotate(float(random.uniform(0, 360)), random.normal(size=3))
            place = np.array([3.2 * (site % 2), 3.0 * (site // 2 % 2), 2.9 * (site // 4)])
            monomer.translate(place + random.normal(0, 0.1, 3))
            box += monomer
        images.append(box)
    atoms = count * molecules * 3
    energies = molecules * (2 * REFERENCE[1] + REFERENCE[8]) + random.normal(0, 0.1, count)
    return Frames.from_atoms(images, energies, random.normal(0, 1.0, (atoms, 3)))


def harmonic(frames: Frames, stiffness: float = 20.0, length: float = 0.9) -> Frames:
    """Frames with labels of harmonic O-H bonds (eV/Å², Å) instead; atoms come as O, H, H."""
    energies, forces = np.zeros(len(frames)), np.zeros_like(frames.positions)
    for oxygen in range(0, len(frames.numbers), 3):
        for hydrogen in (oxygen + 1, oxygen + 2):
            bond = frames.positions[hydrogen] - frames.positions[oxygen]
            stretch = np.linalg.norm(bond) - length
            pull = stiffness * stretch * bond / np.linalg.norm(bond)
            forces[oxygen] += pull
            forces[hydrogen] -= pull
            energies[frames.frame_of_atom()[oxygen]] += 0.5 * stiffness * stretch**2
    for index in range(len(frames)):
        energies[index] += sum(REFERENCE[int(number)] for number in frames.numbers[frames.atoms_of(index)])
    return replace(frames, energies=energies, forces=forces)

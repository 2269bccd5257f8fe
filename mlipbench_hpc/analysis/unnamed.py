"""Layers of other metals than the slab's elements: a segregated alloy, a second electrode."""

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.analysis.atomic_layers import Layers
from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN, minimum_image
from mlipbench_hpc.analysis.sample import NO_ATOMS, Sample, middle
from mlipbench_hpc.analysis.slab import SURFACE_GAP, Face, Slab
from mlipbench_hpc.data.frames import Ints

# Nonmetals, which may cover half of a surface: B, N, F, P, S, Cl, As, Se, Br, Te, I; sites of no element (0)
# and noble gases. Carbon is an electrode, but for atoms within ORGANIC Å of H or O.
NONMETALS = (5, 7, 9, 15, 16, 17, 33, 34, 35, 52, 53, 0, 2, 10, 18, 36, 54)
CARBON, ORGANIC = 6, 1.6


def unnamed_layers(sample: Sample, layers: Layers, slab: Slab) -> tuple[Ints, ...]:
    """Layers, half as populated as the fullest or more, with metals that are not of the slab's elements.

    layers: of the slab with the atoms of other elements within it.
    """
    inside = np.concatenate([*layers.full, layers.sparse])
    left_out = np.isin(sample.numbers, [*slab.elements, HYDROGEN, OXYGEN, *NONMETALS])
    others = np.setdiff1d(np.flatnonzero(~left_out), inside)
    others = np.array([atom for atom in others if not _organic(sample, atom)], dtype=np.int64)
    if not len(others):
        return ()
    try:
        full = Layers.of(sample, np.union1d(inside, others)).full
    except ValueError:  # together they fill the cell, as many ions in a film do
        return ()
    return tuple(layer for layer in full if np.isin(layer, others).any())


def _organic(sample: Sample, atom: int) -> bool:
    """True for carbon of a molecule, with H or O within 1.6 Å in the first frame."""
    if sample.numbers[atom] != CARBON:
        return False
    near = sample.first[np.isin(sample.numbers, (HYDROGEN, OXYGEN))] - sample.first[atom]
    return bool((np.linalg.norm(minimum_image(near, sample.cell), axis=-1) < ORGANIC).any())


def suggestion(sample: Sample, unnamed: tuple[Ints, ...], slab: Slab) -> str:
    """Next step where layers hold other metals, in words; empty where there are none."""
    elements = np.unique(sample.numbers[np.concatenate([NO_ATOMS, *unnamed])])
    names = [chemical_symbols[z] for z in (*slab.elements, *elements[~np.isin(elements, slab.elements)])]
    return f"did you mean --surface {' '.join(names)}?" if unnamed else ""


def check_uncovered(sample: Sample, unnamed: tuple[Ints, ...], face: Face, slab: Slab) -> None:
    """Raise ValueError where a layer with other metals stands on the layer of a face, or in it."""
    place = middle(sample.medians(face.layer), sample.length)
    for layer in unnamed:
        apart = face.normal * (middle(sample.medians(layer), sample.length) - place)
        above = float(np.mod(apart, sample.length))
        if above < SURFACE_GAP:
            raise ValueError(
                f"z = 0 would be {sample.symbols(face.layer)}, but {sample.symbols(layer)} are a layer "
                f"{above:.2f} Å above: {suggestion(sample, unnamed, slab)} Or pass the atoms of z = 0 "
                "as --layer-atoms"
            )

"""Energies of a composition that have two zeros, or too few digits."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.stretches import Neighbours
from mlipbench_hpc.data.summary import strata

# Frames of a composition, and of each of two groups, that are judged.
FEWEST, FEWEST_IN_GROUP = 8, 3
# Distance of two groups of energies over the standard deviation of each, its least value in eV, and the share
# of pairs of frames in order from which another quantity explains them.
APART, APART_EV, ORDERED = 5.0, 1.0, 0.95
# Frames of a group in which distances are counted, and their limits in Å: bonds and first neighbours.
COUNTED, LIMITS_A = 25, (1.2, 1.4, 1.7, 2.1, 2.6, 3.2)
# Decimal steps of energies in eV, and the largest in eV/atom; smallest spread in steps of single precision.
DECIMALS, LARGEST_STEP, FEWEST_STEPS = (1.0, 0.1, 0.01), 1e-3, 50


def energy_zeros(frames: Frames) -> Iterator[str]:
    """Compositions whose energies fall into two groups that no structure explains, as two settings give.

    Groups are those of the least variance (Otsu, doi:10.1109/TSMC.1979.4310076). Volume, size of forces and
    numbers of neighbours explain them where they order 95 % of the pairs of frames: other phases or isomers.
    """
    for formula, own in _by_composition(frames):
        order = own[np.argsort(frames.energies[own], kind="stable")]
        energies = frames.energies[order]
        place = _least_variance(energies)
        low, high = energies[:place], energies[place:]
        spread, apart = max(low.std(), high.std()), float(high.mean() - low.mean())
        if apart < max(APART * spread, APART_EV) or high[0] - low[-1] < max(spread, 0.5 * APART_EV):
            continue
        if not _is_explained(frames, order[:place], order[place:]):
            share = apart / int(frames.sizes[order[0]])
            yield (
                f"energies of {formula} fall into two groups {apart:.4g} eV ({share:.3g} eV/atom) apart "
                f"({len(low)} and {len(high)} frames, each within {spread:.2g} eV), which neither volume nor "
                "forces nor distances explain: two energy zeros?"
            )


def _by_composition(frames: Frames) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Compositions of eight frames or more with different energies, and the indices of their frames."""
    formulas = np.array(strata(frames))
    for formula in np.unique(formulas):
        own = np.flatnonzero(formulas == formula)
        if len(own) >= FEWEST and np.ptp(frames.energies[own]) > 0.0:
            yield str(formula), own


def _least_variance(energies: Floats) -> int:
    """Number of ascending energies (E,) in the lower of two groups of the least variance."""
    shifted = energies - energies.mean()
    total, amount = np.cumsum(shifted), np.arange(1, len(energies) + 1)
    places = np.arange(FEWEST_IN_GROUP, len(energies) - FEWEST_IN_GROUP + 1)
    # Their sum is zero, so the variance between groups of n and m frames is S² (n + m) / n m.
    between = total[places - 1] ** 2 / (amount[places - 1] * (len(energies) - amount[places - 1]))
    return int(places[between.argmax()])


def _is_explained(frames: Frames, low: NDArray[np.int64], high: NDArray[np.int64]) -> bool:
    """True where a quantity other than the energy orders the frames of two groups."""
    squares = np.add.reduceat((frames.forces**2).sum(axis=1), frames.offsets[:-1])
    volumes = np.abs(np.linalg.det(frames.cells))
    if any(_orders(values[low], values[high]) for values in (squares, volumes)):
        return True
    some = [group[np.linspace(0, len(group) - 1, COUNTED).astype(np.int64)] for group in (low, high)]
    counts = [np.array([_neighbours(frames, int(index)) for index in np.unique(group)]) for group in some]
    return any(_orders(*columns) for columns in zip(counts[0].T, counts[1].T, strict=True))


def _orders(low: Floats, high: Floats) -> bool:
    above, below = low[:, None] < high, low[:, None] > high
    return max(float(above.mean()), float(below.mean())) > ORDERED


def _neighbours(frames: Frames, index: int) -> Floats:
    """Numbers of pairs within each limit, for each pair of the frame's elements."""
    near = Neighbours(frames, index)
    species = np.unique(near.numbers)
    kinds = [(near.ends[0] == first) & (near.ends[1] == other) for first in species for other in species]
    return np.array([(near.length[kind] < limit).sum() for kind in kinds for limit in LIMITS_A], dtype=float)


def coarse_energies(frames: Frames) -> Iterator[str]:
    """Compositions whose energies have too few digits: rounded, or of single precision."""
    for formula, own in _by_composition(frames):
        energies, atoms = frames.energies[own], int(frames.sizes[own[0]])
        shares = ((step, energies / step) for step in DECIMALS)
        step = next((step for step, share in shares if (np.abs(share - np.rint(share)) < 1e-6).all()), 0.0)
        single = float(np.spacing(np.abs(energies).max().astype(np.float32)))
        if step > LARGEST_STEP * atoms:
            yield (
                f"energies of {formula} are multiples of {step:g} eV ({1000 * step / atoms:.3g} meV/atom, "
                f"limit {1000 * LARGEST_STEP:g} meV/atom): write all digits"
            )
        elif (energies.astype(np.float32) == energies).all() and np.ptp(energies) < FEWEST_STEPS * single:
            yield (
                f"energies of {formula} are of single precision: steps of {single:.3g} eV in a spread of "
                f"{np.ptp(energies):.3g} eV, limit {FEWEST_STEPS} steps: write them in double precision"
            )

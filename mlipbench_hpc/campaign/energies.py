"""Reference energies that leave more energy in the data than bonds can hold."""

import math
from collections.abc import Iterator, Mapping

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.data.formulas import atoms_in

# eV/atom. Bonds hold up to about 10 eV/atom; other units or another method leave far more.
MOST_BOUND_EV = 20.0


def check_energies(place: Place, reference: Mapping[str, float], known: DatasetFacts) -> Iterator[Mistake]:
    """The worst composition, where its energy per atom without the reference energies is absurd.

    reference: eV by symbol of all elements of `known`, NaN where unknown. known: frames of a split.
    """
    rest = _rest(reference, known)
    formula = max(rest, key=lambda name: abs(rest[name]), default="")
    if not formula or abs(rest[formula]) <= MOST_BOUND_EV:
        return
    blamed = _blamed(reference, known)
    yield Mistake(
        place,
        f"leave {rest[formula]:.6g} eV/atom in {formula}, more than bonds hold ({MOST_BOUND_EV:g} eV/atom)",
        ", ".join(f"{symbol}: {reference[symbol]:.8g} eV" for symbol in blamed),
        f"energies of the method and in the unit of the labels{_unit(reference, known)}, or `fit`",
    )


def _rest(reference: Mapping[str, float], known: DatasetFacts) -> dict[str, float]:
    """Energy in eV/atom of each composition without the reference energies, where these are known."""
    rest = dict[str, float]()
    for formula, energy in known.energies.items():
        atoms = atoms_in(formula)
        left = (energy - sum(count * reference[symbol] for symbol, count in atoms.items())) / sum(
            atoms.values()
        )
        if math.isfinite(left):
            rest[formula] = left
    return rest


def _blamed(reference: Mapping[str, float], known: DatasetFacts) -> list[str]:
    """The element whose energy is farthest from a fit, or all where compositions do not tell them apart."""
    import numpy as np

    symbols = sorted({symbol for formula in known.energies for symbol in atoms_in(formula)})
    rows = np.array(
        [[atoms_in(formula).get(s, 0) for s in symbols] for formula in known.energies], dtype=float
    )
    fit, _, rank, _ = np.linalg.lstsq(rows, np.array(list(known.energies.values())), rcond=1e-10)
    if rank < len(symbols):
        return symbols
    far = np.abs(fit - [reference[symbol] for symbol in symbols])
    return [symbols[int(far.argmax())]]


def _unit(reference: Mapping[str, float], known: DatasetFacts) -> str:
    """Unit in which the number of one reference energy, or of all, fits the data, in words; "" for none."""
    from mlipbench_hpc.data.units import ENERGY_EV

    misfits = dict[tuple[str, str], float]()
    for unit, factor in ENERGY_EV.items():
        for symbols in [list(reference), *([symbol] for symbol in reference)]:
            other = {s: e * factor if s in symbols else e for s, e in reference.items()}
            misfit = max(abs(left) for left in _rest(other, known).values())
            misfits.setdefault((", ".join(symbols), unit), misfit)
    names, unit = min(misfits, key=lambda pair: misfits[pair])
    return f" (the number of {names} fits in {unit})" if misfits[names, unit] < MOST_BOUND_EV else ""

"""Charge of the ions of a group on the area of its cell, which the metal balances."""

import numpy as np

from mlipbench_hpc.report.groups import Group
from mlipbench_hpc.report.text import listed, number

# e of ions with one charge in any water.
CHARGES = dict.fromkeys(("Li", "Na", "K", "Rb", "Cs"), 1) | dict.fromkeys(("F", "Cl", "Br", "I"), -1)
MICROCOULOMB_PER_CM2 = 1602.176634  # of one e/Å², from e = 1.602176634e-19 C


def density(group: Group) -> float:
    """Charge of the ions over the cell's area normal to z, e/Å²; 0 without ions of known charge."""
    total = sum(CHARGES.get(symbol, 0) * amount for symbol, amount in group.species.items())
    first, second = np.array(group.cell[:2], dtype=float)
    return float(total / np.linalg.norm(np.cross(first, second)))


def sentence(group: Group) -> str:
    """Surface charge of the metal in both units; empty without ions of known charge, or without a surface."""
    if not group.interface or not (own := density(group)):
        return ""
    area = np.linalg.norm(np.cross(*np.array(group.cell[:2], dtype=float)))
    ions = [f"{amount} {symbol}" for symbol, amount in group.species.items() if symbol in CHARGES]
    return (
        f"Surface charge: {listed(ions)} on {number(float(area), 4)} Å² of the cell are {_signed(own)} e/Å², "
        f"so that the metal of a neutral cell carries {_signed(-own)} e/Å², "
        f"{_signed(-own * MICROCOULOMB_PER_CM2)} µC/cm²."
    )


def _signed(value: float) -> str:
    return "+" * (value > 0) + number(value)

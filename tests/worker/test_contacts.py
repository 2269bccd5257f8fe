"""Fused atoms are found, bound ones are left alone."""

import numpy as np
import pytest
from ase import Atoms

from mlipbench_hpc.worker.engines.contacts import Contacts
from mlipbench_hpc.worker.engines.stability import Limits, Watch
from mlipbench_hpc.worker.engines.system import Sample, System, Thermometer

LIMITS = Limits(conserved_energy=1.0, temperature=1e4, hydrogen_oxygen=None, contact=1.5)


def system(fixed: list[int] | None = None) -> System:
    """A CO molecule, two waters' O with an H beside the first, and an ion, in a box of 10 Å."""
    places = [[1, 1, 1], [1, 1, 2.13], [5, 5, 5], [9.5, 5, 5], [5, 5, 6.0], [3, 8, 8]]
    return System.prepare(Atoms("COOOHNa", places, cell=[10] * 3, pbc=True), fixed or [])


def moved(where: System, **places: list[float]) -> np.ndarray:
    positions = where.start.get_positions()
    for index, place in places.items():
        positions[int(index[1:])] = place
    return positions


def cause(where: System, positions: np.ndarray) -> str | None:
    watch = Watch(where, LIMITS, 0.0, Thermometer.of(where))
    return watch.cause(Sample(1, positions, np.zeros((len(where.mobile), 3)), 0.0, 0.0))


def test_nothing_has_fused_at_the_start() -> None:
    """Not even C and O, 1.13 Å apart, nor an H 1 Å from its O."""
    assert cause(system(), system().start.get_positions()) is None


def test_two_atoms_that_fuse_end_the_run() -> None:
    result = cause(system(), moved(system(), _3=[6.2, 5.0, 5.0]))
    assert result == "O 2 and O 3 have come within 1.200 Å of each other (limit 1.5)"


def test_also_across_the_boundary_and_an_ion() -> None:
    """0.3 Å below the box's top and 0.4 Å above its bottom: 0.7 Å."""
    result = cause(system(), moved(system(), _3=[9.7, 5, 5], _5=[0.4, 5, 5]))
    assert result == "O 3 and Na 5 have come within 0.700 Å of each other (limit 1.5)"


def test_a_bond_of_the_start_may_shorten_and_hydrogens_come_near() -> None:
    assert cause(system(), moved(system(), _1=[1, 1, 2.0], _4=[9.5, 5, 5.8])) is None


def test_atoms_held_fixed_are_no_pair() -> None:
    every, content = (Contacts.of(system(fixed), 1.5) for fixed in ([], [0, 1]))
    assert len(every.one) == 5 * 4 // 2 - 1
    assert len(content.one) == len(every.one)  # C and O were no pair before
    assert len(Contacts.of(system([2, 3]), 1.5).one) == len(every.one) - 1


@pytest.mark.parametrize("positions", [[[0, 0, 0]], [[0, 0, 0], [0, 0, 1]]])
def test_too_few_atoms_for_a_pair(positions: list[list[float]]) -> None:
    where = System.prepare(Atoms("OH"[: len(positions)], positions), [])
    assert Contacts.of(where, 1.5).nearest(where.start.get_positions()) is None

"""Free energies of densities whose logarithms are known."""

import numpy as np
from ase.units import kB

from mlipbench_hpc.analysis.free_energy import free_energy, free_energy_width


def test_half_the_density_costs_kt_ln_2():
    """17.92 meV at 300 K, as the paper's 18 meV."""
    values = free_energy(np.array([1.0, 2.0, 0.0, np.nan]), 300.0)
    np.testing.assert_allclose(values[:2], [0.01792, 0.0], atol=5e-6)
    assert np.isnan(values[2:]).all()


def test_a_density_of_a_harmonic_well_gives_the_well():
    z = np.linspace(-1, 1, 41)
    values = free_energy(7.0 * np.exp(-(0.05 * z**2) / (kB * 350)), 350.0)
    np.testing.assert_allclose(values, 0.05 * z**2, atol=1e-12)


def test_widths_are_those_of_finite_differences_where_they_are_small():
    density, width = np.array([3.0, 2.0, 1.0, 0.0]), np.array([0.003, 0.002, 1.0, 0.1])
    widths = free_energy_width(density, width, 300.0)
    shifted = -kB * 300 * (np.log(density[:2] + width[:2]) - np.log(density[:2]))
    np.testing.assert_allclose(widths[:2], -shifted, rtol=1e-3)
    assert np.isnan(widths[2:]).all(), "where the width reaches the density"

"""Common code of reference potentials in LAMMPS: library, force field, wall, labeller."""

"""What reference potentials in LAMMPS share: the library, the force field, the wall, the labeller."""

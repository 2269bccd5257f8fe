"""What campaigns and workers both know of the reference potentials."""

# Of Lennard-Jones, and of the part of Coulomb's law that is summed pair by pair.
CUTOFF_A = 9.0

"""Argon whose forces ASE and LAMMPS both compute by themselves."""

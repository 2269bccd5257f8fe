"""mlipbench-hpc: committees of machine-learning interatomic potentials, trained, run and judged on HPC."""

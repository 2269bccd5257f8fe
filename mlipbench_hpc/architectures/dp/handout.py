"""A committee of DP models for deepmd-kit's own calculator and pair style."""

import shutil
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.dp.model import FROZEN
from mlipbench_hpc.architectures.interface import Handout
from mlipbench_hpc.architectures.shared.handout import ONE_BY_ONE, member_name, packages
from mlipbench_hpc.architectures.shared.labels import symbols

PYTHON = """\
from deepmd.calculator import DP

calculators = [DP(model=file) for file in FILES]
"""
DEVIATION = "out_file model_devi.out out_freq 10"
NOTES = (
    "LAMMPS follows the forces of the first member; every ten steps it writes how far the others differ "
    "(model deviation) into model_devi.out.",
    "deepmd-kit's calculator takes a cell as periodic in all directions or in none: along a direction that "
    "is not periodic, make the cell longer than the atoms by more than the cutoff.",
    "The graphs are frozen and compressed; their energies include the reference energies.",
)


def handout(
    models: list[Path], hyperparameters: dict[str, Any], numbers: list[int], dtype: str, out: Path
) -> Handout:
    """Frozen graphs as `train` left them."""
    files = tuple(member_name(member, ".pb") for member in range(len(models)))
    for name, model in zip(files, models, strict=True):
        shutil.copyfile(model / FROZEN, out / name)
    several = len(files) > 1
    style = " ".join(["pair_style deepmd", *files, *([DEVIATION] if several else [])])
    return Handout(
        files=files,
        python=f"{PYTHON}{ONE_BY_ONE}",
        needs=packages("deepmd-kit", "tensorflow-cpu", "lammps", "numpy", "ase"),
        licence="deepmd-kit: LGPL-3.0-or-later. LAMMPS: GPL-2.0.",
        lammps=(style, f"pair_coeff * * {' '.join(symbols(numbers))}"),
        notes=NOTES if several else NOTES[1:],
    )

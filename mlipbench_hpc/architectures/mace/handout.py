"""A committee of MACE models for mace-torch's own calculator."""

from pathlib import Path
from typing import Any

import torch

from mlipbench_hpc.architectures.interface import Handout
from mlipbench_hpc.architectures.mace.mace_torch import quiet
from mlipbench_hpc.architectures.mace.model import load_model
from mlipbench_hpc.architectures.shared.handout import member_name, packages

PYTHON = """\
from mace.calculators import MACECalculator

# Energy and forces for MD are means over the members. In float32 a step takes half as long, and total
# energies are rounded to meV.
calculator = MACECalculator(model_paths=FILES, device="cpu", default_dtype="float64")


def committee(atoms):
    calculator.calculate(atoms)
    results = calculator.results
    if len(FILES) == 1:
        return np.array([results["energy"]]), results["forces"][None]
    return results["energy_comm"], results["forces_comm"]
"""
NOTES = (
    "The files are whole models of mace-torch (torch.save) in float64, which hold their reference energies.",
    "They are pickles: load them only from a source you trust, and compare the sha256 below.",
    "For LAMMPS with ML-IAP, mace-torch makes a file of one model: "
    "`mace_create_lammps_model member-000.model --format=mliap`, for `pair_style mliap unified` of a LAMMPS "
    "that is built with it. LAMMPS from the Python index is not, so no input is written here.",
)


def handout(
    models: list[Path], hyperparameters: dict[str, Any], numbers: list[int], dtype: str, out: Path
) -> Handout:
    """Whole models of mace-torch."""
    files = tuple(member_name(member, ".model") for member in range(len(models)))
    for name, folder in zip(files, models, strict=True):
        with quiet():
            torch.save(whole(folder), out / name)
    return Handout(
        files=files,
        python=PYTHON,
        needs=packages("mace-torch", "torch", "e3nn", "numpy", "ase"),
        licence="mace-torch: MIT. e3nn: MIT. PyTorch: BSD-3-Clause.",
        notes=NOTES,
    )


def whole(folder: Path) -> torch.nn.Module:
    """The model in float64 with its reference energies, which an evaluator adds by itself."""
    blueprint, model = load_model(folder, "cpu", "float64")
    energies = torch.tensor([blueprint.reference_energies], dtype=torch.float64)
    model.atomic_energies_fn.atomic_energies.copy_(energies)
    return model

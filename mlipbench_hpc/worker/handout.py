"""`python -m mlipbench_hpc.worker.handout request.json`: worker of `mlipbench export`."""

import importlib
import io
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.interface import Handout
from mlipbench_hpc.architectures.shared.handout import own_handout
from mlipbench_hpc.architectures.shared.labels import symbols
from mlipbench_hpc.contract.folder import read_json, write_bytes, write_json
from mlipbench_hpc.contract.task import EXIT_OF_FAILURE, InputFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.engines.system import oriented
from mlipbench_hpc.worker.structures import extxyz

SCRIPT, LAMMPS, STRUCTURE = "committee.py", "in.lammps", "structure.data"
FRAMES, EXPECTED, RECORD = "check.extxyz", "check.json", "handout.json"
PYTHON = """\
\"\"\"Energies and forces by all members of the committee, with ASE: python committee.py [STRUCTURES]

STRUCTURES: a file that ASE reads. Without it {frames} is computed and compared with the campaign's own
results, {expected}: to a relative {tolerance:g}. For MD: `from committee import calculator`.
Made for {needs}.
\"\"\"

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase.io import read

HERE = Path(__file__).resolve().parent
FILES = [str(HERE / name) for name in {files}]

{python}

def main(structures):
    expected = None if structures else json.loads((HERE / "{expected}").read_text(encoding="utf-8"))
    different = False
    for number, atoms in enumerate(read(structures or HERE / "{frames}", ":")):
        energies, forces = committee(atoms)
        spread = np.std(forces, axis=0).max() if len(FILES) > 1 else 0.0
        print(number, *map(repr, map(float, energies)), f"eV; largest spread of a force {{spread:.4f}} eV/Å")
        own = expected and expected["energies_eV"][number]
        if own and not np.allclose(energies, own, rtol={tolerance:g}, atol=0):
            print(f"DIFFERENT from the campaign's {{own}}")
            different = True
    return int(different)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
"""
INPUT = """\
# {atoms} atoms of {formula}, some steps at constant temperature: lmp -in in.lammps
# Atom types: {types}. Units: Å, eV, ps. Made for {needs}.
units metal
atom_style atomic
boundary {boundary}
box tilt large
read_data structure.data

{commands}

timestep {timestep!r}
velocity all create {temperature!r} 1 mom yes rot no
fix nvt all nvt temp {temperature!r} {temperature!r} 0.1 tchain 3
thermo_style custom step temp pe etotal
thermo_modify format float %.12g
thermo 10
run 50
"""
# Of energies; of those that a kernel computed, whose sums and tables round otherwise.
TOLERANCE, TOLERANCE_OF_KERNEL = 1e-6, 1e-5


def main(arguments: list[str]) -> int:
    """Carry out the request; returns 0, or 65 after one sentence on stderr."""
    request = read_json(Path(arguments[0])) or {}
    try:
        write(request, Path(request["out"]))
    except InputFailure as error:
        print(str(error), file=sys.stderr)
        return EXIT_OF_FAILURE["input"]
    return 0


def write(request: dict[str, Any], out: Path) -> None:
    """Write the members' files, programs that use them, structures to check them with, and a record.

    request: `module` of the architecture, `models` (folders), `hyperparameters`, `numbers`, `dtype`;
    `frames` (the dataset's file), `indices` of those to check and, by member, `predictions` of the test set,
    which begins with them; `kernel` (null: none) by which they were computed; `temperature` (K) and
    `timestep` (ps) of MD.
    """
    adapter = f"{request['module']}.adapter"
    make = getattr(importlib.import_module(adapter), "handout", None) or partial(own_handout, adapter)
    models, numbers = [Path(path) for path in request["models"]], request["numbers"]
    handout: Handout = make(models, request["hyperparameters"], numbers, request["dtype"], out)
    frames = Frames.load(Path(request["frames"])).select(request["indices"])
    write_bytes(out / FRAMES, extxyz(frames))
    write_json(out / EXPECTED, {"energies_eV": energies(request["predictions"], len(frames))})
    tolerance = TOLERANCE_OF_KERNEL if request.get("kernel") else TOLERANCE
    write_bytes(out / SCRIPT, script(handout, tolerance).encode())
    if handout.lammps:
        write_bytes(out / LAMMPS, lammps_input(handout, frames, request).encode())
        write_bytes(out / STRUCTURE, lammps_data(frames, numbers).encode())
    record = {name: getattr(handout, name) for name in ("files", "needs", "licence", "notes")}
    write_json(out / RECORD, record | {"elements": symbols(numbers), "dtype": request["dtype"]})


def energies(predictions: list[str], count: int) -> list[list[float]]:
    """Energies in eV of the first `count` test frames, by frame and member, as `evaluate` computed them."""
    members = []
    for path in predictions:
        with np.load(path, allow_pickle=False) as archive:
            members.append(archive["energies"][:count])
    table: list[list[float]] = np.array(members).T.tolist()
    return table


def script(handout: Handout, tolerance: float) -> str:
    """Program that computes with all members, and imports nothing but what `handout` says.

    tolerance: largest relative difference of energies from the campaign's.
    """
    return PYTHON.format(
        frames=FRAMES, expected=EXPECTED, tolerance=tolerance, needs=", ".join(handout.needs),
        files=list(handout.files), python=handout.python,
    )  # fmt: skip


def lammps_input(handout: Handout, frames: Frames, request: dict[str, Any]) -> str:
    """Input of LAMMPS for the first frame."""
    atoms, types = frames.atoms(0), symbols(request["numbers"])
    return INPUT.format(
        atoms=len(atoms), formula=frames.formula(0),
        types=", ".join(f"{place + 1} {symbol}" for place, symbol in enumerate(types)),
        needs=", ".join(handout.needs), boundary=" ".join("p" if flag else "s" for flag in atoms.pbc),
        commands="\n".join(handout.lammps),
        temperature=request["temperature"], timestep=request["timestep"],
    )  # fmt: skip


def lammps_data(frames: Frames, numbers: list[int]) -> str:
    """The first frame as LAMMPS reads it: standard orientation, types in the order of `numbers`."""
    from ase.io.lammpsdata import write_lammps_data

    atoms, text = oriented(frames.atoms(0)), io.StringIO()
    if atoms.cell.rank < 3:
        atoms.center(vacuum=1.0)
    atoms.wrap()
    write_lammps_data(text, atoms, specorder=symbols(numbers), masses=True)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

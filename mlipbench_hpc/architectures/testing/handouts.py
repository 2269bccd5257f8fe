"""An exported committee computes outside this package's tasks what the members computed in them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.architectures.testing.frames import water
from mlipbench_hpc.architectures.testing.resumes import process
from mlipbench_hpc.architectures.testing.subject import Subject
from mlipbench_hpc.data.frames import Frames

PROGRAM, INPUT, EXPECTED = "committee.py", "in.lammps", "check.json"
# The program as it was exported, and again after what it compares with has changed by 1 eV: its exit codes
# stand in lines of their own. One process for both, since engines take seconds to import. Arguments: the two.
TWICE = """
import json, runpy, sys
from pathlib import Path
program, expected = sys.argv[1:]
sys.argv = [program]
for added in (0.0, 1.0):
    rows = json.loads(Path(expected).read_text())["energies_eV"]
    other = [[energy + added for energy in row] for row in rows]
    Path(expected).write_text(json.dumps({"energies_eV": other}))
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        print("exit", end.code)
"""


class Handouts(Subject):
    """Part of Conformance: the function `handout` of the adapter, or the default for it."""

    def test_an_exported_committee_computes_what_the_evaluators_do(
        self, trained: dict[str, Path], tmp_path: Path
    ) -> None:
        """Members are the models of every dtype; the exported program runs in a process of its own."""
        members = self.members(trained)
        frames = water(3, seed=33)
        energies = np.array([self.energies(*member, frames) for member in members.items()]).T
        out = self.export(members, frames, energies, tmp_path)
        first, _, second = process("-c", TWICE, PROGRAM, EXPECTED, folder=out).partition("exit 0\n")
        for number, line in enumerate(first.splitlines()[-3:]):
            own = [float(word) for word in line.split()[1 : 1 + len(members)]]
            assert own == pytest.approx(energies[number], rel=1e-6, abs=0)
        if (out / INPUT).exists():
            assert potential_of_lammps(out) == pytest.approx(energies[0, 0], rel=1e-6, abs=0)
        assert "DIFFERENT" in second
        assert second.endswith("exit 1\n")

    def members(self, trained: dict[str, Path]) -> dict[str, Path]:
        """Models by dtype: of every dtype, or of the widest where the default loads all in one dtype."""
        if self.one_file or hasattr(self.adapter, "handout"):
            return trained
        return {self.widest(): trained[self.widest()]}

    def energies(self, dtype: str, folder: Path, frames: Frames) -> list[float]:
        """Energies (F,) eV by the evaluator."""
        used = self.widest() if self.one_file else dtype
        evaluator = self.adapter.load(folder, self.hyperparameters(), "cpu", used)
        energies: list[float] = evaluator.evaluate(frames, len(frames))[0].tolist()
        return energies

    def export(self, members: dict[str, Path], frames: Frames, energies: np.ndarray, folder: Path) -> Path:
        """Exported folder; energies: (F, M) eV. Motion is so slow that no model is unstable."""
        out, predictions = folder / "exported", []
        out.mkdir()
        frames.save(folder / "frames.npz")
        for member, row in enumerate(energies.T):
            predictions.append(str(folder / f"predictions-{member}.npz"))
            np.savez(predictions[-1], energies=row)
        request = {
            "out": str(out), "module": self.adapter.__name__.removesuffix(".adapter"),
            "models": list(map(str, members.values())), "hyperparameters": self.hyperparameters(),
            "numbers": [1, 8], "dtype": self.widest(), "frames": str(folder / "frames.npz"),
            "indices": [0, 1, 2], "predictions": predictions, "temperature": 1.0, "timestep": 1e-6,
        }  # fmt: skip
        (folder / "request.json").write_text(json.dumps(request))
        process("-m", "mlipbench_hpc.worker.handout", str(folder / "request.json"), folder=folder)
        return out


def potential_of_lammps(folder: Path) -> float:
    """Potential energy in eV at step 0 of the exported input, run by the `lmp` of this environment."""
    process(str(Path(sys.executable).with_name("lmp")), "-in", INPUT, folder=folder)
    lines = (folder / "log.lammps").read_text(encoding="utf-8").splitlines()
    head = next(place for place, line in enumerate(lines) if line.split()[:1] == ["Step"])
    step, _, potential, _ = map(float, lines[head + 1].split())
    assert step == 0
    return potential

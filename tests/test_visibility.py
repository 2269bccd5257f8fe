"""A mixed training set that cannot work is told while there is time: before any training has ended."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import running
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from interface import CELL, slab
from toy import TOY

from mlipbench_hpc.report.uncertainty import remarks

HEIGHTS = [2.0, 2.5, 3.0, 3.5, 4.0, 9.0]
MIXED = (
    TOY.replace("{architecture: toy}", "{architecture: toy, hyperparameters: {epochs: 4}}")
    .replace("[[Ar, Ar]]", "[[O, O]]")
    .replace("timestep: 2 fs", "timestep: 0.1 fs")
    .replace("length: 0.4 ps", "length: 8 fs")
    .replace("frame_every: 4 fs", "frame_every: 0.4 fs")
    .replace("checkpoint_every: 80 fs", "checkpoint_every: 4 fs")
    .replace("r_max: 5 Å", "r_max: 4 Å")
    .replace("replicas: 2", "replicas: 1")
)


def images(ion: float) -> list[Atoms]:
    """Frames in turn without an ion, and with one `ion` Å above the metal; atoms are on springs."""
    result, noise = [], np.random.default_rng(0)
    for index in range(24):
        frame = slab(HEIGHTS, [0.0] * len(HEIGHTS), [(4.5, 4.5, ion)] * (index % 2))
        shift = noise.normal(scale=0.01, size=frame.positions.shape)
        atoms = Atoms(numbers=frame.numbers, positions=frame.positions + shift, cell=CELL, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-float(len(atoms)), forces=-90 * shift)
        result.append(atoms)
    return result


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the words of a run whose ions no water near the metal sees within 5 Å."""
    folder = tmp_path_factory.mktemp("blind")
    write(folder / "argon.extxyz", images(14.0), format="extxyz")
    (folder / "toy.yaml").write_text(MIXED)
    with running.cleaned(folder):
        ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder, ended.stdout


def test_the_driver_warns_before_any_training_has_ended(blind: tuple[Path, str]) -> None:
    lines = blind[1].splitlines()
    message = next(
        i for i, line in enumerate(lines) if line.startswith("WARNING committee pairs: its training")
    )
    assert "visibility" in lines[message - 1]
    first = next(i for i, line in enumerate(lines) if "train committee=pairs" in line and " done in " in line)
    assert message < first
    text = " ".join(line.strip() for line in lines[message:first])
    words = "below 0.5: the energies of the other waters do not depend on every ion"
    assert f"is 0 in Au27H12Na1O6, {words}" in text
    assert max(map(len, lines[message:first])) <= 92


def test_a_run_that_goes_on_is_told_again(blind: tuple[Path, str], tmp_path: Path) -> None:
    shutil.copytree(blind[0], tmp_path / "copy")
    for path in (tmp_path / "copy/store/tasks").glob("*/task.json"):
        if json.loads(path.read_text())["verb"] == "analyse":
            path.parent.chmod(0o755)
            shutil.rmtree(path.parent)
    with running.cleaned(tmp_path / "copy"):
        again = running.run(tmp_path / "copy", "run", "toy.yaml")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("WARNING committee pairs: its training set mixes numbers of ions") == 1


def test_only_a_mixed_set_that_is_blind_is_remarked() -> None:
    def remarks_of(verb: str, share: float, without: int) -> list[str]:
        parts = {"Au27H12Na1O6": {"frames": 12, "share": share}}
        values = {"radius_A": 5.0, "frames": 24, "without": without, "compositions": parts}
        return remarks(verb, ({"committee": "a"}, {"committee": "b"}), values)

    two = {name: {"frames": 9, "share": share} for name, share in (("Na1", 0.58), ("Na2", 0.18))}
    values = {"radius_A": 5.0, "frames": 18, "without": 0, "compositions": two}
    words = " ".join(line.strip() for line in remarks("visibility", ({"committee": "a"},), values))
    assert "is 0.580 in Na1 and 0.180 in Na2, at worst below 0.5: the energies of the other waters" in words
    both = " ".join(remarks_of("visibility", 0.25, 12))
    assert both.count("WARNING committee a: its training set mixes") == 1
    assert both.count("WARNING committee b: its training set mixes") == 1
    assert (
        remarks_of("visibility", 1.0, 12)
        == remarks_of("visibility", 0.25, 0)
        == remarks_of("build", 0.25, 12)
        == []
    )

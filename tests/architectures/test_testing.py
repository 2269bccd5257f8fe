"""A package outside this tree inherits the conformance suite, which fails where a claim does not hold."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.architectures.testing.resumes import path_deviation
from mlipbench_hpc.data.trajectory import Trajectory

ROOT = Path(__file__).parents[2]
SUITE = """
from mlipbench_hpc.architectures.testing import Conformance
from {package} import adapter

class TestMine(Conformance):
    adapter = adapter
    small = {{"cutoff": 2.5, "gaussians": 6, "epochs": 4}}
    learning = {{"epochs": 30}}
    weights = "model.json"
    title = "toy"
    seeded = False
    forks = {forks}
    compiles = {compiles}
"""
# A training that is a little different after a resume, as one with a state in single precision is.
ROUNDED = """
import numpy as np
from mlipbench_toy import adapter as toy
from mlipbench_toy.adapter import load

def train(job):
    return toy.train(job)

def resume(folder):
    state = exact(folder)
    return {**state, "w": state["w"].astype(np.float32).astype(float)}

exact, toy.resume = toy.resume, resume
"""


def suite(
    folder: Path, package: str, *words: str, forks: bool = True, compiles: bool = False
) -> tuple[int, str]:
    """Exit code and output of pytest on a suite of this package in a folder of its own."""
    (folder / "test_mine.py").write_text(SUITE.format(package=package, forks=forks, compiles=compiles))
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests/plugins", folder)))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    ended = subprocess.run(
        [*command, "--rootdir", str(folder), "test_mine.py", *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def rounded(folder: Path, claim: str) -> str:
    """A package whose resumed training differs by rounding, and whose card claims this."""
    package = folder / "rounded_pairs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "adapter.py").write_text(ROUNDED)
    card = (ROOT / "tests/plugins/mlipbench_toy/card.toml").read_text()
    assert 'training = "bitwise"' in card
    (package / "card.toml").write_text(card.replace('training = "bitwise"', f"training = {claim}"))
    return package.name


@pytest.mark.campaign
def test_a_package_outside_the_tree_inherits_the_suite(tmp_path: Path) -> None:
    code, output = suite(tmp_path, "mlipbench_toy")
    assert code == 0, output
    tally = re.search(r"(\d+) passed in", output)
    assert tally
    assert int(tally[1]) == 20
    assert "skipped" not in output


@pytest.mark.campaign
def test_an_engine_with_threads_of_its_own_is_imported_for_each_attempt(tmp_path: Path) -> None:
    package = rounded(tmp_path, "1e-3")
    with (tmp_path / package / "adapter.py").open("a") as stream:
        stream.write("\nimport threading, time\n")
        stream.write("threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n")
    code, output = suite(tmp_path, package, "-k", "new_process")
    assert code == 1
    assert "rounded_pairs.adapter starts 1 threads when it is imported: state `forks = False`" in output
    code, output = suite(tmp_path, package, "-k", "new_process", forks=False)
    assert code == 0, output


@pytest.mark.whole
@pytest.mark.parametrize(
    ("claim", "compiles", "failures"),
    [
        ('"bitwise"', False, {"after_two_interruptions", "in_a_new_process"}),
        ("1e-12", False, {"in_a_new_process"}),
        ("1e-12", True, {"in_a_new_process"}),
        ("1e-3", False, set()),
    ],
)
def test_a_claim_that_does_not_hold_fails(
    tmp_path: Path, claim: str, compiles: bool, failures: set[str]
) -> None:
    code, output = suite(tmp_path, rounded(tmp_path, claim), "-k", "training_goes_on", compiles=compiles)
    assert code == bool(failures), output
    names = re.findall(r"^FAILED .*::test_a_training_goes_on_(\w+)\[float64\]", output, re.MULTILINE)
    assert set(names) == failures, output


def test_deviations_of_paths_are_relative_to_the_way_travelled() -> None:
    def path(*places: float) -> Trajectory:
        positions = np.zeros((len(places), 2, 3), dtype=">f4")
        positions[:, 1, 2] = places
        return Trajectory(np.array([1, 1]), np.zeros(len(places)), positions, np.zeros((len(places), 3, 3)))

    assert path_deviation(path(5.0, 7.0), path(5.0, 7.0)) == 0.0
    assert path_deviation(path(5.0, 7.0), path(5.0, 6.5)) == 0.25
    assert path_deviation(path(5.0, 7.0), path(5.0)) == float("inf")

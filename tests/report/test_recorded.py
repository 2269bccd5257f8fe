"""A trajectory of another program in the report: reference of comparisons and studies, without energies."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import CHARGED, add, collected, movement, moves
from profiled import analysed

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.sections import md
from mlipbench_hpc.report.significance import primary

SPEC = {"files": ["dft-0.xyz", "dft-1.xyz"], "format": "extxyz", "frame_every": 0.01, "temperature": 300.0}
CUT = "dft-0.xyz is truncated: 200 whole frames are read"
NO_ENERGY = {"skipped": "a trajectory alone: its energies and temperatures are not known"}


@pytest.fixture
def compared(campaign: Any) -> Any:
    """Two runs of a model three errors away from two trajectories of another program."""
    document = campaign.document["campaign"]
    document["analysis"] |= {"profiles": {"metal": "Au", "bin": 0.1}, "comparisons": [
        {"run": "charged", "against": "dft", "observables": ["cosine"]},
    ]}  # fmt: skip
    add(campaign, "charged", "mace", shift=9.0)
    document["md"]["dft"] = {
        "committee": None, "potential": None, "recorded": SPEC, "start": None, "length": None,
        "temperature": 300.0, "replicas": 2,
    }  # fmt: skip
    for replica in range(2):
        subject = {"md": "dft", "replica": replica, "recorded": True}
        outcome = {
            "outcome": "completed", "cause": None, "steps": None, "time_ps": 2.0, "temperature_K": None,
            "conserved_drift_meV_per_atom_per_ps": None, "largest_conserved_deviation_meV_per_atom": None,
            "warnings": [CUT] * (replica == 0),
        }  # fmt: skip
        campaign.commit("md", subject, outcome, {})
        series = movement()
        series["series"] = {"total_orientation": moves(), "cosine": moves()}
        values, files = analysed(seed=replica, stationarity=series)
        values["thermo"] = NO_ENERGY
        values["descriptors"] = [one for one in values["descriptors"] if not one["name"].startswith("temp")]
        campaign.commit("analyse", subject, values, files)
    return campaign


def test_it_is_the_reference_of_its_group_with_its_own_error(compared: Any) -> None:
    """Two replicas of -0.31 ± 0.02: ± 0.02/√2."""
    group = next(group for group in groups(collected(compared)) if group.title == CHARGED)
    line = group.reference
    assert line is not None
    assert (line.title(group.drawn), line.about()) == ("trajectory dft", "2 runs of 2.00 ps")
    own = numbered(line, "cosine")
    assert (own.mean, own.se) == pytest.approx((-0.31, 0.02 / np.sqrt(2)))
    assert line.constraints == "fixed atoms not known"


def test_a_declared_difference_to_it_is_tested_as_to_a_truth(compared: Any) -> None:
    group = next(group for group in groups(collected(compared)) if group.title == CHARGED)
    (test,) = primary(group)
    assert test.other.potential.recorded
    assert test.line.name == "charged"


def test_what_its_reader_noticed_is_told(compared: Any) -> None:
    told = [own.sentence for own in md.warnings(collected(compared)) if own.place == "dft"]
    assert any(sentence.endswith(f"{CUT}.") for sentence in told), told


@pytest.mark.whole
def test_on_the_page(compared: Any, tmp_path: Path) -> None:
    page = build_report(compared.document, compared.tasks, compared.store, tmp_path / "out").read_text(
        "utf-8"
    )
    assert "trajectory dft" in page
    values = read_json(tmp_path / "out/results.json")
    assert values["md"]["dft"]["replicas"]["1"]["analyse"]["thermo"] == NO_ENERGY

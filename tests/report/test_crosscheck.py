"""Reweighting beside the other member's own MD: numbers by hand, words, table, figure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import profiled
import pytest
from profiled import Z, analysed, csv_bytes, reweighted

from mlipbench_hpc.report import crosscheck
from mlipbench_hpc.report.collect import Results, collect
from mlipbench_hpc.report.combine import Band
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.html import build_report

APART = 0.08  # of the profile: member 3 from member 0, as SPREAD has it, 2 times 4 %
FILM = (Z > 2) & (Z < 6)
PROFILES = {"density_g_per_cm3": (2.0, 0.1), "orientation_g_per_cm3": (-0.5, 0.02),
            "concentration-Na_mol_per_L": (3.0, 0.2)}  # fmt: skip


def film(moved: float) -> bytes:
    """profiles.csv: from 2 to 6 Å each value times 1 + moved, with its error; nothing elsewhere."""
    columns = {"z_A": Z}
    for name, (value, error) in PROFILES.items():
        columns |= {name: (1 + moved) * value * FILM, f"se_{name}": error * FILM}
    return csv_bytes(columns)


def add(campaign: Any, name: str, member: int, moved: float = 0.0, std: float = 0.7) -> None:
    """One run of member `member`; its profiles are those of the driving member times 1 + moved."""
    campaign.document["campaign"]["md"][name] = {
        "committee": "mace", "member": member, "potential": None, "temperature": 300.0, "length": 2.0,
        "replicas": 1, "start": {"system": "box"},
    }  # fmt: skip
    subject = {"md": name, "replica": 0, "committee": "mace"}
    values = {"outcome": "completed", "cause": None, "time_ps": 2.0, "steps": 4000, "frames": 200}
    campaign.commit("md", subject, values, {})
    own, files = analysed(seed=1)
    files["profiles.csv"] = film(moved)
    campaign.commit("analyse", subject, own, files)
    campaign.commit("reweight", subject, *reweighted((own, files), drove=member, std=std))


@pytest.fixture
def tested(campaign: Any) -> Any:
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "first", 0)
    add(campaign, "third", 3, moved=APART)
    return campaign


def results(campaign: Any) -> Results:
    return collect(campaign.document, campaign.tasks, campaign.store)


def interface(campaign: Any) -> Group:
    return next(group for group in groups(results(campaign)) if group.interface)


def test_each_is_told_of_by_the_other_alone(tested: Any) -> None:
    result = crosscheck.pairs(interface(tested))
    assert [pair.title for pair in result] == ["mace: member 0 to member 3", "mace: member 3 to member 0"]


def test_distances_by_hand(tested: Any) -> None:
    """Density 2 g/cm³ of member 0, 2.16 of member 3 by its own MD and by reweighting alike."""
    pair = crosscheck.pairs(interface(tested))[0]
    density, orientation, ion = crosscheck.checks(pair)
    assert [one.observable.name for one in (density, orientation, ion)] == [
        "density", "orientation", "concentration-Na",
    ]  # fmt: skip
    assert density.judged.sum() == 40
    assert density.before == pytest.approx(0.16)
    assert density.after == pytest.approx(0.0, abs=1e-12)
    # SE 0.1 of the MD, and 1.2 times as much of the reweighted average
    assert density.sampling == pytest.approx((0.1**2 + 0.12**2) ** 0.5)
    assert (density.inside, density.words) == (1.0, "no difference beyond sampling error")
    assert (orientation.before, ion.before) == (pytest.approx(0.04), pytest.approx(0.24))


def test_members_whose_own_md_is_elsewhere(campaign: Any) -> None:
    """Densities by MD: 2 g/cm³ of member 0, 4 of member 3, none of member 2; reweighted from 0 to 3 2.16."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "first", 0, std=2.5)
    add(campaign, "third", 3, moved=1.0)
    add(campaign, "second", 2, moved=-1.0)
    result = {pair.title: crosscheck.checks(pair)[0] for pair in crosscheck.pairs(interface(campaign))}
    nearer, empty = result["mace: member 0 to member 3"], result["mace: member 2 to member 3"]
    assert (nearer.before, nearer.after, nearer.inside) == (pytest.approx(2.0), pytest.approx(1.84), 0.0)
    assert nearer.words == "cannot be tested", "std(h) of 2.5 kT is above 2"
    assert empty.words == "differs; whether closer than the driving member is unresolved"
    assert (empty.before, empty.after) == (pytest.approx(4.0), pytest.approx(4.0))
    assert crosscheck.pairs(interface(campaign))[0].outcome == (2.5, "run it directly")


@pytest.mark.parametrize(
    ("reweighted", "error", "words"),
    [
        (0.5, 0.05, "differs, closer than the driving member"),
        (1.5, 0.05, "differs, farther than the driving member"),
        (0.9, 0.2, "differs; whether closer than the driving member is unresolved"),
    ],
)
def test_closer_only_beyond_what_sampling_may_do(reweighted: float, error: float, words: str) -> None:
    """Own MD 0, driving member 1: rms distances 0.5 or 0.1 apart, against twice √2 · 0.05 or √2 · 0.2."""
    x, flat = np.arange(4.0), np.ones(4)
    driving, other = Band(x, flat, error * flat), Band(x, reweighted * flat, error * flat)
    check = crosscheck.Check(profiled.DESCRIBED[0], driving, other, Band(x, 0 * flat, error * flat))
    assert check.words == words


def test_one_member_or_the_same_twice_is_no_test(campaign: Any) -> None:
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "first", 0)
    add(campaign, "again", 0)
    group = interface(campaign)
    assert crosscheck.pairs(group) == []
    assert crosscheck.table(group) is None


@pytest.mark.whole
def test_the_page_shows_it(tested: Any, tmp_path: Path) -> None:
    page = build_report(tested.document, tested.tasks, tested.store, tmp_path).read_text()
    about = "M = 4, 120 training structures each; 1 run of 2.00 ps; MD of member 3: 1 run of 2.00 ps"
    sentence = f"Reweighting mace: member 0 to member 3 ({about}; verdict: caution), against MD of member 3."
    assert sentence in page
    assert 'id="figure-reweighting-Au36-O24-H48-Na1-300-K-mace-0-3-first-third"' in page
    assert "mace member 0" in page
    assert "Member 3 already drives third." in page
    assert "Member 0 already drives bulk and first." in page
    summary = " ".join((tmp_path / "summary.txt").read_text().split())
    assert sentence in summary
    result = json.loads((tmp_path / "results.json").read_text())
    message = result["comparisons"]["Au36 O24 H48 Na1, 300 K"]["reweighting_checks"][0]
    assert (message["from"], message["to"], message["observable"], message["verdict"]) == (
        0,
        3,
        "density",
        "caution",
    )
    columns = result["figures"]["reweighting-Au36-O24-H48-Na1-300-K-mace-0-3-first-third"]
    assert columns["reweighted"] == pytest.approx(columns["own_md"], abs=1e-6)

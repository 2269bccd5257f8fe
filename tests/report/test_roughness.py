"""The section of roughness, from scans made by hand: cubics with ripples of a known size."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from charged import collected
from profiled import npz

from mlipbench_hpc.analysis.scans import shifts
from mlipbench_hpc.report import roughness
from mlipbench_hpc.report.sections.roughness import SECTION
from mlipbench_hpc.report.studies import parts

S = shifts(1.0, 101)
KEYS = [(frame, particle, atom, direction) for frame in (3, 7, 11)
        for particle, atom in (("water", 27), ("Na", 60)) for direction in ("normal", "surface")]  # fmt: skip
# Amplitude in eV/Å of a ripple of 0.05 Å, by potential and member.
RIPPLES = {"local": (0.4, 0.2), "mace": (0.05,), "electrode": (0.0,)}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for rendering."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def put_scan(campaign: Any, name: str, ripple: float, **subject: Any) -> None:
    """One scan task: the same cubic along every scan, and a ripple."""
    force = 2 * S - 3 * S**3 + ripple * np.sin(2 * np.pi * S / 0.05)
    arrays = {"shift": S, "force": np.tile(force, (len(KEYS), 1)), "energy": np.tile(-(S**2), (len(KEYS), 1))}
    names = ("frame", "particle", "atom", "direction")
    values = {"scans": [dict(zip(names, key, strict=True)) for key in KEYS], "not_finite": 0}
    campaign.commit("scan", {"scan": f"rough-{name}", **subject}, values, {"scans.npz": npz(**arrays)})


@pytest.fixture
def studied(campaign: Any) -> Any:
    """Scans by a committee of DP, one of MACE and the reference."""
    document = campaign.document["campaign"]
    document["models"]["local"] = {"architecture": "dp", "preset": "tiny", "dtype": "float32"}
    document["committees"]["local"] = {"model": "local", "split": "main", "grow": None}
    start = {"dataset": "spcfw", "frames": [3, 7, 11]}
    study = {
        "kind": "roughness", "committees": ["local", "mace"], "reference": "electrode", "start": start,
    }  # fmt: skip
    document["studies"] = {"rough": study}
    campaign.document["studies"] = {"rough": {"kind": "roughness", "entries": {}}}
    for name, ripples in RIPPLES.items():
        for member, ripple in enumerate(ripples):
            own = {"potential": name} if name == "electrode" else {"committee": name, "member": member}
            put_scan(campaign, name, ripple, **own)
    return campaign


def test_roughness_of_every_potential(studied: Any) -> None:
    """A ripple of A is A/√2 rough, but for what the cubic takes: within 10 %; over members √⟨A²⟩/√2."""
    (part,) = parts(collected(studied), "roughness")
    reference, local, mace = roughness.scanned(part)
    assert [own.whose for own in (reference, local, mace)] == ["electrode", "local", "mace"]
    assert (reference.structures, local.structures, mace.structures) == (None, 120, 120)
    assert reference.rough(reference.chosen()).value == pytest.approx(0.0, abs=1e-9)
    expected = 1000 * np.sqrt((0.4**2 + 0.2**2) / 2 / 2)
    rough = local.rough(local.chosen("Na", "surface"))
    assert rough.value == pytest.approx(expected, rel=0.1)
    assert (rough.scans, rough.members) == (3, 2)
    single = [local.each[member].mean() for member in (0, 1)]
    assert rough.error == pytest.approx(np.std(single, ddof=1) / np.sqrt(2)), "members differ, frames do not"
    difference = 1000 * np.sqrt(np.mean(np.square(0.05 * np.sin(2 * np.pi * S / 0.05))))
    apart = mace.error(reference, mace.chosen())
    assert apart is not None
    assert apart.value == pytest.approx(difference)
    assert reference.error(reference, reference.chosen()) is None


def test_an_error_needs_three_frames_with_each_particle(studied: Any) -> None:
    """Without ions in two of three frames the roughness of all has no error, that of waters has."""
    (part,) = parts(collected(studied), "roughness")
    _, local, mace = roughness.scanned(part)
    rows = [row for row, key in enumerate(KEYS) if key[1] == "water" or key[0] == 3]
    fewer = [
        replace(
            own, keys=[KEYS[row] for row in rows], forces=own.forces[:, rows], energies=own.energies[:, rows]
        )
        for own in (local, mace)
    ]
    assert [own.fewest(own.chosen()) for own in fewer] == [1, 1]
    assert np.isnan(fewer[0].rough(fewer[0].chosen()).error)
    assert fewer[0].rough(fewer[0].chosen("water")).error > 0
    beside = roughness.paper(part, fewer)
    assert beside is not None
    (row,) = beside.rows
    assert "±" not in row[2]
    assert row[3] == "cannot be tested: 1 frame with a particle, at least 3 needed"
    assert "Errors are not determined: a particle is scanned in 1 frame" in roughness.sentence(part, fewer)


def test_no_order_where_the_reference_is_as_rough(studied: Any) -> None:
    """ρ² of a reference of ripple 0.05 is all of MACE's, and a fortieth of DP's (0.1/0.0025)."""
    (part,) = parts(collected(studied), "roughness")
    reference, local, mace = roughness.scanned(part)
    rough = replace(reference, forces=mace.forces)
    assert roughness.dominated([local, mace], rough) == ["mace"]
    assert roughness.dominated([local, mace], reference) == []
    assert roughness.dominated([local, mace], None) == []
    beside = roughness.paper(part, [rough, local, mace])
    assert beside is not None
    assert beside.rows[0][3] == "withheld: the reference's own ρ dominates in mace"
    assert "their roughness cannot be ranked" in roughness.sentence(part, [rough, local, mace])


def test_the_table_and_the_paper_s_words(studied: Any) -> None:
    content = SECTION.build(collected(studied))
    tables = [block for block in content.blocks if hasattr(block, "rows")]
    assert [row[:2] for row in tables[0].rows] == [
        ["electrode", "reference potential"], ["local", "2 members, 120 structures"],
        ["mace", "1 member, 120 structures"],
    ]  # fmt: skip
    assert tables[0].header[2:4] == ["difference to the reference, meV/Å", "roughness, meV/Å"]
    assert tables[0].header[4:8] == [
        "of water along the normal", "of water along the surface", "of Na along the normal",
        "of Na along the surface",
    ]  # fmt: skip
    assert "over 0.5 Å around each point" in tables[0].caption
    ((words, paper, here, outcome, structures),) = tables[1].rows
    assert outcome == "above 1", "6.3 with an error of members that differ by a factor of two"
    assert (words, paper, structures) == ("local / mace", "above 1 (n = 50)", "120 / 120")
    assert float(here.split()[0]) == pytest.approx(np.sqrt(0.1) / 0.05, rel=0.01)
    numbers = content.numbers["roughness"]["rough"]["scans"]
    assert numbers["mace"]["by_kind"]["water-normal"]["value"] == pytest.approx(
        1000 * 0.05 / np.sqrt(2), rel=0.1
    )
    sentence = content.verdict[0][0]
    assert sentence.startswith(
        "Study rough (roughness): 12 scans of 3 frames. Rms difference of the force to"
    )
    assert "Roughness in meV/Å: electrode" in sentence


def test_figures_hold_the_first_scan_of_each_kind_and_all_roughnesses(studied: Any) -> None:
    content = SECTION.build(collected(studied))
    figures = {figure.name: figure for figure in content.figures}
    assert set(figures) == {"scans-rough", "roughness-rough"}
    columns = {name: np.array(values) for name, values in figures["scans-rough"].columns.items()}
    assert len(set(columns["scan"])) == 4
    assert len(columns["shift_A"]) == 4 * 4 * len(S), "four members, four kinds"
    assert "the first scan of each kind, 4 of the 12 scans" in figures["scans-rough"].caption
    own = (columns["potential"] == "electrode") & (columns["scan"] == columns["scan"][0])
    np.testing.assert_allclose(columns["force_eV_per_A"][own], 2 * S - 3 * S**3)
    points = figures["roughness-rough"].columns
    assert points["potential"] == ["electrode", "local", "mace"]
    assert points["members"] == [1, 2, 1]


def test_forces_that_are_not_finite_are_said(studied: Any) -> None:
    put_scan(studied, "mace", np.nan, committee="mace", member=1)
    content = SECTION.build(collected(studied))
    assert any("mace: forces along scans are not finite" in caution.sentence for caution in content.warnings)
    assert "roughness-rough" not in {figure.name for figure in content.figures}


def test_a_campaign_without_the_study_has_no_section(campaign: Any) -> None:
    content = SECTION.build(collected(campaign))
    assert (content.blocks, content.numbers, content.warnings) == ([], {}, [])


def test_scans_that_have_not_run(studied: Any) -> None:
    studied.tasks[:] = [task for task in studied.tasks if task.verb != "scan"]
    content = SECTION.build(collected(studied))
    assert content.figures == []
    assert content.verdict == [["Study rough (roughness): no scan has run."]]

"""The section of visibility, from a store made by hand: shares, floors, and errors on the same waters."""

from typing import Any

import numpy as np
import pytest
from charged import collected
from profiled import npz

from mlipbench_hpc.report import floors, visibility
from mlipbench_hpc.report.draw.visibility import labels_of
from mlipbench_hpc.report.sections.visibility import SECTION
from mlipbench_hpc.report.studies import parts

RADII = [4.0, 8.0]
HOSTS, MOLECULES, DONORS = {3: 0.9, 17: 1.0, 39: 1.1}, ([0, 1, 2], [3, 4, 5]), 6
# Width in eV/Å of the forces by radius and kind, in units of which each host has its own.
TOGETHER = np.sqrt((0.81 + 1.0 + 1.21) / 3)
WIDTHS = {(0, 0): 0.03, (1, 0): 0.01, (0, 1): 0.06, (1, 1): 0.02}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for rendering."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def composed() -> dict[str, np.ndarray]:
    """`forces.npz`: for each water, radius and kind six donors whose forces have exactly such a width."""
    noise, rows = np.random.default_rng(0), []
    for host, share in HOSTS.items():
        for molecule in MOLECULES:
            for (radius, kind), width in WIDTHS.items():
                forces = noise.normal(size=(DONORS, 3))
                forces = share * width * (forces - forces.mean(axis=0)) / forces.std(axis=0, ddof=1)
                rows += [
                    (host, molecule, radius, kind, donor % 3, force) for donor, force in enumerate(forces)
                ]
    names = ("host", "molecule", "radius", "kind", "left_out", "forces")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def put_visibility(campaign: Any, arrays: dict[str, np.ndarray], **changes: Any) -> None:
    shares = {"Au36H48Na1O24": {"frames": 30, "share": 0.4}, "Au36H48Na2O24": {"frames": 10, "share": 0.2}}
    values = {"radius_A": 5.0, "frames": 60, "without": 20, "compositions": shares}
    campaign.commit("visibility", {"committee": "mace"}, values, {})
    own = {
        "radii_A": RADII, "hosts": [{"frame": host, "composition": "Au36H48Na1O24"} for host in HOSTS],
        "runs": 4, "runs_too_short": 1, "runs_stated": True, "donors_near": 7, "hosts_near": 2,
        "pool": 50, "charges": 2, "composed": len(arrays["host"]),
        "without_label": 0, "donors_tried": 200, "donors_refused": 60, "contacts_A": [],
    }  # fmt: skip
    campaign.commit("locality", {"locality": "sight"}, own | changes, {"forces.npz": npz(**arrays)})


@pytest.fixture
def studied(campaign: Any) -> Any:
    document = campaign.document["campaign"]
    floor = {"split": "main", "potential": "electrode", "radii": ["4 Å", "8 Å"]}
    document["studies"] = {"sight": {"kind": "visibility", "committees": ["mace"], "floor": floor}}
    campaign.document["studies"] = {"sight": {"kind": "visibility", "entries": {"locality": ["sight"]}}}
    return campaign


def test_floors_are_the_widths_of_the_forces(studied: Any) -> None:
    put_visibility(studied, composed())
    (part,) = parts(collected(studied), "visibility")
    own = floors.composed(part)
    assert own is not None
    assert own.kinds == [0, 1]
    for (radius, kind), width in WIDTHS.items():
        known = own.floor(RADII[radius], kind)
        assert (known.value, known.waters) == (pytest.approx(1000 * TOGETHER * width), 6)
        without = np.sqrt([(1.0 + 1.21) / 2, (0.81 + 1.21) / 2, (0.81 + 1.0) / 2])
        scatter = np.sqrt(2 / 3 * np.square(without - without.mean()).sum())
        assert known.error == pytest.approx(1000 * width * scatter)
    quarter = 60 * (20 / 60) ** 0.25
    assert own.at(5.0, 1)[0] == pytest.approx(quarter * TOGETHER), "of the way from 60 to 20, by factors"
    assert np.isnan(own.at(10.0, 1)[0])
    assert own.median_left_out(4.0, 0) == 1.0
    fewer = own.floor(4.0, 0, 0.0)
    assert fewer.waters == 6
    assert fewer.value != pytest.approx(30.0 * TOGETHER)


def test_a_radius_beyond_which_nothing_is_exchanged_has_no_floor(studied: Any) -> None:
    """At 8 Å every composed frame is the host itself, but for rounding: 60 meV/Å at 4 Å alone is left."""
    arrays = composed()
    far = arrays["radius"] == 1
    noise = np.random.default_rng(2).normal(size=(far.sum(), 3))
    arrays["forces"][far] = 0.3 * (1 + 1e-15 * noise)
    put_visibility(studied, arrays)
    content = SECTION.build(collected(studied))
    own = floors.composed(parts(collected(studied), "visibility")[0])
    assert own is not None
    assert own.floor(8.0, 1).waters == 0
    assert (own.too_small(8.0, 1), own.too_small(4.0, 1)) == (True, False)
    assert not [one for one in content.warnings if "no two composed frames" in one.sentence]
    assert np.isnan(own.at(6.0, 1)[0]), "nothing to interpolate to"
    tables = [block for block in content.blocks if hasattr(block, "rows")]
    assert [row[4] for row in tables[1].rows if row[0] == "8.00"] == [visibility.TOO_SMALL] * 2
    assert "At 8.00 Å nothing is exchanged: the cell is too small for a floor" in content.verdict[0][0]
    numbers = content.numbers["visibility"]["sight"]["floor_meV_per_A"]
    assert [list(of_kind) for of_kind in numbers.values()] == [["4"], ["4"]]
    (figure,) = [figure for figure in content.figures if figure.name == "locality-sight"]
    assert set(figure.columns["radius_A"][:2]) == {4.0}


def test_committees_that_see_equally_far_share_a_label() -> None:
    seen = [
        visibility.Sight(name, "mace", radius, {"A": (1, share), "B": (1, 0.1)})
        for name, radius, share in (("one", 5.0, 0.4), ("two", 5.0, 0.4), ("three", 8.0, 0.9))
    ]
    assert labels_of(seen) == {(5.0, 0.4): ["one", "two"], (8.0, 0.9): ["three"]}


def test_errors_are_those_of_the_same_waters_in_the_hosts(studied: Any) -> None:
    """The made-up model's predictions of the hosts, molecule by molecule."""
    put_visibility(studied, composed())
    results = collected(studied)
    (part,) = parts(results, "visibility")
    own = floors.composed(part)
    assert own is not None
    (got,) = visibility.water_errors(part, own, visibility.sights(part))
    squares = []
    for item in results.of("evaluate", committee="mace"):
        arrays = item.arrays("predictions-test.npz")
        for host in HOSTS:
            place = arrays["indices"].tolist().index(host)
            begin, end = arrays["offsets"][place : place + 2]
            errors = (arrays["forces"] - arrays["label_forces"])[begin:end]
            squares += [np.square(1000 * errors[rows].sum(axis=0)).mean() for rows in MOLECULES]
    assert len(squares) == 4 * 3 * 2
    assert got.rmse == pytest.approx(np.sqrt(np.mean(squares)))
    assert (got.waters, got.radius, got.se > 0) == (6, 5.0, True)


def test_the_section_beside_the_paper(studied: Any) -> None:
    put_visibility(studied, composed())
    content = SECTION.build(collected(studied))
    seen, floors, beside, paper = [block for block in content.blocks if hasattr(block, "rows")]
    assert [row[2:] for row in seen.rows] == [
        ["Au36H48Na1O24", "30", "5.00", "0.400"], ["Au36H48Na2O24", "10", "5.00", "0.200"],
    ]  # fmt: skip
    assert [row[:3] for row in floors.rows] == [
        ["4.00", "as many ions as the host", "6"], ["8.00", "as many ions as the host", "6"],
        ["4.00", "any number of ions", "6"], ["8.00", "any number of ions", "6"],
    ]  # fmt: skip
    assert {row[3] for row in floors.rows} == {str(DONORS)}
    assert "60 of 200 tried" in floors.caption
    assert beside.rows[0][4].startswith("34.8 ± 2."), "R + 1 Å is 6 Å, half of the way from 60 to 20: √1200"
    assert beside.rows[0][5] == "–", "the radii end at 8 Å, 2 R + 1 Å is 11 Å"
    assert paper.rows == [["mace", "10", "5.00", "0.500", "nearly all", "0.350"]]
    numbers = content.numbers["visibility"]["sight"]
    assert numbers["floor_meV_per_A"]["any_ions"]["4"]["value"] == pytest.approx(60.0 * TOGETHER)
    assert numbers["shares"]["mace"]["compositions"] == {"Au36H48Na1O24": 0.4, "Au36H48Na2O24": 0.2}
    assert "mace (5.00 Å) 0.350" in content.verdict[0][0]


def test_figures_hold_floors_errors_and_shares(studied: Any) -> None:
    put_visibility(studied, composed())
    figures = {figure.name: figure for figure in SECTION.build(collected(studied)).figures}
    assert set(figures) == {"visibility-sight", "locality-sight"}
    columns = figures["locality-sight"].columns
    assert (
        columns["curve"]
        == ["floor, as many ions as the host"] * 2 + ["floor, any number of ions"] * 2 + ["mace"] * 2
    )
    assert columns["radius_A"] == [4.0, 8.0, 4.0, 8.0, 5.0, 10.0]
    assert columns["force_meV_per_A"][:4] == pytest.approx(TOGETHER * np.array([30, 10, 60, 20]))
    assert figures["visibility-sight"].columns["share"] == [0.4, 0.2]


def test_what_a_floor_lacks_is_said(studied: Any) -> None:
    arrays = {name: own[: 2 * DONORS] for name, own in composed().items()}
    put_visibility(studied, arrays, without_label=3)
    sentences = [caution.sentence for caution in SECTION.build(collected(studied)).warnings]
    own = [words for words in sentences if "floor" in words or "composed frame" in words]
    assert "the floor is of 1 host: at least 3 are needed for an error." in own
    assert "the reference potential could not label 3 composed frames." in own
    nothing = {name: own[: 1 + DONORS] for name, own in composed().items()}
    (part,) = parts(collected(studied), "visibility")
    item = floors.composed(part)
    assert item is not None
    short = floors.Composed(item.item, nothing)
    assert any(
        "no two composed frames of a water at 8.00 Å" in one.sentence
        for one in visibility.cautions(part, short)
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "1 of 4 sampling runs have fewer than 10 independent frames"),
        ({"runs_too_short": 0}, None),
        (
            {"runs_stated": False},
            "near copies among hosts and donors, which make the floor too small, cannot",
        ),
    ],
)
def test_near_copies_that_nothing_can_tell_are_said(
    studied: Any, changes: dict[str, Any], said: str | None
) -> None:
    put_visibility(studied, composed(), **changes)
    content = SECTION.build(collected(studied))
    sentences = [one.sentence for one in content.warnings if "near copies" in one.sentence]
    assert [said in one for one in sentences if said] == [True] * (said is not None)
    assert bool(sentences) == (said is not None)
    (caption,) = [
        own for block in content.blocks if "locality floor" in (own := getattr(block, "caption", ""))
    ]
    assert "(left out: 7), and no host of another (2)" in caption


def test_shares_without_a_floor(studied: Any) -> None:
    studied.document["campaign"]["studies"]["sight"].pop("floor")
    put_visibility(studied, composed())
    studied.tasks[:] = [task for task in studied.tasks if task.verb != "locality"]
    content = SECTION.build(collected(studied))
    assert set(content.numbers["visibility"]["sight"]) >= {"shares"}
    assert "floor_meV_per_A" not in content.numbers["visibility"]["sight"]
    assert [figure.name for figure in content.figures] == ["visibility-sight"]


def test_a_campaign_without_the_study_has_no_section(campaign: Any) -> None:
    content = SECTION.build(collected(campaign))
    assert (content.blocks, content.numbers, content.warnings) == ([], {}, [])

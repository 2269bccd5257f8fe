"""What the report says of committees: bands, α, verdicts, visibility, each with its M, data and MD length."""

import csv
import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from profiled import COSINE, DESCRIBED, G_OO, NAMES, THERMO, Z, csv_bytes, curves, members_of

from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report.collect import collect
from mlipbench_hpc.report.draw.bands import of_run
from mlipbench_hpc.report.draw.drawing import new_axes, room
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.uncertainty import _alpha_cells

ABOUT = "M = 4, 120 training structures each; 10.0 ps of MD"


def coverage() -> list[list[float]]:
    return [[k / 4, min(1.0, 0.22 * k), math.erf(k / 4 / math.sqrt(2))] for k in range(17)]


def calibration(alpha: float) -> dict[str, Any]:
    one = {
        "structures": 30, "independent": 27.5, "alpha": alpha, "interval": [0.8 * alpha, 1.3 * alpha],
        "share_of_largest": 0.31, "coverage": coverage(), "withheld": "M = 4 members, at least 6 are needed",
    }  # fmt: skip
    return {"raw": one | {"alpha": 3 * alpha}, "centred": one}


def profiles() -> tuple[dict[str, Any], dict[str, bytes]]:
    """What `analyse` leaves of an interface."""
    noise = np.random.default_rng(0)
    columns = {"z_A": Z}
    for name, column in NAMES.items():
        line = curves(Z, name) * (Z > 1)
        columns |= {column: line, f"se_{column}": 0.02 + 0.04 * np.abs(line)}
    series = noise.normal(-4, 2, size=900)
    counts, edges = np.histogram(series, 40)
    values = {
        "faces": 1, "bin_A": 0.1, "area_A2": 183.3, "oxygens": 95, "intact_molecules": 95, "ions": {"Na": 3},
        "total_orientation": {
            "mean": -4.02, "se": 0.13, "se_autocorrelation": 0.11, "width": 2.01,
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        },
    }  # fmt: skip
    files = {"profiles.csv": csv_bytes(columns)}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, time_ps=0.01 * np.arange(900), P_z=series)
    return values, files | {"total_orientation.npz": stream.getvalue()}


def spread(alpha: float | None, std: float) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What `reweight` leaves."""
    files, observables = {}, {}
    for name in ("density", "orientation", "concentration-Na"):
        driver = curves(Z, name) * (Z > 1)
        sigma = 0.06 * np.abs(driver)
        columns = {"z_A": Z, "driving_member": driver, "se": 0.02 + 0.04 * np.abs(driver),
                   "mean": 1.03 * driver, "sigma": sigma,
                   "alpha_sigma": sigma * (alpha or np.nan)}  # fmt: skip
        files[f"reweighted-{name}.csv"] = csv_bytes(columns)
        observables[name] = {"negative_bins": 0}
    verdict = "trust" if std <= 1 else "caution" if std <= 2 else "run it directly"
    member = {"std_h": std, "effective_frames": 380.0, "statistical_inefficiency": 2.5,
              "independent_frames": 152.0, "verdict": verdict}  # fmt: skip
    values = {
        "frames": 900, "reweighted_frames": 450, "stride": 2, "analysed_ps": 9.0, "alpha": alpha,
        "members": {"1": member, "2": member | {"std_h": std / 2, "verdict": "trust"}, "3": member},
        "verdict": verdict, "observables": observables,
        "descriptors": [one.to_json() for one in members_of(list(observables))],
        "warnings": [] if alpha else ["the spread of the committee is not calibrated (M = 3): bands are 1 σ"],
    }  # fmt: skip
    return values, files


def replace_values(
    campaign: Any, verb: str, replica: int, values: dict[str, Any], files: dict[str, bytes]
) -> None:
    """Add to what one committed task of a run holds."""
    task = next(t for t in campaign.tasks if t.verb == verb and t.subject.get("replica") == replica)
    folder = campaign.store.task(task.key)
    folder.chmod(0o755)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "result.json"
    path.chmod(0o644)
    result = read_json(path)
    result["values"] |= values
    seal(path.parent, result | {"outputs": outputs(path.parent)})


def with_uncertainty(campaign: Any, alpha: float | None = 1.3, std: float = 0.7, share: float = 0.25) -> Any:
    """The made-up campaign with an interface in its first run, and all tasks of its committee."""
    seen = {"radius_A": 4.5, "frames": 60, "without": 20,
            "compositions": {"Au96H190Na2O95": {"frames": 40, "share": share}}}  # fmt: skip
    campaign.commit("visibility", {"committee": "mace"}, seen, {})
    refused = {
        "structures": 20,
        "independent": 20.0,
        "refused": "too few members",
        "why": "M = 3: with M ≤ 3 it is never positive",
    }
    both = calibration(alpha) if alpha else {"raw": refused, "centred": refused}
    values = both | {"members": 4, "structures": 20, "compositions": {"H32O16": both}, "zeros": []}
    values["strata"] = [
        {"composition": "H32O16", "temperature_K": kelvin} | both["centred"] for kelvin in (300.0, None)
    ]
    campaign.commit("calibrate", {"committee": "mace", "round": 0}, values, {})
    own, files = profiles()
    described = [one.to_json() for one in (*THERMO, G_OO, *DESCRIBED, COSINE)]
    replace_values(campaign, "analyse", 0, {"profiles": own, "descriptors": described}, files)
    replace_values(
        campaign, "analyse", 1, {"profiles": {"skipped": "there is no oxygen in it, so no water"}}, {}
    )
    campaign.commit("reweight", {"md": "bulk", "replica": 0, "committee": "mace"}, *spread(alpha, std))
    return campaign


def build(campaign: Any, out: Path) -> tuple[str, dict[str, Any]]:
    page = build_report(campaign.document, campaign.tasks, campaign.store, out)
    return page.read_text(encoding="utf-8"), read_json(out / "results.json")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for drawing: for tests of words and tables alone."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


@pytest.mark.whole
def test_figures_with_both_bands_and_their_numbers(campaign: Any, tmp_path: Path) -> None:
    page, results = build(with_uncertainty(campaign), tmp_path)
    expected = {f"profiles-bulk-0-{name}" for name in (*NAMES, "total_orientation")} | {"coverage"}
    assert expected <= set(results["figures"])
    for name in expected:
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        with (tmp_path / "figures" / f"{name}.csv").open(newline="") as stream:
            assert len(list(csv.reader(stream))) > 10
        assert f'id="figure-{name}"' in page
    for name in NAMES:
        start = page.index(f'id="figure-profiles-bulk-0-{name}"')
        assert ABOUT in page[start : page.index("</figcaption>", start)]
    density = results["figures"]["profiles-bulk-0-density"]
    assert {"driving_member", "se", "mean", "alpha_sigma"} <= set(density)
    np.testing.assert_allclose(density["driving_member"], curves(Z, "density") * (Z > 1))


@pytest.mark.whole
def test_the_slab_dipole_against_the_water(campaign: Any, tmp_path: Path) -> None:
    """A composition with a line, and one with too few frames for it."""
    line = {"frames": 4, "area_A2": 183.3, "slope_eA": 0.31, "se_slope_eA": 0.02, "intercept_eA": -1.5,
            "se_intercept_eA": 0.1, "correlation": 0.93, "se_correlation": 0.04,
            "slope_V": 0.306, "se_slope_V": 0.02, "work_function_eV": -0.306,
            "parts_eA": {"molecules": 2.5, "ions": 4.0, "metal": -8.0},
            "plane": {"orientation": [0.47, 0.03], "ions": [0.93, 0.05], "alone": 0.2, "together": 0.95,
                      "collinearity": -0.4}}  # fmt: skip
    parts = {"Au96H190O95": line, "Au96H190Na1O95": {"frames": 1, "area_A2": 183.3}}
    values = {
        "metal": "Au",
        "blocks": 10,
        "frames": 5,
        "without": 2,
        "reasons": {"no dipole": 2},
        "compositions": parts,
    }
    rows = b"frame,composition,P_z,dipole_eA\n5,0,1,0.5\n0,1,-1,-1.8\n1,1,0,-1.5\n2,1,1,-1.2\n4,1,2,-0.9\n"
    campaign.commit("dipole", {"frames": "spcfw"}, values, {"dipoles.csv": rows})
    page, results = build(campaign, tmp_path)
    assert results["dipoles"]["spcfw"]["compositions"]["Au96H190O95"]["slope_V"] == 0.306
    drawn = results["figures"]["slab-dipole-spcfw"]
    assert drawn["composition"] == ["Au96H190Na1O95"] + ["Au96H190O95"] * 4
    assert drawn["dipole_eA"] == [0.5, -1.8, -1.5, -1.2, -0.9]
    assert drawn["frame"] == [5, 0, 1, 2, 4]
    # With ions the slope against P_z alone is confounded: -0.306/0.31 eV per e·Å times the fit's 0.47 ± 0.03.
    assert "−0.464 ± 0.030" in page, "the work function falls with P_z"
    assert "0.310 ± 0.020" not in page
    assert "confounded by the ions" in page
    assert "0.200 → 0.950" in page
    assert "0.470 ± 0.030; 0.930 ± 0.050" in page
    assert "2.50 + 4.00 + −8.00" in page
    assert "0.930 ± 0.040" in page
    start = page.index('id="figure-slab-dipole-spcfw"')
    caption = page[start : page.index("</figcaption>", start)]
    assert "5 frames; 2 frames excluded; no model" in caption
    about = "Dataset spcfw (labelled frames alone)"
    words = "2 of 7 frames are excluded from the comparison of slab dipole and P_z: no dipole (2)."
    assert f"{about}: {words}" in results["warnings"]


def test_tables_and_results(campaign: Any, plain: None, tmp_path: Path) -> None:
    page, results = build(with_uncertainty(campaign), tmp_path)
    round_zero = results["committees"]["mace"]["rounds"]["0"]
    assert round_zero["calibration"]["centred"]["alpha"] == 1.3
    assert results["md"]["bulk"]["replicas"]["0"]["reweight"]["members"]["1"]["std_h"] == 0.7
    assert results["committees"]["mace"]["visibility"]["compositions"]["Au96H190Na2O95"]["share"] == 0.25
    assert "1.04 to 1.69" in page
    assert "H32O16, 300 K" in page
    assert "H32O16, temperature not stated" in page
    assert "no calibrated band: M = 4 members, at least 6 are needed" in page
    assert "M = 4, 120" in page
    assert "Training band reliable: std(h) up to 0.700 kT, at least 152 independent effective frames" in page
    assert "No profiles: there is no oxygen in it, so no water." in page


@pytest.mark.parametrize(
    ("std", "words"),
    [
        (1.5, "to be used with caution: std(h) up to 1.50 kT"),
        (3.0, "std(h) up to 3.00 kT exceeds 2 kT, the limit of the linear expansion; run 2 members (1 and 3) "
         "directly"),
    ],
)  # fmt: skip
def test_verdicts_in_words(campaign: Any, plain: None, tmp_path: Path, std: float, words: str) -> None:
    page, results = build(with_uncertainty(campaign, std=std), tmp_path)
    assert words in page
    assert any(words in warning for warning in results["warnings"]) == (std > 2)


@pytest.mark.whole
def test_alpha_refused_is_said_and_the_band_is_one_sigma(campaign: Any, tmp_path: Path) -> None:
    page, results = build(with_uncertainty(campaign, alpha=None), tmp_path)
    assert "refused: M = 3: with M ≤ 3 it is never positive" in page
    assert any("bands are 1 σ" in warning for warning in results["warnings"])
    assert any(re.match("Committee mace .*: α undetermined", warning) for warning in results["warnings"])
    assert "coverage" not in results["figures"]
    assert "α is refused for every committee" in page
    assert results["figures"]["profiles-bulk-0-density"]["alpha_sigma"][0] is None


@pytest.mark.parametrize(("share", "warned"), [(0.25, True), (0.95, False)])
def test_a_model_that_cannot_see_the_charge_is_warned_of(
    campaign: Any, plain: None, tmp_path: Path, share: float, warned: bool
) -> None:
    page, results = build(with_uncertainty(campaign, share=share), tmp_path)
    assert any("do not depend on every ion" in warning for warning in results["warnings"]) == warned
    assert ("for few of the waters" in page) == warned
    assert "charge resolved" not in page


def test_a_model_that_sees_the_charge_in_part_is_not_praised(
    campaign: Any, plain: None, tmp_path: Path
) -> None:
    page, results = build(with_uncertainty(campaign, share=0.58), tmp_path)
    assert "for a part of the waters" in page
    assert any("0.580 in" in one and "the energies of the other waters" in one for one in results["warnings"])


@pytest.mark.whole
def test_profiles_without_a_committee_have_one_band(campaign: Any, tmp_path: Path) -> None:
    with_uncertainty(campaign).change(lambda task: task.verb == "reweight", status="missing")
    page, results = build(campaign, tmp_path)
    assert "alpha_sigma" not in results["figures"]["profiles-bulk-0-density"]
    assert "Sampling error only" in page
    assert "no training band for this run" in page


@pytest.mark.whole
@pytest.mark.parametrize(("std", "reached"), [(1.5, True), (3.0, False)])
def test_averages_of_members_out_of_reach_are_neither_drawn_nor_exported(
    campaign: Any, std: float, reached: bool
) -> None:
    with_uncertainty(campaign, std=std)
    results = collect(campaign.document, campaign.tasks, campaign.store)
    run = results.of("md", md="bulk", replica=0)[0]
    density = next(f for f in of_run(results, run) if f is not None and f.name.endswith("density"))
    assert ("Training band and averages of other members are not determined" in density.caption) != reached
    assert (set(density.columns) == {"z_A", "driving_member", "se"}) != reached


@pytest.mark.parametrize(("independent", "given"), [(23.9, False), (24.0, True)])
def test_alpha_of_too_few_frames_is_no_number(independent: float, given: bool) -> None:
    """Two structures gave 1.31, 0.309 to 99.5; a band needs 24 independent ones."""
    own = calibration(1.3)["centred"] | {"structures": 30, "independent": independent}
    cells = _alpha_cells(own)
    assert cells[1] == "30"
    assert cells[3:] == (["1.30", "1.04 to 1.69", "31 %"] if given else ["–"] * 3)


def test_room_by_hand() -> None:
    _, axes = new_axes((3.0, 2.0), "x", "y")
    assert room(axes, np.array([0.0, np.nan]), np.array([1.0, 2.0])) == pytest.approx(2.32)
    assert axes.get_ylim() == pytest.approx((-0.16, 2.16))
    assert room(axes, np.zeros(2), np.zeros(2)) == 0.0


@pytest.mark.whole
def test_twice_the_same_bytes(campaign: Any, tmp_path: Path) -> None:
    with_uncertainty(campaign)
    for name in ("one", "two"):
        build(campaign, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name

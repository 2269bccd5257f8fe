"""Every potential on the same interface side by side: groups, bands, verdicts, what stands beside numbers."""

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import CHARGED, NEUTRAL, add, asked, change, collected, interfaces, movement, moves
from ion_heights import hopping, put_ions
from profiled import ERRORS, SCALARS, SPREAD, Z, npz
from scipy import stats
from wellformed import Wellformed

from mlipbench_hpc.analysis.inference import ErrorTerm
from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report import comparison, convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Committee, Number, numbered, pooled
from mlipbench_hpc.report.comparison import agreements, controls, with_errors
from mlipbench_hpc.report.convergence import farthest
from mlipbench_hpc.report.draw.drawing import Figure, finish
from mlipbench_hpc.report.draw.overlay import caption, overlay
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.layers import conditional as on_layers
from mlipbench_hpc.report.section import Consequence
from mlipbench_hpc.report.significance import primary
from mlipbench_hpc.report.stationary import Cause

ABOUT = "member 0 of M = 4, 120 training structures each; 2 runs of 2.00 ps"


@pytest.fixture
def compared(campaign: Any) -> Any:
    return interfaces(campaign)


@pytest.fixture(scope="module")
def written(make_campaign: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The whole report, for tests that only read."""
    root = tmp_path_factory.mktemp("written")
    whole = interfaces(make_campaign(root / "store"))
    build_report(whole.document, whole.tasks, whole.store, root / "out")
    return whole, root / "out"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for drawing: for tests of words and tables alone."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def read(out: Path) -> tuple[str, dict[str, Any], str]:
    """Page, results.json and summary."""
    page, summary = ((out / name).read_text(encoding="utf-8") for name in ("report.html", "summary.txt"))
    return page, read_json(out / "results.json"), summary


def build(campaign: Any, out: Path) -> tuple[str, dict[str, Any], str]:
    build_report(campaign.document, campaign.tasks, campaign.store, out)
    return read(out)


def overlays(results: Results) -> list[Figure]:
    """The figures of all groups."""
    return [figure for group in groups(results) if (figure := overlay(results, group))]


def by_title(campaign: Any) -> dict[str, Group]:
    return {group.title: group for group in groups(collected(campaign))}


def test_runs_of_the_same_thing_form_a_group(compared: Any) -> None:
    result = by_title(compared)
    assert list(result) == [CHARGED, NEUTRAL]
    assert [line.name for line in result[CHARGED].lines] == ["truth", "charged"]
    assert [line.title(result[CHARGED].lines) for line in result[CHARGED].lines] == [
        "reference potential electrode", "mace",
    ]  # fmt: skip
    assert result[CHARGED].lines[1].about() == ABOUT


def test_another_temperature_or_cell_is_another_group(compared: Any) -> None:
    add(compared, "hot", "mace", replicas=1)
    compared.document["campaign"]["md"]["hot"]["temperature"] = 350.0
    add(compared, "tall", "mace", replicas=1, cell_A=[[8.65, 0, 0], [0, 9.99, 0], [0, 0, 50.0]])
    result = by_title(compared)
    edges = "8.65 × 9.99 × "
    assert set(result) == {
        f"{CHARGED}, {edges}37.10 Å", f"{CHARGED}, {edges}50.00 Å", NEUTRAL, "Au36 O24 H48 Na1, 350 K",
    }  # fmt: skip


def test_runs_that_hold_other_atoms_fixed_are_told(compared: Any, plain: None, tmp_path: Path) -> None:
    compared.document["campaign"]["md"]["truth"] |= {"fixed_layers": 2, "fixed_atoms": []}
    _, results, _ = build(compared, tmp_path)
    sentence = (
        "Constraints differ: 2 fixed layers in reference potential electrode and no fixed atoms in mace;"
    )
    assert any(sentence in one for one in results["verdict"])


def test_options_of_the_reference_and_walls_are_told(compared: Any) -> None:
    entry = compared.document["campaign"]["md"]["truth"]
    entry |= {"electrostatics": "three-periodic", "wall": "none"}
    group = by_title(compared)[CHARGED]
    assert (
        group.lines[0].title(group.lines) == "reference potential electrode (electrostatics: three-periodic)"
    )
    assert group.unlike[0].startswith("Constraints differ: no wall in reference potential electrode (electro")


def test_two_runs_of_one_committee_are_told_apart(compared: Any) -> None:
    add(compared, "again", "mace", replicas=1)
    lines = by_title(compared)[CHARGED].lines
    assert [line.title(lines) for line in lines][1:] == ["mace (charged)", "mace (again)"]


def test_the_overlay_holds_pooled_averages_and_both_bands(written: tuple[Any, Path]) -> None:
    campaign, out = written
    drawn = read(out)[1]["figures"]["overlay-Au36-O24-H48-Na1-300-K"]
    rows = {name: np.array(values) for name, values in drawn.items()}
    own = (rows["observable"] == "concentration-Na") & (rows["md"] == "charged")
    tables = [item.table("profiles.csv") for item in collected(campaign).of("analyse", md="charged")]
    means = np.array([table["concentration-Na_mol_per_L"] for table in tables])
    errors = np.array([table["se_concentration-Na_mol_per_L"] for table in tables])
    between = np.abs(means[0] - means[1]) / 2
    within = np.sqrt((errors**2).sum(axis=0)) / 2
    np.testing.assert_allclose(rows["x"][own].astype(float), Z, atol=1e-9)
    np.testing.assert_allclose(rows["value"][own].astype(float), means.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(rows["two_se"][own].astype(float), 2 * np.fmax(between, within), atol=1e-7)
    # members lie 4 % times SPREAD from the driving member, in both runs
    sigma = 0.04 * means.mean(axis=0) * SPREAD.std(ddof=1)
    np.testing.assert_allclose(rows["training"][own].astype(float), 1.5 * np.abs(sigma), atol=1e-6)
    shifted = means.mean(axis=0) * (1 + 0.04 * SPREAD.mean())
    np.testing.assert_allclose(rows["committee_mean"][own].astype(float), shifted, atol=1e-6)
    both = np.hypot(*(rows[name][own].astype(float) for name in ("two_se", "training")))
    np.testing.assert_allclose(rows["together"][own].astype(float), both, atol=1e-6)
    reference = rows["md"] == "truth"
    assert set(rows["driven_by"][reference]) == {"electrode"}
    assert set(rows["training"][reference]) == {None}
    motion = {"dipole_correlation", "survival"}
    assert set(rows["observable"]) == {"density", "orientation", "concentration-Na", "P_z", *motion}
    histogram = rows["observable"] == "P_z"
    x, density = (rows[name][histogram & reference].astype(float) for name in ("x", "value"))
    assert density.sum() * (x[1] - x[0]) == pytest.approx(1)
    neutral = read(out)[1]["figures"]["overlay-Au36-O24-H48-300-K"]
    assert set(neutral["observable"]) == {"density", "orientation", "P_z", *motion}


def test_the_figure_stands_at_the_top_with_its_files(written: tuple[Any, Path]) -> None:
    page, results, _ = read(written[1])
    parsed = Wellformed(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    name = "overlay-Au36-O24-H48-Na1-300-K"
    assert page.index('id="verdict"') < page.index(f'id="figure-{name}"') < page.index('id="asked"')
    assert (written[1] / f"figures/{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (written[1] / f"figures/{name}.csv").is_file()
    start = page.index(f'id="figure-{name}"')
    caption = page[page.index("<figcaption>", start) : page.index("</figcaption>", start)]
    assert f"reference potential electrode: 2 runs of 2.00 ps; mace: {ABOUT}. Not converged." in caption
    assert "Filled bands: ± 2 SE, sampling. Hatched bands: ± 1 α·σ, training" in caption
    assert "Replicas are averaged" in caption
    assert set(results["comparisons"]) == {CHARGED, NEUTRAL}


def test_correlation_functions_are_defined_where_they_are_drawn(campaign: Any) -> None:
    """C_dip and P_surv in the caption of a figure whose runs have them, and of no other."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", motion=False)
    add(campaign, "neutral", "mace", ions=0)
    result = by_title(campaign)
    assert "C_dip" not in caption(result[CHARGED])
    assert caption(result[NEUTRAL]).endswith(
        "C_dip(τ): how waters keep their direction. P_surv(τ): how waters stay. "
        "Total dipole orientation: P_z = Σ cos θ."
    )


def test_panels_of_correlation_functions(compared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers by hand in the figure's table, and each panel with its own axis, over all of its lags."""
    canvases: list[Any] = []

    def watched(*given: Any) -> Figure:
        canvases.append(given[-1])
        return finish(*given)

    monkeypatch.setattr("mlipbench_hpc.report.draw.overlay.finish", watched)
    figure = overlay(collected(compared), by_title(compared)[CHARGED])
    assert figure is not None
    rows = {name: np.array(values) for name, values in figure.columns.items()}
    at = {name: rows["md"] == name for name in ("charged", "truth")}
    expected = {  # at τ = 0, 0.2 and 0.4 ps, and 2 SE of two equal replicas: 2 · SE/√2
        "dipole_correlation": ([1.0, 0.60653066, 0.36787944], 0.02 * 2**0.5),
        "survival": ([1.0, 0.9, 0.8], 0.03 * 2**0.5),
    }
    for name, (values, two_se) in expected.items():
        for md in at:
            own = at[md] & (rows["observable"] == name)
            assert rows["x"][own].astype(float) == pytest.approx(0.05 * np.arange(11))
            assert rows["value"][own].astype(float)[[0, 4, 8]] == pytest.approx(values)
            assert rows["two_se"][own].astype(float) == pytest.approx(np.full(11, two_se))
            assert np.isnan(rows["training"][own].astype(float)).all()
    axes = {panel.get_ylabel(): panel for panel in canvases[0].axes}
    for label, values in (("C_dip(τ), first layer", (0.2865, 1.0)), ("P_surv(τ), first layer", (0.75, 1.0))):
        panel = axes[label]
        assert panel.get_xlabel() == "lag τ / ps"
        assert panel.get_xlim() == pytest.approx((0.0 - 0.025, 0.5 + 0.025))
        ends = [line.get_ydata()[[-1, 0]] for line in panel.get_lines()]
        np.testing.assert_allclose(ends, [values, values], atol=1e-4)
    assert list(axes)[:3] == ["water density / g/cm³", "ρ · cos θ / g/cm³", "Na concentration / mol/L"]
    assert axes["water density / g/cm³"].get_xlim()[1] > 10


@pytest.mark.whole
def test_equal_overlays_are_equal_bytes(compared: Any) -> None:
    once, twice = (overlays(collected(compared)) for _ in range(2))
    assert [(o.svg, o.pdf, o.csv()) for o in once] == [(o.svg, o.pdf, o.csv()) for o in twice]


def test_replicas_are_pooled_by_hand() -> None:
    # weights 3 : 1, values 1 and 5: mean 2; blocks √(0.75²·0.2² + 0.25²·0.4²); scatter √(0.75·1 + 0.25·9)
    mean, error = pooled(np.array([1.0, 5.0]), np.array([0.2, 0.4]), np.array([6.0, 2.0]))
    assert (mean, error) == pytest.approx((2.0, 3**0.5))
    mean, error = pooled(np.array([2.0, 2.0]), np.array([0.2, 0.4]), np.array([6.0, 2.0]))
    assert (mean, error) == pytest.approx((2.0, (0.0225 + 0.01) ** 0.5))
    assert pooled(np.array([2.0]), np.array([0.2]), np.array([1.0])) == pytest.approx((2.0, 0.2))


def test_a_number_against_the_reference_by_hand() -> None:
    """SE 0.3 and 0.4 of 9 degrees: e = 0.5, so 2.262 e is p = 0.05; with a model's error of √0.75, e = 1."""
    own, truth = Number(1.0, 0.3, 9), Number(1.0 + 2.262157 * 0.5, 0.4, 9)
    assert own.against(truth).p == pytest.approx(0.05, rel=1e-5)
    assert np.isnan(Number(float("nan"), 0.3, 9).against(truth).p)
    with_model = replace(own, model=ErrorTerm(0.75**0.5, 9))
    assert with_model.against(truth).error == pytest.approx(1.0)
    assert replace(with_model, usable=False).against(truth) == own.against(truth)


def test_the_table_says_what_the_models_got_right(compared: Any, plain: None, tmp_path: Path) -> None:
    for replica in range(2):
        layer = {
            name: {"mean": SCALARS[name], "se": ERRORS[name]}
            for name in ERRORS
            if name != "total_orientation"
        }
        layer["cosine"] = {"mean": 0.2, "se": 0.02}
        profiles = collected(compared).of("analyse", md="charged", replica=replica)[0].values["profiles"]
        change(compared, "analyse", "charged", replica, profiles=profiles | {"first_layer": layer})
    page, results, summary = build(compared, tmp_path)
    result = results["comparisons"][CHARGED]["lines"]["charged"]["numbers"]
    assert result["cosine"]["differs_from_reference"] is True
    assert result["cosine"]["p_holm"] < 0.01
    assert result["peak_z_A"]["differs_from_reference"] is False
    # SE of two equal replicas: 0.02/√2; σ of members 0.02 · SPREAD, times α = 1.5
    assert result["cosine"]["se"] == pytest.approx(0.02 / 2**0.5)
    assert result["cosine"]["training"] == pytest.approx(1.5 * 0.02 * SPREAD.std(ddof=1))
    cell = "0.200 ± 0.014 ± 0.039, differs"
    assert cell.replace(", ", "\n") in page
    assert re.search(rf"⟨cos θ⟩ of the first layer +{cell}", summary)
    assert "differs from the reference in ⟨cos θ⟩ of the first layer" in page


def test_the_reference_as_short_as_the_model_is_tested_against_itself(campaign: Any) -> None:
    """160 frames of independent numbers in 8 ps, the model's run a fifth of it: five windows of 32 frames."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", replicas=1)
    add(campaign, "truth", None, replicas=1, analysed_ps=8.0)
    group = by_title(campaign)[CHARGED]
    (checked,) = controls(group).values()
    assert list(controls(group)) == [("charged", "total_orientation")]
    assert checked.windows == 5
    assert checked.failed <= 2
    words = "windows of the reference as long as a run of charged that differ from its others at p ≤ 0.05: "
    assert f"{words}{checked.failed} of 5 for" in agreements(group)[0]


def test_no_control_of_a_reference_as_long_as_the_model(compared: Any) -> None:
    assert controls(by_title(compared)[CHARGED]) == {}


GOOD = {"time_ps": 600.0, "analysed_ps": 500.0, "memory": 4.0}


def only(campaign: Any, spread: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A single line of two replicas in which nothing but `changes` is wrong."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "good", "mace", spread={"frames": 150.0} | (spread or {}), **(GOOD | changes))
    return campaign


@pytest.mark.parametrize(
    ("spread", "changes", "reason"),
    [
        ({}, {}, None),
        ({}, {"analysed_ps": 20.0}, "longest run 20.0 ps after equilibration, below the required 100 ps: "
         "extend the runs"),
        # 32 of 160 frames over 500 ps: a block of 16 frames is shorter
        ({}, {"memory": 32.0}, "autocorrelation time of P_z 100 ps exceeds the block length 50.0 ps: use "
         "longer runs or fewer blocks"),
        ({"frames": 40.0}, {}, "training band is based on 40.0 independent effective frames, fewer than 100: "
         "use longer runs"),
        ({"std": 2.5}, {}, "training band unusable: standard deviation of the reduced energy difference, "
         "std(h), up to 2.50 kT exceeds 2 kT; run further members directly"),
    ],
)  # fmt: skip
def test_reasons_against_convergence(
    campaign: Any,
    plain: None,
    tmp_path: Path,
    spread: dict[str, Any],
    changes: dict[str, Any],
    reason: str | None,
) -> None:
    _, results, _ = build(only(campaign, spread, **changes), tmp_path)
    result = results["comparisons"][CHARGED]
    assert result["converged"] == (reason is None)
    assert result["lines"]["good"]["not_converged"] == ([reason] if reason else [])
    sentence = results["verdict"][0]
    assert ABOUT.replace("2.00", "600") in sentence
    if reason:
        assert sentence.startswith(f"{CHARGED} is not converged. mace (")
        assert sentence.endswith(f"): {reason}.")
    else:
        assert sentence.startswith(f"{CHARGED} meets all convergence criteria. mace (")
        assert sentence.endswith("): all criteria met.")


def test_replicas_that_disagree_are_told(campaign: Any, plain: None, tmp_path: Path) -> None:
    only(campaign)
    profiles = collected(campaign).of("analyse", md="good", replica=1)[0].values["profiles"]
    change(
        campaign,
        "analyse",
        "good",
        1,
        profiles=profiles | {"total_orientation": profiles["total_orientation"] | {"mean": -2.0}},
    )
    reasons = build(campaign, tmp_path)[1]["comparisons"][CHARGED]["lines"]["good"]["not_converged"]
    # 4 apart, each ± 0.4: 4/(0.4 √2)
    assert reasons == [
        "replicas differ in mean P_z by 7.1 standard errors (−6.00 ± 0.40 and −2.00 ± 0.40), limit 3: use "
        "longer runs or more replicas"
    ]


def test_the_replicas_farthest_apart_by_brute_force() -> None:
    """Of 30 replicas, some without a standard error or a mean."""
    draw = np.random.default_rng(3)
    values = list(zip(draw.normal(size=30), np.abs(draw.normal(size=30)), strict=True))
    values[4], values[7], values[11] = (9.0, 0.0), (-9.0, 0.0), (float("nan"), 0.1)
    apart = {
        pair: abs(values[pair[0]][0] - values[pair[1]][0]) / error
        for pair in itertools.combinations(range(30), 2)
        if (error := np.hypot(values[pair[0]][1], values[pair[1]][1])) > 0 and 11 not in pair
    }
    pair = max(apart, key=lambda key: apart[key])
    assert farthest(values) == (*pair, pytest.approx(apart[pair]))
    assert farthest([(1.0, 0.0), (2.0, 0.0)]) == farthest([(1.0, 0.5)]) == (0, 0, 0.0)


def test_an_uncertain_orientation_is_told(campaign: Any, plain: None, tmp_path: Path) -> None:
    only(campaign)
    for replica in range(2):
        profiles = collected(campaign).of("analyse", md="good", replica=replica)[0].values["profiles"]
        layer = profiles["first_layer"] | {"cosine": {"mean": -0.3, "se": 0.06}}
        change(campaign, "analyse", "good", replica, profiles=profiles | {"first_layer": layer})
    reasons = build(campaign, tmp_path)[1]["comparisons"][CHARGED]["lines"]["good"]["not_converged"]
    assert reasons == [
        "2 SE of ⟨cos θ⟩ of the first layer is 0.085, above 0.05: use longer runs or more replicas"
    ]


@pytest.mark.whole
def test_runs_that_do_not_count_are_counted(compared: Any, plain: None, tmp_path: Path) -> None:
    add(compared, "many", "mace", replicas=4)
    change(compared, "md", "many", 0, outcome="unstable", cause="temperature above 2000 K", time_ps=0.5)
    change(compared, "analyse", "many", 1, skipped="3 of 200 frames lie after")
    compared.change(
        lambda t: t.subject.get("md") == "many" and (t.verb, t.subject["replica"]) == ("analyse", 2),
        status="failed", failure={"kind": "input", "message": "no"},
    )  # fmt: skip
    compared.change(lambda t: t.subject.get("md") == "truth" and t.subject["replica"] == 1, status="missing")
    page, results, summary = build(compared, tmp_path)
    sentence = next(one for one in results["verdict"] if one.startswith(CHARGED))
    assert (
        "Excluded: 3 of 4 runs of many, driven by member 0 of mace (M = 4, 120 training structures each): "
        "replica 0 was unstable at 0.500 ps (temperature above 2000 K); replica 1 is too short (3 of 200 "
        "frames lie after); replica 2 is not analysed."
    ) in sentence
    assert (
        "Excluded: 1 of 2 runs of truth, driven by the reference potential electrode: replica 1" in sentence
    )
    assert results["comparisons"][CHARGED]["lines"]["many"]["replicas"] == [3]
    assert "1 run of 2.00 ps" in page
    assert "3 of 4 runs of many" in " ".join(summary.split())


def test_every_run_of_a_group_unstable(campaign: Any, plain: None, tmp_path: Path) -> None:
    only(campaign)
    for replica in range(2):
        change(campaign, "md", "good", replica, outcome="unstable", cause="not finite", time_ps=0.2)
    page, results, _ = build(campaign, tmp_path)
    assert f"{CHARGED}: no run can be averaged. Excluded: 2 of 2 runs of good" in results["verdict"][0]
    assert "All runs are excluded." in page
    assert results["comparisons"][CHARGED]["converged"] is False


def test_files_gone_are_no_exception(compared: Any) -> None:
    compared.lose_files()
    assert overlays(collected(compared)) == []


def test_a_committee_without_alpha_has_a_band_of_students_t(campaign: Any) -> None:
    group = by_title(only(campaign, {"alpha": None}))[CHARGED]
    figure = overlay(collected(campaign), group)
    assert figure is not None
    value, width = (
        np.array(figure.columns[name])[np.array(figure.columns["observable"]) == "density"]
        for name in ("value", "training")
    )
    t = stats.t.ppf(stats.norm.cdf(1.0), 3)
    np.testing.assert_allclose(width, t * 0.04 * np.abs(value) * SPREAD.std(ddof=1), atol=1e-6)


def test_a_training_band_out_of_reach_counts_for_nothing(campaign: Any) -> None:
    add(only(campaign, {"std": 2.5}), "truth", None, **GOOD)
    group = by_title(campaign)[CHARGED]
    number = numbered(group.lines[1], "cosine")
    assert with_errors(replace(number, usable=True)) == "−0.310 ± 0.014 ± 0.039"
    assert with_errors(number) == "−0.310 ± 0.014 ± not determined"
    assert with_errors(replace(number, training=None)) == "−0.310 ± 0.014 ± not determined"
    # 2.5 standard errors of 0.02/√2, twice over: resolved by sampling alone, not with the model's error
    far = Number(number.mean + 2.5 * 2**0.5 * number.se, number.se, number.dof)
    assert number.against(far).p < 0.05 < replace(number, usable=True).against(far).p
    assert "(sampling errors alone, training band not determined)" in agreements(group)[0]
    figure = overlay(collected(campaign), group)
    assert figure is not None
    assert (
        "Training band of mace not determined and not drawn: std(h), the standard deviation over frames"
        in figure.caption
    )


def test_a_run_that_was_not_reweighted_has_one_band(campaign: Any, plain: None, tmp_path: Path) -> None:
    only(campaign).change(lambda task: task.verb == "reweight", status="missing")
    result = build(campaign, tmp_path)[1]["comparisons"][CHARGED]
    assert result["converged"] is True
    assert result["lines"]["good"]["numbers"]["cosine"]["training"] is None


def test_without_a_surface_several_potentials_share_their_g(campaign: Any) -> None:
    water = {"species": {"H": 32, "O": 16}, "cell_A": (7.8 * np.eye(3)).tolist()}
    for replica in range(2):
        change(campaign, "analyse", "bulk", replica, **water)
    assert groups(collected(campaign)) == []
    campaign.document["campaign"]["md"]["truth"] = asked(None, 1)
    subject = {"md": "truth", "replica": 0, "potential": "spc-fw"}
    run = collected(campaign).of("analyse", md="bulk")[0]
    campaign.commit("md", subject, {"outcome": "completed", "time_ps": 10.0}, {})
    campaign.commit("analyse", subject, run.values, {"rdf.csv": (run.folder / "rdf.csv").read_bytes()})
    (figure,) = overlays(collected(campaign))
    assert figure.name == "overlay-O16-H32-300-K"
    assert set(figure.columns["observable"]) == {"g_O-O"}
    assert set(figure.columns["md"]) == {"bulk", "truth"}


def test_no_line_of_the_summary_is_longer_than_80(written: tuple[Any, Path]) -> None:
    summary = read(written[1])[2]
    assert max(map(len, summary.splitlines())) <= 80
    assert f"{CHARGED}{'not converged: errors are lower bounds'.rjust(80 - len(CHARGED))}" in summary


def test_reference_runs_have_no_committee_anywhere(written: tuple[Any, Path]) -> None:
    page, results, _ = read(written[1])
    assert results["md"]["truth"]["committee"] is None
    assert "<td>truth</td><td>reference potential electrode; 2.00 ps</td>" in page
    assert "figure-profiles-truth-0-density" in page


SIZE, TRAINED, TIME = r"M = \d+", r"\d+ training structures", r"\d ps|[Nn]o MD"
# What numbers are from where it is no MD.
ORIGIN = "(?:test|validation|training) set|(?:test|validation) frame|[Tt]raining of each|labelled frame"
NO_MODEL = {  # tables that hold no number of a model
    "The campaign as validated", "Labelled data; ", "Frames in each set", "Test and training frames in time",
    "Committed attempts only",
    "Packages loaded by the tasks", "First 16 digits of sha256", "Tasks without a usable result",
}  # fmt: skip


def complete(text: str) -> bool:
    """Whether committee size, training structures and MD length stand there, or whose there are none."""
    models = all(re.search(part, text) for part in (SIZE, TRAINED))
    none = "reference potential electrode" in text or bool(
        re.search("[Nn]o model, no MD|labelled frames", text)
    )
    return bool((models or none) and re.search(f"{TIME}|{ORIGIN}", text))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", " ", html, flags=re.S))


def test_no_number_of_a_model_without_its_size_data_and_length(written: tuple[Any, Path]) -> None:
    page, _, summary = read(written[1])
    captions = [text_of(one) for one in re.findall(r"<figcaption>.*?</figcaption>", page, re.S)]
    assert len(captions) > 25
    assert [caption for caption in captions if not complete(caption)] == []
    tables = re.findall(
        r'<p class="caption">([^<]*)</p>\s*(?:<details class="long">.*?)?'
        r'<div class="table.*?<table(.*?)</table>',
        page,
        re.S,
    )
    assert len(tables) > 12
    for title, body in tables:
        if any(title.startswith(known) for known in NO_MODEL):
            continue
        rows = re.findall(r'<tr(?! class="title").*?</tr>', body, re.S)[1:]
        assert [row for row in map(text_of, rows) if not complete(f"{title} {row}")] == [], title
    begin = page.index('id="verdict"')
    verdict = page[begin : page.index("</section>", begin)]
    sentences = re.findall(r"<p>(?!Au).*?</p>|<li>.*?</li>", verdict, re.S)
    begin = page.index('id="comparison"')
    sentences += re.findall(r"<li>.*?</li>", page[begin : page.index("</section>", begin)], re.S)
    assert len(sentences) > 4
    assert [one for one in map(text_of, sentences) if not complete(one)] == []
    message, *tabled = summary.split("\n\n")
    blocks = re.split(r"\n(?=\S|  - )", message)[2:] + re.split(r"\n(?=  \S)", "\n".join(tabled))
    numbers = [" ".join(block.split()) for block in blocks if re.search(r"\d ± \d", block)]
    assert len(numbers) >= 4
    assert [block for block in numbers if not complete(block)] == []


def test_warnings_stand_under_size_data_and_length(compared: Any, plain: None, tmp_path: Path) -> None:
    compared.document["campaign"]["md"]["charged"]["temperature"] = 400.0
    compared.document["campaign"]["md"]["truth"]["temperature"] = 400.0
    values = {
        "refused": "too few members", "why": "M = 4: α² is negative", "structures": 20, "independent": 20.0,
    }  # fmt: skip
    both = {"raw": values, "centred": values}
    result = both | {
        "members": 4,
        "structures": 20,
        "compositions": {},
        "zeros": [{"member": 0, "composition": "H32O16", "offset_eV": 0.5, "mean_eV": 0.1}],
        "strata": [],
    }
    compared.commit("calibrate", {"committee": "mace", "round": 0}, result, {})
    _, results, _ = build(compared, tmp_path)
    assert len(results["warnings"]) >= 6
    assert [one for one in results["warnings"] if not complete(one)] == []


def test_a_dipole_of_zero_width_is_drawn(campaign: Any) -> None:
    only(campaign)
    for item in collected(campaign).of("analyse", md="good"):
        item.folder.chmod(0o755)
        (item.folder / "total_orientation.npz").chmod(0o644)
        (item.folder / "total_orientation.npz").write_bytes(npz(time_ps=np.arange(9.0), P_z=np.full(9, -6.0)))
        seal(item.folder, read_json(item.folder / "result.json") | {"outputs": outputs(item.folder)})
    assert len(overlays(collected(campaign))) == 1


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (
            {"total_orientation": moves(p=1e-4)},
            "not stationary in mean P_z: its mean changes by +4.3",
        ),
        ({"total_orientation": moves(independent=3.0)}, "6 independent frames, at least 10 are needed"),
        ({"potential_eV_per_atom": moves(discard=120, independent=4.0)}, "8 independent frames, at least 10"),
        ({"temperature_O_K": moves(second=16.0)}, "not stationary in temperature_O_K"),
        ({"Na 0": moves(p=1e-4)}, "not stationary in the height of Na: its mean changes"),
    ],
)
def test_conclusions_from_a_run_that_is_not_stationary_are_withheld(
    compared: Any, series: dict[str, Any], words: str
) -> None:
    """Two runs of the reference, of which both move; the model's own runs are sound."""
    change(compared, "analyse", "charged", 0, stationarity=movement(["Na"]))
    for replica in range(2):
        change(compared, "analyse", "truth", replica, stationarity=movement(["Na"], **series))
    group = by_title(compared)[CHARGED]
    dipole = [test for test in primary(group) if test.quantity.name == "total_orientation"]
    assert [test.verdict for test in dipole] == ["withheld"]
    assert dipole[0].withheld is not None
    assert words in dipole[0].withheld.sentence
    assert dipole[0].withheld.sentence.startswith("truth is ")
    short = "independent" in words
    assert dipole[0].withheld.cause is (Cause.NOT_TESTED if short else Cause.NOT_STATIONARY)
    assert comparison.differs(group, group.lines[1], dipole[0].quantity) is None
    assert "conclusions on the reference are withheld" in agreements(group)[0]
    failed = convergence.reasons(group.lines[0], True)
    kind = "too short for a test of stationarity" if short else "not stationary"
    assert [own.consequence for own in failed if own.sentence.startswith(kind)] == [Consequence.WRONG]
    assert {own.consequence for own in failed[1:]} == {Consequence.ERROR_UNKNOWN}


def test_a_temperature_that_changes_within_its_limit_withholds_nothing(compared: Any) -> None:
    """By 14 of 300 K, which is resolved from 0: a run may be off its temperature by 15 K at all."""
    for replica in range(2):
        own = movement(["Na"], temperature_O_K=moves(second=14.0))
        change(compared, "analyse", "truth", replica, stationarity=own)
    group = by_title(compared)[CHARGED]
    (dipole,) = [test for test in primary(group) if test.quantity.name == "total_orientation"]
    assert dipole.verdict != "withheld"
    assert not any("stationary" in own.sentence for own in convergence.reasons(group.lines[0], True))


@pytest.mark.parametrize(
    ("starts", "changes", "conditional"),
    [([1, 0], [6, 5], False), ([1, 1], [6, 5], True), ([1, 0], [1, 0], True)],
)
def test_statements_on_ions_are_conditional_on_their_layer(
    compared: Any, starts: list[int], changes: list[int], conditional: bool
) -> None:
    for name in ("truth", "charged"):
        for replica in range(2):
            put_ions(compared, name, replica, [hopping(1 - starts[replica], changes[replica])])
    group = by_title(compared)[CHARGED]
    assert ("conditional on where ions began" in agreements(group)[0]) == conditional
    assert bool(on_layers(group.lines[0])) == conditional


def test_the_slowest_quantity_is_compared_with_the_block(campaign: Any) -> None:
    """An ion whose height has an autocorrelation time of 0.4 ps, in blocks of 0.16 ps."""
    slow = moves() | {"inefficiency": 40.0}
    add(campaign, "charged", "mace", replicas=1, stationarity=movement(["Na"], **{"Na 0": slow}))
    (group,) = (group for title, group in by_title(campaign).items() if title == CHARGED)
    reasons = convergence.reasons(group.lines[0], True)
    words = "autocorrelation time of the height of Na 0 0.400 ps"
    assert any(reason.sentence.startswith(words) for reason in reasons)


def test_declared_comparisons_alone_are_tested(compared: Any) -> None:
    """Against the truth and between models, and one that no run has: a family of three."""
    add(compared, "other", "mace", shift=-0.6)
    compared.document["campaign"]["analysis"]["comparisons"] = [
        {"run": "charged", "against": "truth", "observables": ["total_orientation"]},
        {"run": "charged", "against": "other", "observables": ["total_orientation", "nowhere"]},
    ]
    group = by_title(compared)[CHARGED]
    family = primary(group)
    assert [(test.other.name, test.quantity.name) for test in family] == [
        ("truth", "total_orientation"), ("other", "total_orientation"),
    ]  # fmt: skip
    lines = {line.name: numbered(line, "total_orientation") for line in group.lines}
    p = [lines["charged"].against(lines["truth"]).p, lines["charged"].versus(lines["other"]).p]
    assert sorted(test.p for test in family) == pytest.approx(
        sorted([min(1.0, 3 * min(p)), min(1.0, max(2 * max(p), 3 * min(p)))])
    )
    cosine = next(one for one in comparison.quantities(group) if one.name == "cosine")
    assert comparison.differs(group, group.lines[1], cosine) is None
    assert comparison.cell(group, group.lines[1], cosine).count(",") == 0


def test_committee_means_against_a_truth_and_against_each_other() -> None:
    """By hand: against a truth √(0.3² + 0.4² + 1.2²) = 1.3; against a model √(2·0.3² + 2·0.5²)."""
    committee = Committee(2.0, ErrorTerm(0.3, 9), ErrorTerm(1.2, 5), ErrorTerm(0.5, 5))
    own, truth = Number(1.0, 0.3, 9, committee=committee), Number(0.0, 0.4, 9)
    assert own.against(truth).difference == 2.0
    assert own.against(truth).error == pytest.approx(1.3)
    other = replace(own, committee=replace(committee, mean=5.0))
    assert own.versus(other).difference == -3.0
    assert own.versus(other).error == pytest.approx((2 * 0.09 + 2 * 0.25) ** 0.5)
    alone = replace(own, usable=False)
    assert (alone.against(truth).difference, alone.against(truth).error) == pytest.approx((1.0, 0.5))
    assert alone.versus(other).error == pytest.approx(0.3 * 2**0.5)

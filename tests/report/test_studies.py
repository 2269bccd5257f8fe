"""Sections of studies, from stores made by hand: numbers, figures, what stands beside the paper's."""

import copy
from dataclasses import astuple, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from charged import add, change, collected, movement, moves
from profiled import DYNAMICS_SE, LAGS, THERMO, analysed, csv_bytes, npz
from scipy import stats

from mlipbench_hpc.analysis.canonical import fluctuation
from mlipbench_hpc.campaign.spec import Committee, MolecularDynamics, Speed, Split
from mlipbench_hpc.campaign.unfold import unfold
from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.data.observable import WATERS
from mlipbench_hpc.report import (
    data_efficiency,
    dynamics,
    foundation,
    polarization,
    speed_ratios,
    stability,
    thermostats,
)
from mlipbench_hpc.report.combine import Band
from mlipbench_hpc.report.committees import Member
from mlipbench_hpc.report.draw.drawing import new_axes
from mlipbench_hpc.report.draw.dynamics import draw_function
from mlipbench_hpc.report.draw.thermostats import moving_average
from mlipbench_hpc.report.extremes import Extremes
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.section import Gallery, Points
from mlipbench_hpc.report.sections.data_efficiency import SECTION as LEARNING
from mlipbench_hpc.report.sections.dynamics import SECTION as MOTION
from mlipbench_hpc.report.sections.foundation import SECTION as FOUNDATION
from mlipbench_hpc.report.sections.polarization import SECTION as POLAR
from mlipbench_hpc.report.sections.speed import SECTION as SPEED
from mlipbench_hpc.report.sections.speed_studies import SECTION as COST
from mlipbench_hpc.report.sections.stability import SECTION as HOLD
from mlipbench_hpc.report.sections.thermostats import SECTION as HEAT
from mlipbench_hpc.report.sections.uncertainty import SECTION as UNCERTAINTY
from mlipbench_hpc.report.studies import own, parts

DRAW = {"dataset": "spcfw", "validation": 20, "test": 40}
STUDIES: dict[str, Any] = {
    "learning": DRAW | {
        "kind": "data-efficiency", "models": ["local", "tiny"], "sizes": [20, 10], "repeats": 2,
        "repeats_of": {"tiny": 1},
    },
    "hold": DRAW | {
        "kind": "stability", "models": ["tiny"], "sizes": [10], "repeats": 3, "reference": "truth",
        "start": {"dataset": "spcfw", "frames": [0, 1, 2]}, "md": {"length": "2 ps"},
    },
    "heat": {
        "kind": "thermostats", "start": {"system": "box"}, "replicas": 2,
        "md": {"length": "10 ps", "equilibration": "1 ps"},
        "cases": {
            "chain": {"committee": "mace", "engine": "ase"},
            "noise": {"committee": "mace", "engine": "ase",
                      "thermostat": {"kind": "langevin", "friction": "0.2 1/ps"}},
        },
    },
    "motion": {"kind": "dynamics", "runs": ["truth", "charged", "neutral"]},
    "polar": {"kind": "polarization", "datasets": ["film"]},
    "cost": {
        "kind": "speed", "start": {"system": "box"}, "committees": ["learning-local-20", "mace"],
        "engines": {"learning-local-20": ["lammps", "ase"]},
    },
}  # fmt: skip
SCHEMAS: dict[str, Any] = {
    "splits": Split, "committees": Committee, "md": MolecularDynamics, "speed": Speed,
}  # fmt: skip
# By model and size: energies in meV/atom and forces in meV/Å of each repeat.
ENERGIES = {
    ("local", 10): (8.0, 10.0), ("local", 20): (5.0, 6.0), ("tiny", 10): (4.0,), ("tiny", 20): (1.5,),
}  # fmt: skip
FORCES = {
    ("local", 10): (200.0, 240.0), ("local", 20): (100.0, 130.0), ("tiny", 10): (90.0,),
    ("tiny", 20): (50.0,),
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for rendering, except where a test writes the whole report."""
    if request.node.get_closest_marker("whole") is None:
        monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


@pytest.fixture
def studied(campaign: Any) -> Any:
    """The made-up campaign with a study of each kind, of which nothing has run."""
    document = campaign.document["campaign"]
    document["models"]["local"] = {"architecture": "dp", "preset": "tiny", "dtype": "float32"}
    campaign.document["architectures"]["dp"] = {"citation": [], "restart": "training bitwise"}
    document["studies"] = STUDIES
    unfolded = unfold({"studies": STUDIES})
    for section, name in unfolded.homes:
        entry = SCHEMAS[section].model_validate(unfolded.document[section][name])
        document.setdefault(section, {})[name] = entry.model_dump(mode="json")
    campaign.document["studies"] = {
        name: {"kind": study["kind"], "entries": unfolded.entries(name)} for name, study in STUDIES.items()
    }
    return campaign


def learn(campaign: Any) -> dict[tuple[str, int], list[float]]:
    """Train and evaluate what `learning` asks for; returns the wall times in s by model and size."""
    (errors, *_) = collected(campaign).of("evaluate", committee="mace")
    seconds: dict[tuple[str, int], list[float]] = {}
    for (model, size), energies in ENERGIES.items():
        for member, (energy, force) in enumerate(zip(energies, FORCES[model, size], strict=True)):
            subject = {"committee": f"learning-{model}-{size}", "round": 0, "member": member, "train": size}
            key = campaign.commit("train", subject, {"frames": size}, {})
            values = copy.deepcopy(errors.values)
            values["test"]["energy"] |= {"rmse_meV_per_atom": energy, "centred_rmse_meV_per_atom": energy / 2}
            values["test"]["force"]["all"]["rmse_meV_per_A"] = force
            campaign.commit("evaluate", subject, values, {}, {"model": key})
            seconds.setdefault((model, size), []).append(campaign.store.result(key)["timing"]["wall_s"])
    return seconds


def test_a_study_has_the_results_of_its_own_entries_and_the_rest_has_not(studied: Any) -> None:
    results = collected(studied)
    assert own(results).names("committees") == ["mace"]
    assert own(results).names("md") == ["bulk"]
    (learning,) = parts(own(results), "data-efficiency")
    assert learning.results.names("committees") == [
        f"learning-{model}-{size}" for size in (20, 10) for model in ("local", "tiny")
    ]
    assert learning.results.names("md") == []
    (hold,) = parts(results, "stability")
    assert hold.results.names("md") == [f"hold-tiny-10-{repeat}" for repeat in range(3)]
    assert (hold.spec.md.length, hold.spec.reference) == (2.0, "truth")


def test_a_campaign_without_studies_has_no_such_sections(campaign: Any) -> None:
    results = collected(campaign)
    assert own(results) is results
    for section in (LEARNING, HOLD, HEAT, MOTION, POLAR, FOUNDATION, COST):
        content = section.build(results)
        assert (content.blocks, content.numbers, content.verdict, content.warnings) == ([], {}, [], [])


def test_errors_against_training_structures(studied: Any) -> None:
    seconds = learn(studied)
    (part,) = parts(collected(studied), "data-efficiency")
    every = data_efficiency.points(part)
    assert [(point.model, point.size) for point in every] == [
        ("local", 20), ("local", 10), ("tiny", 20), ("tiny", 10),
    ]  # fmt: skip
    assert every[1].force == Extremes.of((200.0, 240.0))
    assert every[1].energy == Extremes.of((8.0, 10.0))
    assert every[1].centred == Extremes.of((4.0, 5.0))
    times = [second / 3600 for second in seconds["local", 10]]
    assert every[1].hours is not None
    assert every[1].hours.mean == pytest.approx(sum(times) / 2)
    assert (every[1].hours.least, every[1].hours.greatest) == pytest.approx((min(times), max(times)))
    rows = data_efficiency.table(part, every).rows
    assert [row[:6] for row in rows[1:3]] == [
        ["local", "10", "2 of 2", "9.00 (8.00 to 10.0)", "4.50 (4.00 to 5.00)", "220 (200 to 240)"],
        ["tiny", "20", "1 of 1", "1.50", "0.750", "50.0"],
    ]
    assert "the 40 frames of the test set" in data_efficiency.table(part, every).caption
    sentence = data_efficiency.sentence(part, every)
    assert "local 115 (100 to 130) meV/Å (of 2 repeats; median absolute error" in sentence
    assert "tiny 50.0 meV/Å (spread unknown with 1 repeat; median absolute error" in sentence
    assert sentence.endswith(
        "Which is lower cannot be tested: tiny has one repeat, at least 2 are needed; use more `repeats`. "
        "From n = 10 to 20 no decrease is resolved for local (p > 0.05, Welch, Holm-corrected); use more "
        "`repeats`."  # 105 ± 25 of 1.9 degrees: p = 0.06
    )


def point(model: str, *forces: float) -> data_efficiency.Point:
    """Point at n = 20 with these force errors of its repeats."""
    errors = Extremes.of(forces)
    return data_efficiency.Point(model, 20, len(forces), errors, errors, errors, None, 40)


@pytest.mark.parametrize(
    ("other", "words"),
    [((20.0, 21.0, 22.0), " Lowest: local (p ≤ 0.05, Welch, Holm-corrected)."),
     ((9.0, 12.0, 15.0), " Which is lowest is not resolved"), ((50.0,), " Which is lower cannot be tested")],
)  # fmt: skip
def test_the_lowest_error_is_named_where_repeats_resolve_it(
    studied: Any, other: tuple[float, ...], words: str
) -> None:
    """Means 10 and 21 with errors 1/√3; 10 and 12 with 1/√3 and √3; one repeat has no spread."""
    (part,) = parts(collected(studied), "data-efficiency")
    sentence = data_efficiency.sentence(part, [point("local", 9.0, 10.0, 11.0), point("tiny", *other)])
    assert words in sentence


def test_the_frame_that_carries_most_of_the_squared_error(studied: Any) -> None:
    """Frames of two and one atoms, errors of 3 and 1 eV/Å along one axis: 9 of 10, and √(1/3) without it."""
    errors = np.array([[0.0, 0, 0], [0, 3.0, 0], [1.0, 0, 0]])
    content = npz(
        indices=np.array([37, 4]), offsets=np.array([0, 2, 3]), forces=errors, label_forces=np.zeros((3, 3))
    )
    subject = {"committee": "learning-tiny-10", "round": 0, "member": 0}
    studied.commit("evaluate", subject, {}, {"predictions-test.npz": content})
    (item,) = collected(studied).of("evaluate", committee="learning-tiny-10")
    worst = data_efficiency.Worst.of([Member(0, None, item, 10)])
    assert worst is not None
    assert (worst.frame, worst.share) == (37, pytest.approx(0.9))
    assert worst.without == pytest.approx(1000 * np.sqrt(1 / 3))
    assert worst.words() == "frame 37 alone 90\u00a0%, without it 577 meV/Å"
    assert data_efficiency.Worst.of([]) is None


def test_errors_beside_what_the_paper_says(studied: Any) -> None:
    """The paper: 1 h of DP and 4 h of MACE at n = 1000; MACE of 50 structures is better than DP of 1000."""
    seconds = learn(studied)
    (part,) = parts(collected(studied), "data-efficiency")
    beside = data_efficiency.paper(part, data_efficiency.points(part))
    assert beside is not None
    dp, mace = (sum(seconds[model, 20]) / len(seconds[model, 20]) for model in ("local", "tiny"))
    cells = {row[0]: row[1:] for row in beside.rows}
    assert cells["training of local, h"][0] == "1 (n = 1000)"
    assert cells["training of tiny, h"][2] == "–", "other machines and sizes"
    assert float(cells["training time, MACE / DP"][1]) == pytest.approx(mace / dp, rel=0.01)
    below = cells["force RMSE, MACE of the smallest / DP of the largest training set"]
    here = "0.783 (spread unknown: 1 repeat), cannot be tested (n = 10 and 20)"
    assert below == ["below 1 (n = 50 and 1000)", here, "–"], "90 / 115"
    assert "Systems differ" in beside.caption


def test_numbers_and_figure_of_errors_are_those_of_the_table_without_times(studied: Any) -> None:
    learn(studied)
    content = LEARNING.build(collected(studied))
    (figure,) = content.figures
    assert figure.name == "data-efficiency-learning"
    owners = [*zip(figure.columns["model"], figure.columns["training_structures"], strict=True)]
    place = owners.index(("local", 10))
    ends = [figure.columns[f"force_rmse_{end}_meV_per_A"][place] for end in ("mean", "least", "greatest")]
    assert ends == [220.0, 200.0, 240.0]
    numbers = content.numbers["data_efficiency"]["learning"]
    assert numbers["errors"]["local"]["10"]["force_rmse_meV_per_A"]["mean"] == 220.0
    assert set(numbers["committees"]) == {f"learning-{m}-{n}" for m in ("local", "tiny") for n in (10, 20)}
    assert "hours" not in str(numbers["errors"]) + str(list(figure.columns))


def test_a_study_that_has_not_run_says_so(studied: Any) -> None:
    results = collected(studied)
    content = LEARNING.build(results)
    assert content.figures == []
    assert content.verdict == [
        ["Study learning (data efficiency): 0 of 6 members evaluated. No errors at n = 20 yet."]
    ]
    assert HOLD.build(results).verdict == [["Study hold (stability): 0 of 3 runs of 2.00 ps done."]]
    assert HEAT.build(results).verdict == [["Study heat (thermostats): no run is analysed."]]


def hold(campaign: Any) -> dict[str, np.ndarray]:
    """Two stable runs, one that fails at 0.7 ps, and the reference's two; returns their densities."""
    add(campaign, "truth", None, ions=0)
    for repeat, shift in enumerate((0.0, 2.0, 9.0)):
        subject = {"md": f"hold-tiny-10-{repeat}", "replica": 0, "committee": "hold-tiny-10"}
        outcome = {"outcome": "completed", "cause": None, "time_ps": 2.0}
        if repeat == 2:
            outcome = {"outcome": "unstable", "cause": "conserved energy", "time_ps": 0.7}
        outcome["largest_conserved_deviation_meV_per_atom"] = float(repeat + 1)
        campaign.commit("md", subject, outcome, {})
        campaign.commit("analyse", subject, *analysed(ions=0, shift=shift, seed=repeat))
    tables = {
        f"{item.subject['md']}-{item.subject['replica']}": item.table("profiles.csv")
        for item in collected(campaign).of("analyse")
        if item.subject["md"] != "bulk"
    }
    return {name: table["density_g_per_cm3"] for name, table in tables.items()}


def test_unstable_runs_are_counted_and_enter_no_profile(
    studied: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    densities = hold(studied)
    canvases: list[Any] = []

    def finish(name: str, *_: Any) -> Any:
        canvases.append((name, _[-1]))
        return finished(name, *_)

    from mlipbench_hpc.report.draw import stability as drawn

    finished = drawn.finish
    monkeypatch.setattr(drawn, "finish", finish)
    (part,) = parts(collected(studied), "stability")
    every, (group,) = stability.repeats(part), stability.compared(part)
    (row,) = stability.table(part, every).rows
    assert row == ["tiny", "10", "conserved energy", "3 of 3", "1", "0", "0.700", "2.00 (1.00 to 3.00)"]
    (curve,) = stability.curves(part, group, every, "density")
    pair = np.array([densities["hold-tiny-10-0-0"], densities["hold-tiny-10-1-0"]])
    np.testing.assert_allclose(curve.mean, pair.mean(axis=0))
    np.testing.assert_allclose(curve.least, pair.min(axis=0))
    np.testing.assert_allclose(curve.greatest, pair.max(axis=0))
    figures = drawn.profiles(part, group, every)
    assert [figure.name for figure in figures] == [
        f"stability-hold-{name}-Au36-O24-H48-300-K" for name in ("density", "orientation")
    ]
    (panel,) = canvases[0][1].axes
    assert [text.get_text() for text in panel.texts] == ["× 1 of 3 tiny"]
    assert panel.get_title(loc="left") == "n = 10"
    np.testing.assert_allclose(figures[0].columns["mean"], pair.mean(axis=0))
    assert set(figures[0].columns["stable_runs"]) == {2}


def test_profiles_are_measured_against_the_reference(studied: Any) -> None:
    densities = hold(studied)
    content = HOLD.build(collected(studied))
    numbers = content.numbers["stability"]["hold"]
    truth = (densities["truth-0"] + densities["truth-1"]) / 2
    rms = [np.sqrt(np.mean((densities[f"hold-tiny-10-{r}-0"] - truth) ** 2)) for r in (0, 1)]
    own_rms = numbers["rms_from_reference"]["Au36 O24 H48, 300 K"]["density"]["tiny"]["10"]
    assert own_rms["mean"] == pytest.approx(np.mean(rms))
    assert (own_rms["least"], own_rms["greatest"]) == pytest.approx((min(rms), max(rms)))
    assert numbers["runs"]["tiny"]["10"] == {
        "asked": 3, "done": 3, "failures": {"2": {"time_ps": 0.7, "cause": "conserved energy"}},
    }  # fmt: skip
    assert content.verdict == [
        ["Study hold (stability): 3 of 3 runs of 2.00 ps done, unstable: tiny at n = 10: 1 of 3."]
    ]
    beside = next(block for block in content.blocks if "beside the paper" in getattr(block, "caption", ""))
    assert beside.rows == [["tiny", "0 of 3", "1 of 3 (n = 10)"]]
    assert "Systems and criteria differ" in beside.caption


def test_a_reference_of_other_atoms_is_named(studied: Any) -> None:
    hold(studied)
    for item in [task for task in studied.tasks if task.subject.get("md") == "truth"]:
        studied.tasks.remove(item)
    (caution,) = [c for c in HOLD.build(collected(studied)).warnings if "reference truth" in c.sentence]
    assert "has not run, or is of other atoms" in caution.sentence


def heat(campaign: Any) -> None:
    """Both cases: of 48 atoms, temperatures 300 K + (10, -10, 30, -30 K) in turn, twice as far in `noise`."""
    times = 0.01 * np.arange(1001)
    for case, scale in (("chain", 1.0), ("noise", 2.0)):
        for replica in range(2):
            subject = {"md": f"heat-{case}", "replica": replica, "committee": "mace"}
            shape = np.tile([10.0, -10.0, 30.0, -30.0], 251)[:1001] * scale
            columns = {"time_ps": times, "temperature_K": 300 + shape, "temperature_O_K": 330 + shape}
            outcome = {"outcome": "completed", "cause": None, "time_ps": 10.0}
            campaign.commit("md", subject, outcome, {"thermo.csv": csv_bytes(columns)})
            thermo = {
                "temperature_K": {"mean": 300.0, "se": 1.0, "atoms": 48, "independent": 900.0, "dof": 9.0},
                "temperature_O_K": {"mean": 330.0, "se": 1.0, "atoms": 16, "independent": 900.0, "dof": 9.0},
            }
            described = [one.to_json() for one in THERMO if one.name in thermo]
            values = {"thermo": thermo, "descriptors": described, "equilibration_ps": 1.0, "analysed_ps": 9.0}
            campaign.commit("analyse", subject, values, {})


def time(campaign: Any, processors: tuple[str, str, str] = ("Xeon 9",) * 3, load: float = 0.5) -> None:
    """Steps of 1, 2 and 8 ms of 100 atoms by DP in LAMMPS, DP in ASE and MACE, blocks 10 % about them."""
    committees = ("learning-local-20", "learning-local-20", "mace")
    names = ("cost-learning-local-20-lammps", "cost-learning-local-20-ase", "cost-mace")
    for name, committee, ms, processor in zip(names, committees, (1.0, 2.0, 8.0), processors, strict=True):
        sizes = [
            {"copies": copies, "repeats": [copies, 1, 1], "atoms": 100 * copies, "mobile": 90, "edges": 4000,
             "skin_A": 0.0, "energy_eV": -1.0, "first_s": 8.0, "warm_up_s": 0.4, "steps_per_block": 40,
             "seconds_per_step": [1e-3 * ms * copies * part for part in (1.0, 0.9, 1.1, 1.0, 1.0)],
             "load_average": load, "peak_bytes": 2**29, "wall_s": 20.0}
            for copies in (1, 2)
        ]  # fmt: skip
        values = {
            "sizes": sizes, "ended": {"by": "copies", "sentence": "all asked"}, "load_s": 3.0,
            "hardware": {"processor": processor, "cores": 2, "gpu": None}, "cutoff_A": 4.5,
            "engine": "lammps" if "lammps" in name else "ase", "timestep_ps": 0.0005,
        }  # fmt: skip
        parameters: dict[str, Any] = {"dtype": "float32", "device": "cpu", "threads": 1}
        parameters |= {"hyperparameters": {}, "thermostat": {}}
        campaign.commit("speed", {"speed": name, "committee": committee}, values, {}, None, parameters)


def test_speeds_are_divided_by_that_of_mace(studied: Any) -> None:
    """8 ms over 1 ms; the slowest block of 1.1 ms to the fastest of MACE's, 7.2 ms: 6.55, and 8.8/0.9: 9.78.

    0.5 fs a step of 1 ms: 86.4 million steps a day, 43.2 ns. The paper: almost 20.
    """
    learn(studied)
    time(studied)
    (part,) = parts(collected(studied), "speed")
    every = speed_ratios.costs(part)
    rows = speed_ratios.table(part, every).rows
    assert [row[3:7] for row in rows] == [
        ["100", "10.0", "43.2 (39.3 to 48.0)", "8.00 (6.55 to 9.78)"],
        ["100", "20.0", "21.6 (19.6 to 24.0)", "4.00 (3.27 to 4.89)"],
        ["100", "80.0", "5.40 (4.91 to 6.00)", "1.00"],
    ]
    assert [row[7] for row in rows[:2]] == ["115 (100 to 130)"] * 2
    beside = speed_ratios.paper(part, every)
    assert beside is not None
    what = "speed, cost-learning-local-20-lammps / mace"
    assert beside.rows[1] == [what, "almost 20", "8.00 (6.55 to 9.78)", "0.400 (0.327 to 0.489)"]
    assert beside.rows[0] == ["engine of cost-learning-local-20-lammps", "deepmd-jax, JAX-MD", "lammps", "–"]
    assert "Systems differ" in beside.caption


def test_mace_with_scalar_messages_stands_beside_grace(studied: Any) -> None:
    """8 ms over 1 ms of GRACE-1L: 0.125, where the paper has a quarter; with vectors there is no such row."""
    learn(studied)
    time(studied)
    (part,) = parts(collected(studied), "speed")
    fast, _, mace = speed_ratios.costs(part)
    grace = replace(fast, entry=replace(fast.entry, architecture="grace-1l", name="cost-grace"))

    def rows(max_L: int) -> list[list[str]]:
        parameters = mace.entry.parameters | {"hyperparameters": {"max_L": max_L}}
        item = replace(mace.entry.item, task=mace.entry.item.task | {"parameters": parameters})
        beside = speed_ratios.paper(part, [grace, replace(mace, entry=replace(mace.entry, item=item))])
        return [] if beside is None else [row for row in beside.rows if row[0].endswith("/ cost-grace")]

    assert rows(1) == []
    assert rows(0) == [
        ["speed, cost-mace / cost-grace", "a factor of 4 slower", "0.125 (0.102 to 0.153)",
         "0.500 (0.409 to 0.611)"]
    ]  # fmt: skip


def test_the_section_of_speed_has_figures_of_its_own_and_no_times_in_its_verdict(studied: Any) -> None:
    learn(studied)
    time(studied)
    results = collected(studied)
    content = COST.build(results)
    bars, accuracy, scaling = content.figures
    assert bars.name == "speed-cost-ns-per-day"
    assert bars.columns["ratio"] == pytest.approx([8.0, 4.0, 1.0])
    assert bars.columns["least"] == pytest.approx([43.2 / 1.1, 21.6 / 1.1, 5.4 / 1.1])
    assert accuracy.columns["force_rmse_meV_per_A"][0] == pytest.approx(115)
    assert scaling.columns["atoms"] == [100, 200] * 3
    assert content.verdict == [["Study cost (speed): 3 of 3 timings done."]]
    words = "Study cost: cost-learning-local-20-lammps 43.2 ns/day, 8.00 (6.55 to 9.78) x of"
    assert content.summary[0].startswith(words)
    numbers = content.numbers["speed_studies"]["cost"]["speeds"]["cost-learning-local-20-ase"]
    assert numbers["ratio"]["median"] == pytest.approx(4.0)
    assert SPEED.build(own(results)).blocks == [], "the campaign's own section times nothing"


def test_other_work_beside_a_timing_is_said_in_the_section_and_in_the_verdict(studied: Any) -> None:
    learn(studied)
    time(studied, load=9.0)
    content = COST.build(collected(studied))
    assert "Speeds and ratios are provisional: other work ran beside 3 of these" in content.verdict[0][0]
    (points,) = [block for block in content.blocks if isinstance(block, Points)]
    assert points.warnings
    assert "load average up to 9.0" in points.sentences[0]
    assert points.sentences[0].count("cost-") == 3, "one sentence for all of which it is true"


def test_no_ratio_between_two_machines(studied: Any) -> None:
    time(studied, ("Xeon 9", "EPYC", "Xeon 9"))
    content = COST.build(collected(studied))
    speeds = content.numbers["speed_studies"]["cost"]["speeds"]
    assert speeds["cost-learning-local-20-ase"]["ratio"] is None
    assert speeds["cost-learning-local-20-lammps"]["ratio"]["median"] == pytest.approx(8.0)
    (caution,) = content.warnings
    assert "cost-learning-local-20-ase has no ratio to mace" in caution.sentence


def test_temperatures_and_their_variance_beside_the_canonical_one(studied: Any) -> None:
    """2 T²/(3 N): 1250 K² of 48 atoms, 3750 K² of 16; the series' own (10² + 30²)/2 = 500 K²."""
    heat(studied)
    (part,) = parts(collected(studied), "thermostats")
    every = {(own.case, own.temperature.whose): own for own in thermostats.kinetics(part)}
    assert set(every) == {(case, whose) for case in ("chain", "noise") for whose in ("all atoms", "O")}
    for case, variance in (("chain", 500.0), ("noise", 2000.0)):
        for whose, canonical in (("all atoms", 1250.0), ("O", 3750.0)):
            known = every[case, whose]
            assert known.canonical_variance == pytest.approx(canonical)
            assert known.fluctuation is not None
            assert known.fluctuation.ratio == pytest.approx(variance / canonical, rel=0.01)
    assert not every["chain", "all atoms"].temperature.off
    assert every["chain", "O"].temperature.off
    rows = thermostats.table(part, [*every.values()]).rows
    assert rows[0][:6] == [
        "chain", "mace, ase, nose-hoover-chain (damping 100 fs, length 3)", "all atoms", "48",
        "300.00 ± 0.71", "300",
    ]  # fmt: skip
    assert "langevin (friction 0.2 1/ps)" in rows[2][1]


def test_an_unstable_run_has_no_part_in_temperatures(studied: Any) -> None:
    heat(studied)
    change(studied, "md", "heat-chain", 1, outcome="unstable")
    change(studied, "md", "heat-noise", 0, outcome="unstable")
    change(studied, "md", "heat-noise", 1, outcome="unstable")
    (part,) = parts(collected(studied), "thermostats")
    every = thermostats.kinetics(part)
    assert [(own.case, own.temperature.error.error) for own in every] == [("chain", 1.0)] * 2
    assert thermostats.sentence(part, every).endswith("Unstable, left out: 3 of 4 runs.")


def test_thermostats_of_runs_that_still_relax_are_not_judged(studied: Any) -> None:
    """The potential energy falls in `chain`: its temperature that is off says nothing of the thermostat."""
    heat(studied)
    for replica in range(2):
        falling = {"potential_eV_per_atom": moves(p=1e-6)}
        change(studied, "analyse", "heat-chain", replica, stationarity=movement(**falling))
        change(studied, "analyse", "heat-noise", replica, stationarity=movement())
    content = HEAT.build(collected(studied))
    ((sentence,),) = content.verdict
    assert "of 2 of 4 mean temperatures that can be tested, off their target: O 330.00" in sentence
    assert "(2 of 4 tested): all atoms in noise" in sentence
    assert "Withheld, because runs are not equilibrated" in sentence
    assert "chain is not stationary in" in sentence
    rows = next(block for block in content.blocks if "kinetic" in getattr(block, "caption", "")).rows
    assert ["withheld" in row[-1] for row in rows] == [True, True, False, False]


def test_the_verdict_on_thermostats_names_species_and_cases(studied: Any) -> None:
    heat(studied)
    content = HEAT.build(collected(studied))
    ((sentence,),) = content.verdict
    assert (
        "off their target: O 330.00 ± 0.71 K (30 K above, p < 0.0001) in chain and O 330.00 ± 0.71 K"
        in sentence
    )
    assert "all atoms in chain 0.40" in sentence
    (figure,) = content.figures
    assert set(figure.columns["species"]) == {"all atoms", "O"}
    assert len(figure.columns["time_ps"]) == 2 * 2 * 501, "every second row, of two cases and two species"
    numbers = content.numbers["thermostats"]["heat"]
    assert numbers["temperatures"]["noise"]["O"]["canonical_variance_K2"] == pytest.approx(3750.0)
    assert set(numbers["md"]) == {"heat-chain", "heat-noise"}


def test_independent_normal_temperatures_fluctuate_as_nvt() -> None:
    """A Γ distribution of 3 N / 2 degrees of freedom, which is that of the kinetic energy."""
    generator, atoms, kelvin = np.random.default_rng(4), 20, 300.0
    series = generator.gamma(1.5 * atoms, kelvin / (1.5 * atoms), size=20_000)
    known = fluctuation(series, atoms, kelvin)
    assert abs(known.ratio - 1) < 4 * known.error
    assert 0.005 < known.error < 0.02


def test_a_moving_average_follows_a_step_exponentially() -> None:
    step = np.concatenate([np.zeros(1), np.ones(50)])
    np.testing.assert_allclose(moving_average(step, 10.0), 1 - np.exp(-np.arange(51) / 10.0))
    np.testing.assert_allclose(moving_average(np.full(5, 3.0), 2.0), 3.0)


def move(campaign: Any) -> None:
    """Charged runs, two of a model and two of the reference; two neutral in which water stays less long."""
    add(campaign, "charged", "mace")
    add(campaign, "truth", None)
    campaign.document["campaign"]["md"]["neutral"] = campaign.document["campaign"]["md"]["charged"]
    for replica in range(2):
        subject = {"md": "neutral", "replica": replica, "committee": "mace"}
        campaign.commit("md", subject, {"outcome": "completed", "cause": None, "time_ps": 2.0}, {})
        values, files = analysed(ions=0, seed=replica)
        files["survival.csv"] = survival(LAGS)
        campaign.commit("analyse", subject, values, files)


def survival(lags: np.ndarray) -> bytes:
    """survival.csv of 1 - τ/1 ps, with the usual error."""
    errors = np.full(len(lags), DYNAMICS_SE["survival"])
    return csv_bytes({"lag_ps": lags, "survival": 1 - lags, "se_survival": errors})


def test_dynamics_by_potential_and_number_of_ions(studied: Any) -> None:
    """At 0.5 ps, the longest lag: e^(-0.5/0.4) = 0.287, 1 - 0.5/2 = 0.75, and 0.5 without ions."""
    move(studied)
    (part,) = parts(collected(studied), "dynamics")
    every = dynamics.motions(part)
    assert [(own.line.name, own.ions) for own in every] == [("neutral", 0), ("truth", 1), ("charged", 1)]
    rows = {row[0]: row[3:] for row in dynamics.table(part, every).rows}
    assert rows["neutral"] == ["0", "0.0500", "0.287 ± 0.014", "0.500 ± 0.021"]
    assert rows["charged"] == ["1", "0.0500", "0.287 ± 0.014", "0.750 ± 0.021"]
    beside = dynamics.paper(part, every)
    assert beside is not None
    assert beside.rows == [
        ["mace", "C_dip(0.500 ps)", "0 to 1 ion", "increases", "0.000 ± 0.020", "unresolved"],
        ["mace", "P_surv(0.500 ps)", "0 to 1 ion", "increases", "0.250 ± 0.030", "increases"],
    ]
    assert dynamics.sentence(part, every) == (
        "Study motion (dynamics): 3 of 3 runs with C_dip or P_surv. From the fewest ions to the "
        "most: C_dip of mace unresolved; P_surv of mace increases."
    )


def test_changes_are_tested_by_welch_and_holm_and_withheld_as_comparisons_are(studied: Any) -> None:
    """By hand: 0.25 over 0.03, 18 degrees a side; two tests, so that p is twice Student's."""
    move(studied)
    (part,) = parts(collected(studied), "dynamics")
    dipole, stay = dynamics.changes(dynamics.motions(part))
    assert stay.p == pytest.approx(4 * stats.t.sf(0.25 / 0.03, 18), rel=1e-6)
    assert (dipole.verdict, stay.verdict) == ("unresolved", "increases")
    few = movement(**{WATERS: moves(independent=2.7)})
    for replica in range(2):
        change(studied, "analyse", "neutral", replica, stationarity=few)
    (part,) = parts(collected(studied), "dynamics")
    every = dynamics.motions(part)
    assert [own.verdict for own in dynamics.changes(every)] == ["withheld"] * 2
    words = "neutral is too short for a test of the first layer's population: 5.4 independent frames"
    assert f"C_dip and P_surv of mace withheld: {words}" in dynamics.sentence(part, every)
    assert all(words in row[-1] for row in dynamics.paper(part, every).rows)  # type: ignore[union-attr]


def test_dynamics_names_runs_that_do_not_count(studied: Any) -> None:
    move(studied)
    change(studied, "md", "charged", 1, outcome="unstable", cause="hot", time_ps=0.4)
    (part,) = parts(collected(studied), "dynamics")
    assert dynamics.sentence(part, dynamics.motions(part)).endswith(
        " Excluded, so that numbers are those of the other runs alone: charged, replica 1 (unstable)."
    )


def test_rows_stand_at_one_lag_and_different_intervals_are_not_compared(studied: Any) -> None:
    """Of 1 - τ/1 ps 0.5 at 0.5 ps, between charged frames at 0.4 and 0.6 ps and neutral at 0.45 and 0.525."""
    move(studied)
    sparse, dense = 0.2 * np.arange(4), 0.075 * np.arange(9)
    for name, lags in (("charged", sparse), ("neutral", dense)):
        own = [task for task in studied.tasks if task.verb == "analyse" and task.subject["md"] == name]
        for task in own:
            folder = studied.store.task(task.key)
            for path, column in ((folder / f"{column}.csv", column) for column in DYNAMICS_SE):
                path.chmod(0o644)
                path.write_bytes(survival(lags).replace(b"survival", column.encode()))
            change(studied, "analyse", name, task.subject["replica"])
    (part,) = parts(collected(studied), "dynamics")
    every = dynamics.motions(part)
    assert dynamics.lags(every, "survival") == [pytest.approx(0.5)]
    values = {one.line.name: one.at("survival", 0.5).mean for one in every}
    assert values == pytest.approx({"neutral": 0.5, "truth": 0.75, "charged": 0.5})
    assert (
        "Intervals between frames differ, 0.0750 ps in neutral, 0.0500 ps in truth and 0.200 ps in charged"
        in (dynamics.table(part, every).caption)
    )
    dipole, stay = dynamics.changes(every)
    assert (dipole.verdict, stay.verdict) == ("unresolved", "withheld")
    assert stay.withheld.startswith("frames are 0.0750 and 0.200 ps apart, on which P_surv depends")
    numbers = dynamics.numbers(every)["charged"]
    assert (numbers["frame_ps"], list(numbers["values"]["survival"])) == (pytest.approx(0.2), ["0.5"])


def test_the_figure_of_dynamics_holds_both_functions_of_every_run(studied: Any) -> None:
    move(studied)
    content = MOTION.build(collected(studied))
    (figure,) = content.figures
    columns = {name: np.array(values) for name, values in figure.columns.items()}
    assert len(columns["run"]) == 2 * 3 * len(LAGS)
    own = (columns["function"] == "survival") & (columns["run"] == "neutral")
    np.testing.assert_allclose(columns["value"][own].astype(float), 1 - LAGS)
    np.testing.assert_allclose(columns["two_se"][own].astype(float), 0.06 / np.sqrt(2))
    values = content.numbers["dynamics"]["motion"]["runs"]["charged"]["values"]
    assert values["survival"]["0.5"]["mean"] == pytest.approx(0.75)


def test_two_references_of_equal_ions_look_different() -> None:
    """Colour and dash of each line: two references and a model, with and without ions."""
    band = Band(LAGS, 1 - LAGS, np.zeros(len(LAGS)))
    every = [
        SimpleNamespace(
            ions=ions, bands={"survival": band}, group=SimpleNamespace(drawn=[]),
            line=SimpleNamespace(
                potential=SimpleNamespace(title=name, reference=name != "mace"), title=lambda _: "a line"
            ),
        )
        for name in ("recorded", "electrode", "mace")
        for ions in (0, 2)
    ]  # fmt: skip
    _, axes = new_axes((3.0, 2.0), "x", "y")
    draw_function(axes, "survival", cast(Any, every))
    looks = {(line.get_color(), str(line.get_linestyle())) for line in axes.lines}
    assert len({colour for colour, _ in looks}) == 3
    assert len(looks) == len(every)


NEUTRAL, CHARGED = "Au36H48O24", "Au36H48Na1O24"


def polarize(campaign: Any, labelled: bool = True) -> dict[str, np.ndarray]:
    """Forty frames in turn without and with an ion, the latter with the water below the metal.

    Returns P_z, Σqz of ions along the outward normal, slab dipoles and potentials, the last two with noise.
    """
    generator, charged = np.random.default_rng(8), np.arange(40) % 2 == 1
    across, ions = generator.normal(-3, 2, size=40), np.where(charged, generator.normal(5, 2, size=40), 0.0)
    across = across + 0.4 * (ions - 5) * charged
    dipoles = 0.5 * across + 0.8 * ions + generator.normal(scale=0.1, size=40)
    potentials = 1 - 0.04 * across - 0.06 * ions + generator.normal(scale=0.005, size=40)
    along_z = np.where(charged, -1.0, 1.0)
    parts = np.stack([along_z * (dipoles - ions), along_z * ions, np.zeros(40)], axis=1)
    labels = {"labels.npz": npz(dipoles=along_z * dipoles, potentials=potentials, parts=parts)}
    key = campaign.commit("label", {"dataset": "film"}, {"frames": 40}, labels if labelled else {})
    order = np.concatenate([np.flatnonzero(charged), np.flatnonzero(~charged)])
    columns = {
        "frame": order, "composition": (~charged[order]).astype(int), "P_z": across[order],
        "dipole_eA": dipoles[order],
    }  # fmt: skip
    values = {
        "blocks": 10, "frames": 40, "without": 0, "reasons": {},
        "compositions": {name: {"frames": 20, "area_A2": 91.66} for name in (NEUTRAL, CHARGED)},
    }  # fmt: skip
    files = {"dipoles.csv": csv_bytes(columns)}
    campaign.commit("dipole", {"frames": "film"}, values, files, {"frames": key})
    return {"P_z": across, "ions": ions, "dipoles": dipoles, "potentials": potentials}


def test_slopes_against_orientation_with_the_ions_taken_out(studied: Any) -> None:
    """Least squares by numpy's own solver; without ions P_z alone."""
    series = polarize(studied)
    (part,) = parts(collected(studied), "polarization")
    charged, neutral = polarization.frames(part)
    assert (neutral.formula, charged.formula) == (NEUTRAL, CHARGED)
    assert (neutral.charged, charged.charged) == (False, True)
    odd = {name: values[1::2] for name, values in series.items()}
    np.testing.assert_allclose(charged.ions, odd["ions"])
    design = np.stack([odd["P_z"], odd["ions"], np.ones(20)], axis=1)
    for name in ("dipoles", "potentials"):
        fitted = np.linalg.lstsq(design, odd[name], rcond=None)[0]
        slope = charged.at_fixed_ions(getattr(charged, name))
        assert slope is not None
        assert slope[0] == pytest.approx(fitted[0])
        without = np.polyfit(series["P_z"][::2], series[name][::2], 1)[0]
        alone = neutral.at_fixed_ions(getattr(neutral, name))
        assert alone == neutral.alone(getattr(neutral, name))
        assert alone is not None
        assert alone[0] == pytest.approx(without)
    residual = charged.without_ions(charged.potentials)
    assert abs(np.polyfit(charged.across, residual, 1)[0] + 0.04) < 0.01, "the ions' part is gone"


def test_polarization_beside_the_paper_in_its_area(studied: Any) -> None:
    """A cell of half the paper's area: 0.04 eV here are 0.02 eV there, a tenth of its 0.2 eV."""
    polarize(studied)
    content = POLAR.build(collected(studied))
    beside = next(block for block in content.blocks if "beside the paper" in getattr(block, "caption", ""))
    assert [row[:3] for row in beside.rows] == [["film", CHARGED, "0.2"], ["film", NEUTRAL, "0.2"]]
    assert all(float(row[-1]) == pytest.approx(0.1, rel=0.1) for row in beside.rows)
    slopes = content.numbers["polarization"]["polar"]["slopes"]["film"][CHARGED]
    assert slopes["potential_V_per_P_z_at_fixed_ions"][0] == pytest.approx(-0.04, abs=0.004)
    (figure,) = content.figures
    assert figure.name == "polarization-polar"
    assert len(figure.columns["P_z"]) == 2 * 40


def test_dipoles_of_a_file_have_no_potential(studied: Any) -> None:
    polarize(studied, labelled=False)
    (part,) = parts(collected(studied), "polarization")
    every = polarization.frames(part)
    assert polarization.paper(part, every) is None
    assert [row[5:] for row in polarization.table(part, every).rows] == [["–", "–"]] * 2
    assert polarization.sentence(part, every) == (
        "Study polar (polarization): 2 compositions. No electrode potential is known."
    )


@pytest.mark.parametrize(
    ("values", "expected", "words"),
    [((2.0, None, 4.0), (3.0, 2.0, 4.0, 2, np.sqrt(2)), "3.00 (2.00 to 4.00)"),
     ((5.0,), (5.0, 5.0, 5.0, 1, np.nan), "5.00"), ((None, float("nan")), None, "")],
)  # fmt: skip
def test_extremes(values: Any, expected: tuple[float, ...] | None, words: str) -> None:
    extremes = Extremes.of(values)
    assert (extremes and astuple(extremes)) == (expected and pytest.approx(expected, nan_ok=True))
    assert not extremes or extremes.words() == words


@pytest.mark.whole
def test_the_whole_report_with_studies(studied: Any, tmp_path: Path) -> None:
    """Each section on the page and in results.json; the general sections show the campaign's own entries."""
    learn(studied)
    hold(studied)
    heat(studied)
    page = build_report(studied.document, studied.tasks, studied.store, tmp_path / "out").read_text("utf-8")
    results = read_json(tmp_path / "out/results.json")
    for name in ("data_efficiency", "stability", "thermostats"):
        assert f'<section id="{name}"' in page
        assert len(results[name]) == 1
    assert set(results["committees"]) == {"mace"}
    assert set(results["md"]) == {"bulk", "truth"}
    assert set(results["campaign"]["asked"]["studies"]) == set(STUDIES)
    assert "hold-tiny-10-0" in results["campaign"]["asked"]["md"]
    assert {"data-efficiency-learning", "thermostats-heat"} <= set(results["figures"])
    assert (tmp_path / "out/figures/data-efficiency-learning.pdf").read_bytes().startswith(b"%PDF")
    assert any(words.startswith("Study hold (stability)") for words in results["verdict"])


@pytest.fixture
def compared(studied: Any) -> Any:
    """A foundation model's runs of the charged and the neutral interface beside the committee's."""
    campaign, document = studied, studied.document["campaign"]
    document["models"]["oc25"] = {"architecture": "mace", "preset": "tiny", "dtype": "float64"}
    add(campaign, "charged", "mace")
    add(campaign, "truth", None)
    add(campaign, "neutral", "mace", replicas=1, ions=0)
    entries = {}
    for name, against, changes in (
        ("large-3", "charged", {"shift": 8.0}),
        ("large-0", "neutral", {"ions": 0}),
    ):
        document["studies"][name] = {
            "kind": "foundation", "model": "oc25", "split": "main", "start": {"system": "box"},
            "md": {"length": "2 ps"}, "against": [against],
            **({"reference": "truth"} if against == "charged" else {}),
        }  # fmt: skip
        document["committees"][name] = {"model": "oc25", "split": "main", "grow": None}
        entries[name] = {"kind": "foundation", "entries": {"committees": [name], "md": [name]}}
        adopt(campaign, name)
        add(campaign, name, name, **changes)
    campaign.document["studies"].update(entries)
    return campaign


def adopt(campaign: Any, committee: str) -> None:
    """The committee's one member, from a user's file, and its errors: those of another, doubled."""
    subject = {"committee": committee, "round": 0, "member": 0}
    key = campaign.commit("adopt", subject, {"parameters": 7, "numbers": [1, 8, 11, 79]}, {})
    (errors, *_) = collected(campaign).of("evaluate", committee="mace")
    values = copy.deepcopy(errors.values)
    values["test"]["force"]["all"]["rmse_meV_per_A"] *= 2
    campaign.commit("evaluate", subject, values, {}, {"model": key})


def test_a_foundation_model_beside_a_specific_one(compared: Any) -> None:
    """Runs shifted by eight of their errors differ, by hand: 8 of 1, less 0, over √2 of two runs each."""
    results = collected(compared)
    charged, neutral = parts(results, "foundation")
    assert (charged.name, neutral.name) == ("large-3", "large-0")
    (group,) = foundation.compared(charged)
    (two,) = foundation.beside(charged, group)
    assert (two.own.name, two.other.name) == ("large-3", "charged")
    (across,) = [one for one in two.differences() if "P_z" in one.quantity]
    assert across.verdict == "larger"
    expected = (
        foundation.numbered(two.own, "total_orientation").mean
        - foundation.numbered(two.other, "total_orientation").mean
    )
    assert across.change.mean == pytest.approx(expected)
    assert expected > 0
    rows = {row[1]: row for row in foundation.paper(charged, [two]).rows}  # type: ignore[union-attr]
    assert rows["mean P_z"][2::4] == ["larger (less negative)", "larger"]
    ions = rows["Na at its highest, 0 < z ≤ 4.5 Å, mol/L"]
    assert (ions[2], ions[-1]) == ("larger", "–"), "the highest of noisy bins is not tested"
    assert float(ions[3].split()[0]) > float(ions[4].split()[0])


def test_the_neutral_interface_has_other_words_of_the_paper(compared: Any) -> None:
    """One run alone says nothing; the width of P_z, which these made-up runs do not have, is not known."""
    results = collected(compared)
    _, neutral = parts(results, "foundation")
    (two,) = foundation.beside(neutral, *foundation.compared(neutral))
    density, width = two.paper()
    assert (density.paper, density.verdict) == ("agrees closely", "withheld")
    assert (width.quantity, width.paper, width.verdict) == ("width of P_z", "slightly smaller", "withheld")
    assert np.isnan(width.own.mean)


def test_its_errors_stand_beside_those_of_the_same_frames(compared: Any) -> None:
    results = collected(compared)
    charged, _ = parts(results, "foundation")
    mine, other = foundation.errors(charged).rows
    assert mine[:4] == ["large-3", "M = 1, a model of the user's", "main", "40"]
    assert other[0] == "mace"
    assert float(mine[4].split()[0]) > float(other[4].split()[0])


def test_the_section_of_foundation_models(compared: Any) -> None:
    content = FOUNDATION.build(own(collected(compared)))
    numbers = content.numbers["foundation"]
    assert set(numbers) == {"large-3", "large-0"}
    assert numbers["large-3"]["against"]["charged"]["figure_8"]["mean P_z"]["verdict"] == "larger"
    names = [figure.name for figure in content.figures]
    assert [name.startswith(f"overlay-{study}-") for name, study in zip(names, numbers, strict=True)] == [
        True
    ] * 2
    figure = content.figures[0]
    assert {"large-3", "charged", "truth"} == set(figure.columns["md"])
    (sentence, withheld) = [words for paragraph in content.verdict for words in paragraph]
    assert withheld.startswith("Study large-0 (foundation): compared with 1 run. Withheld: ")
    assert "because one run alone says nothing of what starts differ by" in withheld
    (rows,) = [b.rows for b in content.blocks if getattr(b, "caption", "").startswith("large-0: averages")]
    assert {row[-1] for row in rows} == {"withheld: one run alone says nothing of what starts differ by"}
    assert f"Withheld: {len(rows)} of {len(rows)} differences" in withheld
    assert sentence.startswith("Study large-3 (foundation): compared with 1 run. ")
    assert "P_z larger than in charged" in sentence
    own_words = [caution.sentence for caution in content.warnings]
    assert any("which frames the user's models were trained on is not known" in words for words in own_words)


def test_a_run_of_another_system_is_not_compared(compared: Any) -> None:
    compared.document["campaign"]["studies"]["large-0"]["against"] = ["charged", "neutral"]
    content = FOUNDATION.build(own(collected(compared)))
    words = [caution.sentence for caution in content.warnings if caution.place == "large-0"]
    assert any("charged is not compared: it has not run, or is of other atoms" in one for one in words)


def test_committees_that_studies_calibrate_are_named_where_the_campaign_has_none(studied: Any) -> None:
    """Of the campaign's own committee there is no α; `learning` has one, and the page does not deny it."""
    studied.tasks[:] = [task for task in studied.tasks if task.verb != "calibrate"]
    nothing = _gallery(studied).nothing
    assert nothing == "No committee of two or more members is evaluated."
    learn(studied)
    studied.commit("calibrate", {"committee": "learning-local-10", "round": 0}, {"compositions": {}}, {})
    nothing = _gallery(studied).nothing
    assert nothing.startswith(
        "No committee of two or more members is evaluated outside studies. Committees of"
    )
    assert "learning are" in nothing


def _gallery(campaign: Any) -> Gallery:
    blocks = UNCERTAINTY.build(own(collected(campaign))).blocks
    (gallery,) = [block for block in blocks if isinstance(block, Gallery)]
    return gallery

"""What each study unfolds into, counted by hand from the paper's protocol."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlipbench_hpc.campaign.unfold import Unfolded, unfold

MODELS = ["dp", "dp-mp", "grace-1l", "mace"]
DRAW = {"dataset": "neutral", "validation": 100, "test": 200, "seed": 3}


def unfolded(**entry: Any) -> Unfolded:
    """The study `paper` alone."""
    result = unfold({"studies": {"paper": entry}})
    assert result.wrong == []
    return result


def test_figure_2_is_four_models_at_four_sizes_mace_once() -> None:
    sizes = [50, 100, 500, 1000]
    result = unfolded(
        kind="data-efficiency", models=MODELS, sizes=sizes, repeats=3, repeats_of={"mace": 1}, **DRAW
    )
    entries = result.entries("paper")
    assert entries["splits"] == [f"paper-{size}x{repeats}" for size in sizes for repeats in (3, 1)]
    assert len(entries["committees"]) == 16
    assert set(entries) == {"splits", "committees"}
    splits, committees = result.document["splits"], result.document["committees"]
    assert splits["paper-500x3"] == DRAW | {"train": 500, "members": 3}
    assert splits["paper-500x1"] == DRAW | {"train": 500, "members": 1}
    assert committees["paper-mace-500"] == {"model": "mace", "split": "paper-500x1"}
    assert committees["paper-dp-mp-500"] == {"model": "dp-mp", "split": "paper-500x3"}
    trained = sum(splits[committee["split"]]["members"] for committee in committees.values())
    assert trained == 3 * 4 * 3 + 4


def test_models_that_all_repeat_otherwise_need_no_split_of_the_default() -> None:
    result = unfolded(kind="data-efficiency", models=["mace"], sizes=[50], repeats_of={"mace": 1}, **DRAW)
    assert result.entries("paper") == {"splits": ["paper-50x1"], "committees": ["paper-mace-50"]}


def test_figure_3_is_three_runs_of_each_model_at_three_sizes() -> None:
    run = {"length": "100 ps", "timestep": "0.5 fs", "fixed_layers": 2}
    start = {"dataset": "starts", "frames": [7, 8, 9]}
    result = unfolded(kind="stability", models=MODELS, sizes=[50, 100, 500], start=start, md=run, **DRAW)
    runs = result.document["md"]
    assert len(runs) == 4 * 3 * 3
    assert runs["paper-dp-mp-100-2"] == run | {
        "committee": "paper-dp-mp-100", "member": 2, "start": {"dataset": "starts", "frames": [9]},
    }  # fmt: skip
    assert len(result.entries("paper")["committees"]) == 12


def test_figure_8_is_a_run_of_the_model_beside_those_of_others() -> None:
    run = {"length": "1 ns", "timestep": "1 fs", "fixed_layers": 2}
    start = {"dataset": "charged", "frames": [3]}
    result = unfold(
        {
            "md": {"mace-3": {}, "dft": {}},
            "studies": {
                "large": {"kind": "foundation", "model": "oc25", "split": "three", "start": start, "md": run,
                          "replicas": 2, "against": ["mace-3"], "reference": "dft"}
            },
        }
    )  # fmt: skip
    assert result.wrong == []
    assert result.entries("large") == {"committees": ["large"], "md": ["large"]}
    assert result.document["committees"]["large"] == {"model": "oc25", "split": "three"}
    assert result.document["md"]["large"] == run | {"committee": "large", "start": start, "replicas": 2}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"against": ["mace-4"]}, ("against", 0), "no such entry in `md`"),
        ({"reference": "mace-3"}, ("reference",), "each run once"),
        ({"against": ["mace-3", "mace-3"]}, ("against", 1), "each of `against` once"),
    ],
)
def test_what_a_foundation_study_cannot_compare_is_refused(
    changes: dict[str, Any], path: tuple[str | int, ...], words: str
) -> None:
    entry = {"kind": "foundation", "model": "oc25", "split": "three", "start": {"system": "box"},
             "md": {"length": "1 ns"}, "against": ["mace-3"]}  # fmt: skip
    (mistake,) = unfold({"md": {"mace-3": {}}, "studies": {"large": entry | changes}}).wrong
    assert mistake.place == ("studies", "large", *path)
    assert words in f"{mistake.message} {mistake.expected}"


def test_a_system_is_the_start_of_all_repeats() -> None:
    result = unfolded(
        kind="stability", models=["dp"], sizes=[5], start={"system": "box"}, md={"length": "1 ps"}, **DRAW
    )
    assert [run["start"] for run in result.document["md"].values()] == [{"system": "box"}] * 3


def test_figure_s5_is_a_run_for_each_engine() -> None:
    chain = {"kind": "nose-hoover-chain", "damping": "50 fs"}
    cases = {
        "lammps": {"committee": "mace", "engine": "lammps", "thermostat": chain},
        "ase": {"potential": "electrode", "engine": "ase"},
    }
    start, run = {"dataset": "neutral"}, {"length": "100 ps", "temperature": "300 K"}
    result = unfolded(kind="thermostats", start=start, replicas=2, md=run, cases=cases)
    shared = run | {"start": start, "replicas": 2}
    assert result.document["md"] == {
        "paper-lammps": shared | cases["lammps"], "paper-ase": shared | cases["ase"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"md": {"length": "1 ps", "engine": "ase"}}, "`engine` under each of `cases`"),
        ({"cases": {"one": {"engine": "ase"}}}, "exactly one of `committee` and `potential`"),
        ({"cases": {}}, "at least one entry"),
    ],
)
def test_cases_that_say_too_much_or_too_little_are_refused(entry: dict[str, Any], said: str) -> None:
    good = {
        "kind": "thermostats", "start": {"dataset": "neutral"}, "md": {"length": "1 ps"},
        "cases": {"one": {"committee": "mace", "engine": "ase"}},
    }  # fmt: skip
    result = unfold({"studies": {"paper": good | entry}})
    (mistake,) = result.wrong
    assert mistake.place[:2] == ("studies", "paper")
    assert said in mistake.expected
    assert result.homes == {}


def test_figure_s9_is_the_same_scans_by_every_potential() -> None:
    scan = {"start": {"dataset": "neutral", "frames": [3, 9]}, "each": 3, "distance": "1.2 Å", "points": 121}
    result = unfolded(kind="roughness", committees=["dp-50", "mace-50"], reference="electrode", **scan)
    assert result.document["scans"] == {
        "paper-dp-50": scan | {"committee": "dp-50"}, "paper-mace-50": scan | {"committee": "mace-50"},
        "paper-electrode": scan | {"potential": "electrode"},
    }  # fmt: skip
    assert result.entries("paper") == {"scans": ["paper-dp-50", "paper-mace-50", "paper-electrode"]}
    alone = unfolded(kind="roughness", committees=["dp-50"], start={"system": "film"})
    assert alone.document["scans"] == {"paper-dp-50": {"start": {"system": "film"}, "committee": "dp-50"}}


def test_options_of_the_reference_stand_where_it_is_named() -> None:
    reference = {"potential": "electrode", "electrostatics": "three-periodic"}
    start = {"start": {"system": "film"}}
    result = unfolded(kind="roughness", committees=["dp-50"], reference=reference, **start)
    assert result.document["scans"]["paper-electrode"] == start | reference
    home = result.homes["scans", "paper-electrode"]
    for key in reference:
        assert home.place((key,)) == ("studies", "paper", "reference", key)
    assert home.place(("start", "system")) == ("studies", "paper", "start", "system")


def beside(entry: dict[str, Any]) -> Unfolded:
    """The study `paper` beside entries to which it may refer."""
    return unfold({"studies": {"paper": entry}, "committees": {"dp": {}}, "md": {"truth": {}, "a": {}}})


def test_figure_5_is_a_task_of_composed_frames_where_a_floor_is_asked_for() -> None:
    floor = {"split": "mixed", "potential": "electrode", "radii": ["6 Å", "10 Å"], "gold": "rigid"}
    result = beside({"kind": "visibility", "committees": ["dp"], "floor": floor})
    assert (result.wrong, result.document["locality"]) == ([], {"paper": floor})
    assert beside({"kind": "visibility", "committees": ["dp"]}).entries("paper") == {}


def test_solvation_makes_nothing() -> None:
    result = beside({"kind": "solvation", "runs": ["truth"], "bin": "0.1 Å"})
    assert (result.wrong, result.homes) == ([], {})


SCAN = {"kind": "roughness", "committees": ["dp"], "start": {"dataset": "n"}}
SIGHT = {"kind": "visibility", "committees": ["dp"]}
FLOOR = {"split": "m", "potential": "e", "radii": ["6 Å"]}


@pytest.mark.parametrize(
    ("entry", "place", "said"),
    [
        (SCAN | {"distance": "0.5 Å"}, (), "0.8 Å"),
        (SCAN | {"points": 21, "distance": "2 Å"}, (), "0.05 Å apart"),
        (SCAN | {"committees": ["dp", "dp"]}, ("committees", 1), "once"),
        (SCAN | {"committees": ["electrode"], "reference": "electrode"}, ("reference",), "no committee has"),
        (SCAN | {"start": {"dataset": "n", "frames": [1, 1]}}, ("start", "frames", 1), "`frames` once"),
        (SCAN | {"committees": ["e"], "reference": {"potential": "e"}}, ("reference",), "no committee has"),
        (SCAN | {"reference": {"potential": "e", "points": 21}}, ("reference",), "and points beside"),
        (SCAN | {"reference": {"gold": "rigid"}}, ("reference", "potential"), ""),
        (SCAN | {"reference": 3}, ("reference",), "potential"),
        (SCAN | {"reference": "not a name"}, ("reference",), "a name"),
        (SIGHT | {"floor": FLOOR | {"radii": []}}, ("floor", "radii"), "at least one"),
        (SIGHT | {"floor": FLOOR | {"radii": ["6 Å", "6 Å"]}}, ("floor", "radii", 1), "once"),
        (SIGHT | {"committees": ["dp", "dp"]}, ("committees", 1), "once"),
        ({"kind": "solvation", "runs": ["a", "a"]}, ("runs", 1), "once"),
    ],
)
def test_probes_that_say_too_much_or_too_little_are_refused(
    entry: dict[str, Any], place: tuple[str, ...], said: str
) -> None:
    (mistake,) = beside(entry).wrong
    assert mistake.place == ("studies", "paper", *place)
    assert said in mistake.expected


def test_table_i_is_a_timing_of_each_committee_and_engine() -> None:
    protocol = {"start": {"dataset": "neutral", "frames": [4]}, "timestep": "0.5 fs", "scan_time": "10 min"}
    engines = {"dp": ["lammps", "jax-md"]}
    result = unfolded(kind="speed", committees=["dp", "mace"], engines=engines, against="mace", **protocol)
    assert result.document["speed"] == {
        "paper-dp-lammps": protocol | {"committee": "dp", "engine": "lammps"},
        "paper-dp-jax-md": protocol | {"committee": "dp", "engine": "jax-md"},
        "paper-mace": protocol | {"committee": "mace"},
    }


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"committees": ["dp", "dp"]}, "each of `committees` once"),
        ({"engines": {"dp": []}}, "an engine"),
        ({"engines": {"dp": ["ase", "ase"]}}, "each of `dp` once"),
        ({"engines": {"pd": ["ase"]}}, "one of `committees`: dp"),
        ({"against": "mace"}, "one of `committees`: dp"),
        ({"start": {"dataset": "neutral", "frames": [1, 2]}}, "one frame"),
    ],
)
def test_timings_that_cannot_be_made_are_refused(entry: dict[str, Any], said: str) -> None:
    good = {"kind": "speed", "committees": ["dp"], "start": {"dataset": "neutral"}}
    result = unfold({"studies": {"paper": good | entry}})
    assert [said in f"{mistake.message} {mistake.expected}" for mistake in result.wrong] == [True]


MIX: dict[str, Any] = {
    "kind": "mixed-vs-specific", "models": ["dp", "mace"], "counts": [0, 1, 2, 3, 4], "train": 500,
    "members": 5, "md": {"length": "1 ns"}, "replicas": 2, "held_out": [3],
    "targets": [
        {"ions": 0, "start": {"dataset": "all", "frames": [1, 2]}},
        {"ions": 3, "start": {"dataset": "all", "frames": [8, 9]}},
    ],
} | DRAW | {"dataset": "all"}  # fmt: skip


def test_figures_4_and_6_are_specific_and_mixed_committees_run_at_their_targets() -> None:
    """Two specific splits, mixed with 5 x 500 and with 500 in all, and 4 x 500 without three ions.

    By hand: five splits, two committees each, of five members; runs: at 0 of three arms, at 3 of four.
    """
    result = unfolded(**MIX)
    entries = result.entries("paper")
    assert entries["splits"] == [
        "paper-specific-0", "paper-specific-3", "paper-mixed", "paper-small-mixed", "paper-without-3",
    ]  # fmt: skip
    assert len(entries["committees"]) == 10
    assert len(entries["md"]) == 2 * (3 + 4)
    splits = result.document["splits"]
    draw = DRAW | {"dataset": "all", "members": 5}
    counts = {"train": {"Na": [0, 1, 2, 3, 4]}}
    own = {"Na": [3]}
    assert splits["paper-specific-3"] == draw | {"train": 500, "restrict": {"train": own, "held_out": own}}
    assert splits["paper-mixed"] == draw | {"train": 2500, "equal": "Na", "restrict": counts}
    assert splits["paper-small-mixed"] == draw | {"train": 500, "equal": "Na", "restrict": counts}
    assert splits["paper-without-3"] == draw | {
        "train": 2000, "equal": "Na", "restrict": {"train": {"Na": [0, 1, 2, 4]}},
    }  # fmt: skip
    assert result.document["md"]["paper-without-3-mace-at-3"] == {
        "committee": "paper-without-3-mace", "start": {"dataset": "all", "frames": [8, 9]}, "replicas": 2,
        "length": "1 ns",
    }  # fmt: skip
    assert "paper-without-3-mace-at-0" not in result.document["md"]
    assert "paper-specific-0-mace-at-3" not in result.document["md"]


def test_a_charge_state_may_have_a_length_of_its_own() -> None:
    """As in the paper, 1 ns without ions and 2 ns with three."""
    start = {"dataset": "mixed", "frames": [3]}
    targets = [{"ions": 0, "start": start, "length": "1 ns"}, {"ions": 3, "start": start}]
    entry = {"kind": "mixed-vs-specific", "dataset": "all", "validation": 500, "test": 100,
             "models": ["mace"], "counts": [0, 3], "train": 500, "targets": targets,
             "md": {"length": "2 ns"}}  # fmt: skip
    md = unfolded(**entry).document["md"]
    assert {name: run["length"] for name, run in md.items() if "-mixed-" in name and "small" not in name} == {
        "paper-mixed-mace-at-0": "1 ns", "paper-mixed-mace-at-3": "2 ns",
    }  # fmt: skip


def test_runs_of_specific_and_mixed_models_are_reweighted_as_the_user_s_own() -> None:
    hold = {
        "kind": "stability", "models": ["dp"], "sizes": [5], "start": {"system": "box"}, "repeats": 1,
        "md": {"length": "1 ps"},
    } | DRAW  # fmt: skip
    result = unfold({"studies": {"paper": MIX, "hold": hold}, "md": {"mine": {"committee": "dp"}}})
    runs = ["mine", *result.entries("paper")["md"]]
    assert result.document["analysis"]["reweight"]["md"] == runs
    alone = unfold({"studies": {"paper": MIX}})
    assert "analysis" not in alone.document, "all runs are reweighted by default"


@pytest.mark.parametrize(
    ("entry", "place", "said"),
    [
        ({"counts": [0, 3, 3]}, ("counts", 2), "each of `counts` once"),
        ({"counts": [0, 1]}, ("targets", 1, "ions"), "one of `counts`: 0, 1"),
        ({"held_out": [1]}, ("held_out", 0), "one of `ions of targets`: 0, 3"),
        ({"counts": [0, 3]}, ("counts",), "at least three"),
        ({"targets": [MIX["targets"][0]] * 2}, ("targets", 1, "ions"), "each number of ions once"),
    ],
)
def test_charge_states_that_cannot_be_compared_are_refused(
    entry: dict[str, Any], place: tuple[str | int, ...], said: str
) -> None:
    result = unfold({"studies": {"paper": MIX | entry}})
    found = {mistake.place: mistake.expected for mistake in result.wrong}
    assert said in found["studies", "paper", *place]


def test_all_mistakes_of_a_study_are_told_at_once() -> None:
    entry = MIX | {"models": ["dp", "dp"], "counts": [0, 1], "held_out": [7]}
    found = [mistake.place[2:] for mistake in unfold({"studies": {"paper": entry}}).wrong]
    assert found == [("models", 1), ("targets", 1, "ions"), ("held_out", 0), ("counts",)]


def test_figure_s2_is_a_reweighting_of_each_case() -> None:
    cases = {"dp": {"run": "specific-dp", "against": "mixed-dp"}, "mace": {"run": "a", "against": "b"}}
    result = unfolded(kind="reweighting-check", cases=cases, stride=5)
    assert result.document["reweighting"] == {
        "paper-dp": cases["dp"] | {"stride": 5}, "paper-mace": cases["mace"] | {"stride": 5},
    }  # fmt: skip


def test_the_readme_leads_from_figures_to_the_paper_s_studies() -> None:
    """Every study of paper.yaml stands behind its kind, and nothing that is not there."""
    folder = Path(__file__).parents[2] / "campaigns"
    rows = (folder / "README.md").read_text().split("| in the paper | write |")[1].split("\n\n")[0]
    named = {
        (kind, name)
        for kind, names in re.findall(r"`([a-z-]+)`: ((?:`[a-z0-9-]+`(?:, )?)+)", rows)
        for name in re.findall(r"`([a-z0-9-]+)`", names)
    } | set(re.findall(r"(stability)`: `hold`; runs of 1 ns in Fig. S8: `(hold-1ns)`", rows))
    paper, laptop = (yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("paper", "laptop"))
    studies = {(entry["kind"], name) for name, entry in paper["studies"].items()}
    others = {("polarization", "answer"), ("trajectories", "dft")}
    assert named == studies | others
    assert laptop["studies"]["answer"]["kind"] == "polarization"
    assert "dft" in paper["trajectories"]

"""What a campaign may say of training data: validated, planned with keys, and done as it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from ase.io import write
from training_data import JOINED, SPLIT, campaign, refused, wells

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import EXIT_COMMITTED
from mlipbench_hpc.contract.versions import verb_versions
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.worker.__main__ import attempt


def planned(path: Path) -> dict[str, Any]:
    """Tasks by verb and dataset or split."""
    validated = validate(path)
    identities = {name: f"venv:{name}" for name in ("analysis", "reference", "tests")}
    setting = Setting(validated.datasets, validated.systems, find(), identities, verb_versions())
    return {item.task.label: item.task for item in expand(validated.campaign, setting, {})}


def split(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """split.json and the result's values of the campaign's only split, run as a worker does."""
    store = Store(path.parent / "store")
    store.create()
    tasks = planned(path)
    for source in path.parent.glob("*.xyz"):
        store.add_input(source)
    for task in tasks.values():
        folder = store.begin(task)
        assert attempt(folder, None, commit=True) == EXIT_COMMITTED, (folder / "failure.json").read_text()
    (task,) = [task for task in tasks.values() if task.verb == "split"]
    record = json.loads((store.task(task.key) / "split.json").read_text())
    values: dict[str, Any] = (store.result(task.key) or {})["values"]
    return record, values


def test_sets_by_a_key_of_the_file(tmp_path: Path) -> None:
    words = ["train"] * 25 + ["val"] * 7 + ["test"] * 5 + ["odd"] * 3
    sets = "{dataset: mine, sets: {train: train, validation: val, test: [test]}, train: 9, members: 2}"
    path = campaign(tmp_path, wells(config_type=words), ", labels: {set: config_type}", sets)
    record, values = split(path)
    assert record["validation"] == list(range(25, 32))
    assert record["test"] == list(range(32, 37))
    assert all(set(member) < set(range(25)) for member in record["members"])
    assert values["separation"] is None
    there = "train (25), val (7), test (5), odd (3)"
    misspelt = campaign(
        tmp_path, wells(config_type=words), ", labels: {set: config_type}", sets.replace("val,", "vall,")
    )
    assert f"no frame is of this set; received 'vall'; expected one of {there}; did" in refused(misspelt)
    assert "one set of frames is to be two; received 'val'" in refused(
        campaign(
            tmp_path,
            wells(config_type=words),
            ", labels: {set: config_type}",
            sets.replace("[test]", "[val]"),
        )
    )
    assert "the frames of `mine` name no set" in refused(campaign(tmp_path, wells(), "", sets))
    once = "validation once: as a word under `sets`, or as `validation`"
    for changed in (sets.replace("members", "validation: 4, members"), sets.replace("validation: val, ", "")):
        assert once in refused(
            campaign(tmp_path, wells(config_type=words), ", labels: {set: config_type}", changed)
        )
    taken = sets.replace("validation: val, ", "").replace("members", "validation: 4, members")
    record, _ = split(campaign(tmp_path, wells(config_type=words), ", labels: {set: config_type}", taken))
    assert len(record["validation"]) == 4
    assert set(record["validation"]) < set(range(25))
    assert "either `sets`, or `validation` and `test`" in refused(
        campaign(tmp_path, wells(config_type=words), "", sets.replace("members", "test: 4, members"))
    )


def test_files_of_their_own_for_each_set(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(JOINED)
    for seed, name in enumerate("abc"):
        write(tmp_path / f"{name}.xyz", wells(20 - 5 * seed, seed), format="extxyz")
    record, _ = split(tmp_path / "c.yaml")
    assert record["validation"] == list(range(20, 35))
    assert record["test"] == list(range(35, 45))
    write(tmp_path / "c.xyz", wells(3, 5) + wells(20, 0)[4:5], format="extxyz")
    with pytest.raises(CampaignError, match="frame 4 of learn and frame 3 of last are the same structure"):
        split(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("[learn, judge, all]", "is made of its own frames; received all -> all; expected other datasets"),
        ("[learn, judge, learn]", "joined twice; received learn"),
        ("[learn, judge, lost]", "no such entry in `datasets`; received 'lost'"),
    ],
)
def test_joins_that_cannot_be(tmp_path: Path, new: str, words: str) -> None:
    (tmp_path / "c.yaml").write_text(JOINED.replace("[learn, judge, last]", new).split("splits:")[0])
    for name in "abc":
        write(tmp_path / f"{name}.xyz", wells(5, ord(name)), format="extxyz")
    assert words in refused(tmp_path / "c.yaml")


def test_whole_trajectories_stay_together(tmp_path: Path) -> None:
    """Ten runs of four frames, interleaved in the file."""
    runs = [f"run{index % 10}" for index in range(40)]
    path = campaign(
        tmp_path, wells(run=runs), ", labels: {trajectory: run}", SPLIT % ", group_by: trajectory"
    )
    record, values = split(path)
    sets = [{runs[index] for index in record[name]} for name in ("validation", "test")]
    learned = {runs[index] for member in record["members"] for index in member}
    assert not sets[0] & sets[1]
    assert not (sets[0] | sets[1]) & learned
    assert values["separation"]["frames"] == {"-1": 8}
    assert "name no trajectory" in refused(campaign(tmp_path, wells(), "", SPLIT % ", group_by: trajectory"))


def test_blocks_with_a_gap(tmp_path: Path) -> None:
    record, values = split(campaign(tmp_path, wells(), "", SPLIT % ", group_by: {block: 5, gap: 2}"))
    assert min(int(distance) for distance in values["separation"]["frames"] if distance != "-1") > 2
    used = [*record["validation"], *record["test"], *record["members"][0]]
    assert all(index % 5 < 3 for index in used)
    assert "a gap below the length of a block" in refused(
        campaign(tmp_path, wells(), "", SPLIT % ", group_by: {block: 5, gap: 5}")
    )


def test_isolated_atoms_are_reference_energies_and_never_drawn(tmp_path: Path) -> None:
    path = campaign(tmp_path, wells(isolated="Ne"))
    record, values = split(path)
    assert record["reference_energies"] == {"10": pytest.approx(-10.0)}
    assert values["reference_energies"] == "isolated atoms"
    used = {*record["validation"], *record["test"], *record["members"][0], *record["members"][1]}
    assert 40 not in used
    assert values["offsets"]["Ne8"]["mean_eV"] == pytest.approx(-20.0, abs=0.5)
    assert "no reference energy of Ne; received isolated atoms" in refused(
        campaign(tmp_path, wells(isolated="Ar"))
    )


@pytest.mark.parametrize(
    ("asked", "source", "energy"),
    [("{Ne: -12.5 eV}", "stated", -12.5), ("{Ne: -1 Hartree}", "stated", -27.211386), ("fit", "fit", None)],
)
def test_reference_energies_of_one_s_own(
    tmp_path: Path, asked: str, source: str, energy: float | None
) -> None:
    record, values = split(
        campaign(tmp_path, wells(isolated="Ne"), "", SPLIT % f", reference_energies: {asked}")
    )
    assert values["reference_energies"] == source
    assert record["reference_energies"]["10"] == pytest.approx(energy or -12.5, abs=0.1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            "{Ar: -1 eV}",
            "no reference energy of Ne; received stated; expected one for each element, or `fit`",
        ),
        ("{Ne: -1}", "expected an energy with its unit (eV, Hartree, Ry), such as `-13.6 eV`"),
        ("isolated atoms", "no reference energy of Ne; received isolated atoms"),
    ],
)
def test_reference_energies_that_are_missing(tmp_path: Path, asked: str, words: str) -> None:
    path = campaign(tmp_path, wells(), "", SPLIT % f", reference_energies: {asked}")
    assert words.removeprefix("expected ") in refused(path)


def test_frames_left_out_and_what_keys_know_of_it(tmp_path: Path) -> None:
    images = wells()
    images[3].info["energy"] += 8.0
    plain = planned(campaign(tmp_path, images))
    left = planned(campaign(tmp_path, images, ", leave_out: {frames: [0], energy: 500 meV/atom}"))
    assert {plain[name].key == left[name].key for name in plain} == {False}
    facts = validate(tmp_path / "c.yaml").datasets["mine"]
    assert facts.frames == 38
    assert "left out by `frames`: 1 frames" in facts.understood
    assert "left out by `energy`: 1 frames" in facts.understood
    _, values = split(tmp_path / "c.yaml")
    assert values["pool"] == 30


def test_options_that_are_not_used_leave_keys_alone(tmp_path: Path) -> None:
    """A split's parameters are those it had before there were sets, groups and stated energies."""
    task = planned(campaign(tmp_path, wells()))["split split=main train=8"]
    assert sorted(task.parameters) == ["disjoint", "members", "only", "seed", "test", "train", "validation"]


def test_charges_are_refused_unless_ignored(tmp_path: Path) -> None:
    images = wells(charge=[-1] * 40)
    assert "40 frames have `charge` (-1 in frame 0), which no model here uses" in refused(
        campaign(tmp_path, images)
    )
    assert validate(campaign(tmp_path, images, ", ignore: [charge]")).datasets["mine"].frames == 40


def test_two_committees_of_one_training_set_are_refused(tmp_path: Path) -> None:
    text = SPLIT.replace("train: 8", "train: 32") % ""
    assert "a committee larger than the data allows" in refused(campaign(tmp_path, wells(), "", text))


@pytest.mark.parametrize("letter", ["\u00c5", "\u212b", "A\u030a"])
def test_angstrom_in_each_of_its_forms(tmp_path: Path, letter: str) -> None:
    path = campaign(tmp_path, wells(), ", largest_force: 50 eV/Å")
    path.write_text(path.read_text().replace("Å", letter))
    assert validate(path).datasets["mine"].frames == 40


def test_a_number_for_a_name_and_a_merge_key(tmp_path: Path) -> None:
    path = campaign(tmp_path, wells())
    path.write_text(path.read_text().replace("name: c", "name: 2024"))
    assert refused(path) == '1: name: is a number, not a word; received 2024; expected it in quotes: "2024"'
    path.write_text(
        path.read_text().replace("name: 2024", "name: c").replace("  mine:\n", "  mine:\n    <<: {a: 1}\n")
    )
    assert refused(path) == "4: merge keys (`<<`) are not supported; expected its keys written out"

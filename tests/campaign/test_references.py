"""Names that lead nowhere and science that cannot work."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from mlipbench_hpc.architectures.card import Card, Hyperparameter
from mlipbench_hpc.architectures.kernel import Kernel
from mlipbench_hpc.architectures.restart import Restart
from mlipbench_hpc.campaign.facts import DatasetFacts, built_facts, frames_facts, joined_facts
from mlipbench_hpc.campaign.problem import Mistake, dotted
from mlipbench_hpc.campaign.references import check_names, check_references
from mlipbench_hpc.campaign.spec import Campaign, Slab, System
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.card import cards

CARD = Card(
    name="spring",
    environment="tests",
    engines=("ase",),
    devices=("cpu",),
    dtypes=("float64",),
    citation=(),
    restart=Restart("bitwise", "bitwise"),
    hyperparameters={"stiffness": Hyperparameter("float", 1.0, "eV/Å²", minimum=0.0)},
    presets={"stiff": {"stiffness": 9.0}},
    default_preset="stiff",
    receptive_field={},
    cost={},
    kernels={
        "fast": Kernel(
            "fast_springs", "tests", ("ase",), ("cpu",), "bitwise", (), {}, "cc", {"stiffness": 9.0}
        )
    },
)
WATER = DatasetFacts("0" * 64, (24,) * 30 + (48,) * 10, {"H16O8": 30, "H32O16": 10}, (1, 8))
SODIUM = DatasetFacts("1" * 64, (25,) * 4, {"H16NaO8": 4}, (1, 8, 11))


def campaign(**changes: Any) -> Campaign:
    """A sound campaign on 40 frames, with changes given as section__name__field=value."""
    file = {"path": "x", "format": "extxyz", "units": {"energy": "eV", "force": "eV/Å"}}
    document: dict[str, Any] = {
        "name": "one",
        "systems": {"box": {"water_box": {"molecules": 8}}},
        "datasets": {"water": {"file": file}, "salt": {"file": file}},
        "splits": {"four": {"dataset": "water", "validation": 5, "test": 5, "train": 20}},
        "models": {"a": {"architecture": "spring"}},
        "committees": {"first": {"model": "a", "split": "four"}},
        "md": {"bulk": {"committee": "first", "start": {"system": "box"}, "length": "2 ps"}},
    }
    for path, value in changes.items():
        *keys, last = path.split("__")
        here = document
        for key in keys:
            here = here.setdefault(key, {})
        here[last] = value
    return Campaign.model_validate(document)


def mistakes_of(campaign: Campaign, card: Card = CARD) -> list[Mistake]:
    systems = {name: facts for name, one in campaign.systems.items() if (facts := built_facts(one))}
    return check_references(campaign, {"water": WATER, "salt": SODIUM}, systems, {"spring": card}, cards())


def test_a_sound_campaign_has_no_mistake():
    assert mistakes_of(campaign()) == []
    assert check_names(campaign().model_dump(exclude_none=True)) == []


SLAB = {"size": [4, 4, 3], "waters": 40, "ions": 2}
GENERATE = {"system": "box", "potential": "spc-fw", "temperatures": ["300 K", "310 K"], "frames": 10}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (
            {"splits__four__train": 31},
            "splits.four.train",
            ["more frames than", "31 frames", "at most 30 (40 frames"],
        ),
        (
            {"splits__four__disjoint": True},
            "splits.four.train",
            ["committee larger than the data", "4 x 20", "most 7"],
        ),
        (
            {"splits__four__train": 30},
            "splits.four.members",
            ["committee larger than the data", "at most 1 members"],
        ),
        (
            {"splits__four__test": 35},
            "splits.four.validation",
            ["nothing to train on", "5 + 35 of 40 frames"],
        ),
        ({"models__a__architecture": "sprin"}, "models.a.architecture", ["unknown architecture", "spring"]),
        ({"models__a__preset": "stif"}, "models.a.preset", ["no preset 'stif'", "stiff"]),
        (
            {"models__a__hyperparameters": {"stiffness": -1}},
            "models.a.hyperparameters.stiffness",
            ["at least 0", "-1"],
        ),
        (
            {"models__a__hyperparameters": {"stifness": 1}},
            "models.a.hyperparameters.stifness",
            ["did you mean stiff"],
        ),
        ({"models__a__dtype": "float32"}, "models.a.dtype", ["does not offer", "float32", "one of float64"]),
        (
            {"models__a__kernel": "fats"},
            "models.a.kernel",
            ["no such kernel", "'fats'", "one of fast; fast"],
        ),
        (
            {"models__a__kernel": "fast", "models__a__hyperparameters": {"stiffness": 8}},
            "models.a.kernel",
            [
                "does not compute models of this shape",
                "stiffness 8.0",
                "stiffness 9.0, as in the presets stiff",
            ],
        ),
        (
            {"models__a__kernel": "fast", "md__bulk__engine": "lammps"},
            "md.bulk.engine",
            ["spring/fast does not run in it", "'lammps'", "one of ase"],
        ),
        (
            {"committees__first__grow": {"force_rmse": "0.1 eV/Å", "step": 5, "at_most": 4}},
            "committees.first.grow.at_most",
            ["the last round: more frames", "35 frames", "at most 30"],
        ),
        (
            {"md__bulk__timestep": "3 fs", "md__bulk__length": "3 ps"},
            "md.bulk.timestep",
            ["too long", "3 fs", "at most 2 fs"],
        ),
        (
            {"md__bulk__length": "2.0003 ps"},
            "md.bulk.length",
            ["whole number of timesteps", "2.0003 ps", "2.0005 ps"],
        ),
        (
            {"md__bulk__frame_every": "0.1 fs"},
            "md.bulk.frame_every",
            ["whole number of timesteps", "0.0005 ps"],
        ),
        (
            {"md__bulk__checkpoint_every": "1.7 fs"},
            "md.bulk.checkpoint_every",
            ["whole number", "such as 0.0015 ps"],
        ),
        (
            {"systems__box": {"water_box": {"molecules": 8, "density": "1997 kg/m3"}}},
            "systems.box.water_box.density",
            ["so densely", "1.997 g/cm3", "at most 1.5"],
        ),
        ({"md__bulk__equilibration": "2 ps"}, "md.bulk.equilibration", ["nothing is left", "2 ps of 2 ps"]),
        (
            {"md__bulk__frame_every": "0.2 ps"},
            "md.bulk.frame_every",
            ["block errors", "9 frames", "at least 10"],
        ),
        (
            {"md__bulk__stability": {"temperature": "300 K"}},
            "md.bulk.stability.temperature",
            ["end at once", "300 K"],
        ),
        (
            {"md__bulk__start": {"system": "box", "frames": [0, 1]}},
            "md.bulk.start.frames[1]",
            ["no such frame", "0 to 0"],
        ),
        (
            {"md__bulk__start": {"dataset": "water", "frames": [39, 40]}},
            "md.bulk.start.frames[1]",
            ["40", "0 to 39"],
        ),
        ({"md__bulk__fixed_atoms": [3, 24]}, "md.bulk.fixed_atoms[1]", ["no such atom", "24", "0 to 23"]),
        ({"md__bulk__fixed_atoms": list(range(24))}, "md.bulk.fixed_atoms", ["no atom is left to move"]),
        ({"md__bulk__member": 4}, "md.bulk.member", ["first has no such member", "4", "0 to 3"]),
        (
            {"md__bulk__start": {"dataset": "salt"}},
            "md.bulk.start",
            ["species that the model does not know: Na", "H, O"],
        ),
        (
            {"datasets__g": {"generate": {**GENERATE, "timestep": "2.5 fs"}}},
            "datasets.g.generate.timestep",
            ["too long"],
        ),
        (
            {"datasets__g": {"generate": {**GENERATE, "every": "0.7 fs"}}},
            "datasets.g.generate.every",
            ["whole number"],
        ),
        (
            {"datasets__g": {"generate": {**GENERATE, "frames": 1}}},
            "datasets.g.generate.frames",
            ["fewer frames than runs", "at least 2"],
        ),
        (
            {"datasets__g": {"generate": {**GENERATE, "starts": 6}}},
            "datasets.g.generate.frames",
            ["at least 12 (systems x starts x temperatures)"],
        ),
        (
            {"datasets__g": {"generate": {**GENERATE, "potential": "electrode"}}},
            "datasets.g.generate.potential",
            ["needs Au in every frame: gold is the electrode", "box"],
        ),
        (
            {"datasets__g": {"generate": {**GENERATE, "system": None, "systems": ["box", "box"]}}},
            "datasets.g.generate.systems[1]",
            ["named twice"],
        ),
        (
            {"datasets__g": {"label": {"frames": "salt", "potential": "spc-fw"}}},
            "datasets.g.label.potential",
            ["spc-fw does not know: Na", "only H, O"],
        ),
        (
            {"datasets__g": {"label": {"frames": "g", "potential": "spc-fw"}}},
            "datasets.g.label.frames",
            ["its own frames", "g -> g"],
        ),
        (
            {"systems__s": {"slab": {**SLAB, "size": [4, 3, 3]}}},
            "systems.s.slab.size[1]",
            ["in pairs", "3", "even"],
        ),
        ({"systems__s": {"slab": {**SLAB, "ions": 11}}}, "systems.s.slab.ions", ["11 ions in 40 waters"]),
        (
            {"systems__s": {"slab": {**SLAB, "waters": 20}}},
            "systems.s.slab.waters",
            ["too thin", "20, a film of 5.2 Å", "at least 24 (6 Å)"],
        ),
        (
            {"systems__s": {"slab": {**SLAB, "density": "2 g/cm3", "waters": 80}}},
            "systems.s.slab.density",
            ["so densely"],
        ),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], path: str, words: list[str]):
    (mistake,) = mistakes_of(campaign(**changes))
    assert dotted(mistake.place) == path
    for word in words:
        assert word in f"{mistake.message}; {mistake.received}; {mistake.expected}; {mistake.hint}"


SLABS = {"systems__s": {"slab": SLAB}}
DRIVEN = {"potential": "electrode", "start": {"system": "s"}, "length": "2 ps"}


def run_of(**changes: Any) -> Campaign:
    """A campaign whose only run starts from a slab of three layers."""
    return campaign(**SLABS, md__bulk={key: value for key, value in (DRIVEN | changes).items() if value})


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"engine": "ase"}, "md.bulk.engine", ["electrode does not run in it", "'ase'", "one of lammps"]),
        (
            {"thermostat": {"kind": "langevin", "friction": "1 1/ps"}},
            "md.bulk.thermostat",
            ["the first that electrode offers", "nose-hoover-chain"],
        ),
        ({"potential": "spc-fw"}, "md.bulk.potential", ["spc-fw does not know: Na, Au", "only H, O"]),
        ({"start": {"system": "box"}}, "md.bulk.potential", ["electrode needs Au in every frame"]),
        ({"start": {"dataset": "salt"}}, "md.bulk.potential", ["electrode needs Au in every frame"]),
        ({"fixed_layers": 4}, "md.bulk.fixed_layers", ["more layers than the slab has", "4", "at most 3"]),
        (
            {"start": {"dataset": "water"}, "potential": "spc-fw", "fixed_layers": 1},
            "md.bulk.fixed_layers",
            ["layers are of a metal not there", "H, O", "Au in it"],
        ),
        ({"wall": "20 Å"}, "md.bulk.wall", ["not in the vacuum", "20 Å", "24.6 to 39.6 Å"]),
        (
            {"wall": "35 Å"},
            "md.bulk.wall",
            ["see the next image", "35 Å, 7.6 Å below", "more than 9 Å, the cutoff of", "electrode"],
        ),
        ({"wall": "40 Å"}, "md.bulk.wall", ["not in the vacuum", "40 Å"]),
        (
            {"wall": "20 Å", "start": {"system": "box"}, "potential": "spc-fw"},
            "md.bulk.wall",
            ["a box of water", "none"],
        ),
    ],
)
def test_runs_of_a_reference_potential_that_cannot_work(changes: dict[str, Any], path: str, words: list[str]):
    (mistake,) = mistakes_of(run_of(**changes))
    assert dotted(mistake.place) == path
    for word in words:
        assert word in f"{mistake.message}; {mistake.received}; {mistake.expected}; {mistake.hint}"


def test_runs_of_a_reference_potential_that_work():
    assert mistakes_of(run_of(fixed_layers=3, wall="30 Å", engine="lammps")) == []
    assert mistakes_of(run_of(wall="none", start={"system": "box"}, potential="spc-fw")) == []


LONG = replace(
    CARD,
    hyperparameters={"reach": Hyperparameter("float", 6.0, "Å"), "layers": Hyperparameter("int", 3, "")},
    presets={"far": {"reach": 11.0}, "near": {}},
    default_preset="near",
    receptive_field={"cutoff": "reach", "layers": "layers"},
)
THIN = {"systems__s": {"slab": {**SLAB, "vacuum": "9 Å"}}}
ELECTRODE = {**GENERATE, "system": "s", "potential": "electrode"}
GOLDEN = {**THIN, "datasets__g": {"generate": ELECTRODE}}
SEEN = {**GOLDEN, "datasets__h": {"label": {"frames": "g", "potential": "electrode"}}}
ON_GOLD = {"dataset": "h", "validation": 1, "test": 1, "train": 4}


def seen(*, of: dict[str, Any], **changes: Any) -> list[str]:
    """What is wrong with vacuum in words, of a campaign with the given entries and the card `LONG`."""
    asked = campaign(**of, **changes)
    systems = {name: facts for name, one in asked.systems.items() if (facts := built_facts(one))}
    mistakes = check_references(asked, {"water": WATER, "salt": SODIUM}, systems, {"spring": LONG}, cards())
    return [f"{dotted(m.place)}: {m.received}, {m.expected}" for m in mistakes if "next image" in m.message]


def test_a_slab_whose_vacuum_is_not_longer_than_every_cutoff_is_refused():
    between = "systems.s.slab.vacuum: {} Å from the wall above the film to the next image of the metal, "
    electrode = "more than 9 Å, the cutoff of the reference potential electrode"
    assert seen(of=THIN) == []
    assert seen(of=GOLDEN) == [between.format(9) + electrode]
    assert seen(of=THIN, md__r=DRIVEN) == [between.format(9) + electrode]
    wider = {"systems__s": {"slab": {**SLAB, "vacuum": "9.1 Å"}}}
    assert seen(of=SEEN | wider) == []
    trained = {"splits__gold": ON_GOLD, "committees__c": {"model": "a", "split": "gold"}}
    assert seen(of=SEEN | wider, **trained) == []
    far = {"models__a__preset": "far"}
    model = "more than 11 Å, the cutoff of the model a"
    assert seen(of=SEEN | wider, **trained, **far) == [between.format(9.1) + model]
    assert seen(of=wider, **far, md__bulk__start={"system": "s"}) == [between.format(9.1) + model]
    own = {"models__a__hyperparameters": {"reach": 9.0}}
    assert seen(of=SEEN | wider, **trained, **far, **own) == []
    assert seen(of=SEEN | wider, **trained, models__a__hyperparameters={"reach": "far"}) == []


def test_a_run_has_one_driver():
    for drivers in ({"committee": "first"}, {"potential": None}):
        with pytest.raises(ValueError, match="exactly one of `committee` and `potential`"):
            run_of(**drivers)


def test_slabs_and_relabelled_frames_are_sound():
    generate = {**GENERATE, "system": None, "systems": ["s", "t"], "potential": "electrode", "starts": 2}
    slabs = {"systems__s": {"slab": SLAB}, "systems__t": {"slab": {**SLAB, "ions": 0}}}
    labelled = {"datasets__h": {"label": {"frames": "water", "potential": "spc-fw"}}}
    assert mistakes_of(campaign(**slabs, **labelled, datasets__g={"generate": generate})) == []


LANGEVIN = {"kind": "langevin", "friction": "1 1/ps"}


@pytest.mark.parametrize(
    ("engines", "changes", "path", "words"),
    [
        (
            ("ase",),
            {"md__bulk__engine": "lammps"},
            "md.bulk.engine",
            ["spring does not run in it", "one of ase"],
        ),
        (
            ("ase", "lammps"),
            {"md__bulk__engine": "lammps", "md__bulk__thermostat": LANGEVIN},
            "md.bulk.thermostat",
            ["only the engines ase and jax-md have it", "langevin in engine lammps;", "chain or engine: ase"],
        ),
        (
            ("lammps",),
            {"md__bulk__thermostat": LANGEVIN},
            "md.bulk.thermostat",
            ["langevin in engine lammps, the first that spring offers", "nose-hoover-chain;"],
        ),
        (("ase", "lammps"), {"md__bulk__thermostat": LANGEVIN}, None, []),
        (("lammps", "ase"), {"md__bulk__thermostat": LANGEVIN, "md__bulk__engine": "ase"}, None, []),
        (("ase", "lammps"), {"md__bulk__engine": "lammps"}, None, []),
    ],
)
def test_engines_are_the_card_s_and_langevin_is_ase_s(
    engines: tuple[str, ...], changes: dict[str, Any], path: str | None, words: list[str]
):
    mistakes = mistakes_of(campaign(**changes), replace(CARD, engines=engines))
    assert [dotted(mistake.place) for mistake in mistakes] == ([path] if path else [])
    for word in words:
        assert word in f"{mistakes[0].message}; {mistakes[0].received}; {mistakes[0].expected}; "


MIXED = DatasetFacts(
    "2" * 64,
    (24, 25, 26) * 20,
    {"H16O8": 20, "H16Na1O8": 20, "H16Na2O8": 20},
    (1, 8, 11),
    kinds=(0, 1, 2) * 20,
)


def specific(only: dict[str, int], **changes: Any) -> list[Mistake]:
    """Mistakes of a campaign whose split draws from 60 frames with 0, 1 and 2 Na, 20 of each."""
    split = {"dataset": "salt", "validation": 2, "test": 3, "train": 14, "only": only}
    asked = campaign(splits={"four": split}, **changes)
    facts, systems = {"water": WATER, "salt": MIXED}, {"box": built_facts(asked.systems["box"])}
    return check_references(asked, facts, systems, {"spring": CARD}, cards())


@pytest.mark.parametrize(
    ("only", "changes", "path", "words"),
    [
        ({}, {}, None, []),
        ({"Na": 2}, {}, None, []),
        ({"Na": 0, "Cl": 0}, {}, None, []),
        ({"Na": 2, "Nq": 1}, {}, "splits.four.only.Nq", ["no such element; 'Nq'"]),
        (
            {"Na": 3},
            {},
            "splits.four.only",
            ["no frame of `salt` has so many atoms; Na3; ", "Na0 in 20 frames, Na1 in 20, Na2 in 20"],
        ),
        ({"Na": 2, "H": 14}, {}, "splits.four.only", ["Na2, H14; ", "H16 in 60 frames"]),
        (
            {"Na": 1},
            {"splits__four__train": 16},
            "splits.four.train",
            ["more frames than", "at most 15 (20 frames in `salt` with Na1, 15 after"],
        ),
        (
            {"Na": 1},
            {"splits__four__test": 18},
            "splits.four.validation",
            ["nothing to train on", "2 + 18 of 20 frames in `salt` with Na1"],
        ),
        (
            {"Na": 0},
            {"md__bulk__start": {"dataset": "salt", "frames": [1]}},
            "md.bulk.start",
            ["does not know: Na", "only H, O"],
        ),
        ({"Na": 0}, {"md__bulk__start": {"dataset": "salt", "frames": [0, 1]}}, None, []),
    ],
)
def test_a_split_of_one_charge_state(
    only: dict[str, int], changes: dict[str, Any], path: str | None, words: list[str]
):
    mistakes = specific(only, **changes)
    assert [dotted(mistake.place) for mistake in mistakes] == ([path] if path else [])
    for word in words:
        assert word in f"{mistakes[0].message}; {mistakes[0].received}; {mistakes[0].expected}; "


def test_the_last_frame_and_the_last_atom_are_allowed():
    start = {"dataset": "water", "frames": [39]}
    assert mistakes_of(campaign(md__bulk__start=start, md__bulk__fixed_atoms=[47])) == []
    (mistake,) = mistakes_of(campaign(md__bulk__start=start, md__bulk__fixed_atoms=[48]))
    assert mistake.expected == "0 to 47"


def test_a_growing_committee_may_use_the_whole_pool_but_one_member_only():
    grow = {"force_rmse": "0.1 eV/Å", "step": 5, "at_most": 3}
    (mistake,) = mistakes_of(campaign(committees__first__grow=grow))
    assert mistake.message == "the last round: a committee larger than the data allows"
    assert mistakes_of(campaign(committees__first__grow=grow, splits__four__members=1)) == []


def test_a_card_that_knows_few_elements_refuses_others():
    (mistake,) = mistakes_of(campaign(), replace(CARD, elements=(8,)))
    assert (dotted(mistake.place), mistake.message) == ("committees.first.split", "spring does not know H")


def test_defaults_need_not_be_multiples_of_an_odd_timestep():
    assert mistakes_of(campaign(md__bulk__timestep="0.3 fs", md__bulk__length="3 ps")) == []


@pytest.mark.parametrize(
    ("section", "entry", "path", "hint"),
    [
        ("datasets", {"generate": {"system": "bx"}}, "datasets.new.generate.system", "box"),
        ("datasets", {"generate": {"systems": ["box", "bx"]}}, "datasets.new.generate.systems[1]", "box"),
        ("datasets", {"label": {"frames": "watr"}}, "datasets.new.label.frames", "water"),
        ("splits", {"dataset": "watr"}, "splits.new.dataset", "water"),
        ("committees", {"model": "A", "split": "four"}, "committees.new.model", "a"),
        ("committees", {"model": "a", "split": "for"}, "committees.new.split", "four"),
        ("md", {"committee": "frist"}, "md.new.committee", "first"),
        ("md", {"start": {"system": "bax"}}, "md.new.start.system", "box"),
        ("md", {"start": {"dataset": "salty"}}, "md.new.start.dataset", "salt"),
    ],
)
def test_names_that_lead_nowhere(section: str, entry: dict[str, Any], path: str, hint: str):
    document = campaign().model_dump(exclude_none=True)
    document[section]["new"] = entry
    (mistake,) = check_names(document)
    assert (dotted(mistake.place), mistake.hint) == (path, hint)


def test_an_empty_section_is_named():
    (mistake,) = check_names({"splits": {"a": {"dataset": "x"}}, "models": 3, "md": None})
    assert mistake.expected == "an entry under `datasets`, which is empty"


def test_symbols_under_analysis_must_be_elements():
    wrong = campaign(analysis={"rdf": {"pairs": [["O", "O"], ["O", "Xx"]]}, "profiles": {"metal": "Zz"}})
    assert [dotted(mistake.place) for mistake in mistakes_of(wrong)] == [
        "analysis.rdf.pairs[1][1]",
        "analysis.profiles.metal",
    ]


@pytest.mark.parametrize("width", ["0.05 Å", "0.1 Å", "0.015 nm", "0.25 Å", "0.5 Å"])
def test_bins_that_fill_the_first_layer(width: str):
    assert mistakes_of(campaign(analysis={"profiles": {"bin": width}})) == []


def test_bins_that_lie_across_the_end_of_the_first_layer():
    (mistake,) = mistakes_of(campaign(analysis={"profiles": {"bin": "0.2 Å"}}))
    assert dotted(mistake.place) == "analysis.profiles.bin"
    assert mistake.received == "0.2 Å"
    assert mistake.expected == "whole bins in the first layer, 0 < z ≤ 4.5 Å, such as 0.18 or 0.25 Å"


def test_only_pairs_that_somebody_asked_for_must_be_in_a_run():
    hydrogen = replace(WATER, compositions={"H24": 30, "H48": 10}, species=(1,))
    start = {"md__bulk__start": {"dataset": "water"}}
    for asked, places in (({}, []), ({"pairs": [["O", "H"]]}, [("analysis", "rdf", "pairs", 0)])):
        one = campaign(**start, analysis__rdf=asked)
        wrong = check_references(one, {"water": hydrogen, "salt": SODIUM}, {}, {"spring": CARD}, cards())
        assert [mistake.place for mistake in wrong] == places


# u and number of consecutive atoms: O, D, D of each molecule
MOLECULE = (15.999, 1, 2.014, 2)
HEAVY = replace(WATER, arranged=(0,) * 30 + (1,) * 10, masses=(MOLECULE * 8, MOLECULE * 16))
COPPER = DatasetFacts("3" * 64, (32,) * 40, {"Cu32": 40}, (29,))


@pytest.mark.parametrize(
    ("facts", "timestep", "limit"),
    [
        (COPPER, "5 fs", None),
        (COPPER, "7.9 fs", None),
        (COPPER, "8.1 fs", "at most 7.97 fs for the lightest mobile atom, 63.55 u"),
        (replace(COPPER, arranged=(0,) * 40, masses=((200.0, 32),)), "14 fs", None),
        (WATER, "2.5 fs", "at most 2 fs for the lightest mobile atom, 1.008 u (0.5 fs with H)"),
        (HEAVY, "2.5 fs", "at most 2 fs for the lightest mobile atom, 2.014 u"),
    ],
)
def test_the_timestep_is_limited_by_the_lightest_atom(facts: DatasetFacts, timestep: str, limit: str | None):
    """2 fs times the root of the mass over 4 u, but never less than 2 fs."""
    asked = campaign(
        md__bulk__timestep=timestep,
        md__bulk__start={"dataset": "water"},
        md__bulk__length=f"{float(timestep.split()[0])} ps",
        md__bulk__frame_every=timestep,
    )
    known = {"water": facts, "salt": facts}
    mistakes = check_references(
        asked, known, {"box": built_facts(asked.systems["box"])}, {"spring": CARD}, cards()
    )
    assert [mistake.expected[: len(limit or "")] for mistake in mistakes] == ([limit] if limit else [])


def test_two_entries_that_say_the_same_are_independent_runs():
    """Their seeds come from their names."""
    run = {"committee": "first", "start": {"system": "box"}, "length": "2 ps"}
    assert mistakes_of(campaign(md__again=run)) == []


FILM = DatasetFacts("2" * 64, (170,) * 40, {"Au48H80Na2O40": 40}, (1, 8, 11, 79))


def film_mistakes(**changes: Any) -> list[Mistake]:
    """Mistakes of `campaign` where the models are trained on films of 48 Au, which are a system too."""
    asked = campaign(systems__film={"slab": SLAB}, **changes)
    systems = {name: facts for name, system in asked.systems.items() if (facts := built_facts(system))}
    return check_references(asked, {"water": FILM, "salt": SODIUM}, systems, {"spring": CARD}, cards())


def test_a_reweighted_run_has_a_committee() -> None:
    run = {"potential": "spc-fw", "start": {"system": "box"}, "length": "2 ps"}
    wrong = mistakes_of(campaign(md__own=run, analysis__reweight={"md": ["bulk", "own"]}))
    (mistake,) = [mistake for mistake in wrong if mistake.place[0] == "analysis"]
    assert (dotted(mistake.place), mistake.received) == ("analysis.reweight.md[1]", "'own'")
    document = {"md": {"bulk": {}}, "analysis": {"reweight": {"md": ["bulks"]}}}
    (mistake,) = check_names(document)
    assert (dotted(mistake.place), mistake.hint) == ("analysis.reweight.md[0]", "bulk")


COMPARED = {"run": "bulk", "against": "again", "observables": ["cosine", "total_orientation"]}


@pytest.mark.parametrize(
    ("changes", "md", "path", "words"),
    [
        ({"run": "bulks"}, {}, "analysis.comparisons[0].run", ["no such entry in `md`", "'bulks'", "bulk"]),
        ({"against": "bulk"}, {}, "analysis.comparisons[0].against", ["a run against itself"]),
        (
            {"observables": ["cosin"]}, {}, "analysis.comparisons[0].observables[0]",
            ["no such single number", "'cosin'", "cosine, peak_z_A"],
        ),
        ({}, {"temperature": "310 K"}, "analysis.comparisons[0]", ["two temperatures", "300 and 310 K"]),
        (
            {}, {"start": {"system": "box"}}, "analysis.comparisons[0]",
            ["runs of different atoms", "H16O8"],
        ),
        (
            {"observables": ["total_orientation", "total_orientation"]}, {}, "analysis.comparisons[0]",
            ["declared twice"],
        ),
        (
            {"run": "liquid", "against": "melt"}, {}, "analysis.comparisons[0].run",
            ["no surface in its start", "cosine, total_orientation of a start of H, O", "a slab of Au"],
        ),
    ],
)  # fmt: skip
def test_comparisons_that_cannot_be_made(
    changes: dict[str, Any], md: dict[str, Any], path: str, words: list[str]
):
    bulk = {"committee": "first", "start": {"system": "box"}, "length": "2 ps"}
    run, runs = bulk | {"start": {"system": "film"}}, {"md__liquid": bulk, "md__melt": bulk}
    declared = {"analysis__comparisons": [COMPARED | changes]}
    (mistake,) = film_mistakes(md__bulk=run, md__again=run | md, **runs, **declared)
    assert dotted(mistake.place) == path
    text = " ".join([mistake.message, mistake.received, mistake.expected])
    assert all(word in text for word in words), text


def test_comparisons_that_can_be_made():
    run = {"committee": "first", "start": {"system": "film"}, "length": "2 ps"}
    truth = run | {"committee": None, "potential": "electrode"}
    declared = [COMPARED, {"run": "bulk", "against": "truth", "observables": ["total_orientation"]}]
    runs = {"md__bulk": run, "md__again": run, "md__truth": truth}
    assert film_mistakes(**runs, analysis__comparisons=declared) == []
    other = {"analysis__comparisons": [COMPARED | {"run": "truth", "against": "bulk"}]}
    (mistake,) = film_mistakes(**runs, **other)
    assert mistake.message == "the reference potential is no model"


def test_a_comparison_on_another_metal_names_the_one_of_the_start():
    """Nothing of gold in profiles of platinum: the report would test nothing."""
    run = {"committee": "first", "start": {"system": "film"}, "length": "2 ps"}
    profiles = {"metal": "Pt"}
    (mistake,) = film_mistakes(
        md__bulk=run, md__again=run, analysis__comparisons=[COMPARED], analysis__profiles=profiles
    )
    assert (mistake.message, mistake.hint) == ("no surface in its start", "analysis.profiles.metal: Au")


@pytest.mark.parametrize(
    ("frame", "equilibrate", "words"),
    [
        (0, None, ""), (2, None, "frame 2, 300 K, rattled"), (7, None, "frame 7, 600 K, rattled"),
        (6, None, "frame 6, 600 K"), (6, {"length": "0.2 ps", "every": "0.05 ps"}, ""),
        (6, {"length": "0.3 ps", "every": "0.05 ps"}, "every 0.05 ps until 0.3 ps"),
        (6, {"length": "0.1 ps", "every": "0.2 ps"}, "every 0.2 ps until 0.1 ps"),
    ],
)  # fmt: skip
def test_starts_of_another_temperature_are_equilibrated(
    frame: int, equilibrate: dict[str, str] | None, words: str
):
    """Nine frames: five at 300 K and four at 600 K, of each every third rattled; 0.2 ps are discarded."""
    recipe = {
        "system": "box", "potential": "spc-fw", "temperatures": ["300 K", "600 K"], "frames": 9,
        "rattle": {"distance": "0.1 Å", "every": 3},
    }  # fmt: skip
    start = {"dataset": "hot", "frames": [frame]}
    asked = campaign(
        datasets__hot={"generate": recipe}, md__bulk__start=start, md__bulk__equilibrate=equilibrate
    )
    facts = DatasetFacts("", (24,) * 9, {"H16O8": 9}, (1, 8))
    systems = {"box": built_facts(asked.systems["box"])}
    known = {"water": WATER, "salt": SODIUM, "hot": facts}
    mistakes = check_references(asked, known, systems, {"spring": CARD}, cards())
    assert [mistake.received for mistake in mistakes] == ([words] if words else [])


HYDROGENS = [atom for atom in range(24) if atom % 3]


@pytest.mark.parametrize(
    ("fixed", "limit"),
    [
        (HYDROGENS, None),
        (HYDROGENS[1:], "at most 2 fs for the lightest mobile atom, 2.014 u"),
        ([0, 3, 6], "at most 2 fs for the lightest mobile atom, 2.014 u"),
    ],
)
def test_fixed_atoms_limit_no_timestep(fixed: list[int], limit: str | None):
    """2 fs times the root of 15.999 u over 4 u is 4.0 fs once no hydrogen moves."""
    asked = campaign(
        md__bulk__timestep="2.5 fs",
        md__bulk__start={"dataset": "water"},
        md__bulk__length="2.5 ps",
        md__bulk__frame_every="2.5 fs",
        md__bulk__fixed_atoms=fixed,
    )
    known = {"water": HEAVY, "salt": HEAVY}
    mistakes = check_references(
        asked, known, {"box": built_facts(asked.systems["box"])}, {"spring": CARD}, cards()
    )
    assert [mistake.expected[: len(limit or "")] for mistake in mistakes] == ([limit] if limit else [])


def test_masses_follow_the_order_of_atoms():
    """Of a file's frames, of a built slab, and of both joined."""
    frames = Frames.from_atoms([Atoms("OH2Na", np.eye(4, 3) * 5), Atoms("HOH", np.eye(3) * 5)])
    known = frames_facts(frames)
    assert [known.lightest_mass(0, fixed) for fixed in ((), {1, 2}, {0, 1, 2})] == [
        1.008,
        15.999,
        22.98976928,
    ]
    assert known.select([1]).lightest_mass(0, {0, 2}) == 15.999
    built = built_facts(System(slab=Slab(size=(2, 2, 1), waters=2, ions=1)))
    hydrogens = {5, 6, 8, 9}
    assert built.lightest_mass(0, hydrogens) == 15.999
    assert built.lightest_mass(0, hydrogens | {4, 7}) == 22.98976928
    both = joined_facts({"file": known, "slab": built})
    assert [both.lightest_mass(1, {0, 2}), both.lightest_mass(2, hydrogens)] == [15.999, 15.999]


def test_a_model_that_a_kernel_computes_is_sound() -> None:
    assert mistakes_of(campaign(models__a__kernel="fast")) == []


def test_an_architecture_without_kernels_says_so() -> None:
    (mistake,) = mistakes_of(campaign(models__a__kernel="fast"), replace(CARD, kernels={}))
    assert dotted(mistake.place) == "models.a.kernel"
    assert mistake.expected == "no `kernel`: spring has none"

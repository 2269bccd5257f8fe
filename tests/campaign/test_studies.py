"""Studies: unfolded by pure functions, their mistakes at their own lines, unfolded campaigns as YAML."""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from studied import STUDIED, write_studied
from toy import TOY

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.document import parse, written
from mlipbench_hpc.campaign.load import load_campaign, validate
from mlipbench_hpc.campaign.problem import CampaignError, Problem, StudyError
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.campaign.study import json_schema, studies
from mlipbench_hpc.campaign.unfold import unfold
from mlipbench_hpc.cli import main
from mlipbench_hpc.contract.versions import verb_versions
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.plan.graph import Planned

# Lines of the studies in the campaign.
FIRST = len(TOY.splitlines()) + 1
LINES = {"learning": FIRST + 1, "hold": FIRST + 9, "heat": FIRST + 20}
MEMBERS = """\
  all:
    kind: every-member
    committee: pairs
    members: 2
    start: {dataset: argon}
    md: {temperature: 40 K, timestep: 2 fs, length: 0.4 ps, frame_every: 4 fs, checkpoint_every: 80 fs}
"""


def plan(path: Path) -> list[Planned]:
    validated = validate(path)
    facts = validated.datasets, validated.systems, find(), {"analysis": "venv:analysis"}, verb_versions()
    return expand(validated.campaign, Setting(*facts), {})


def problems_of(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(CampaignError) as caught:
        validate(write_studied(folder, text))
    return caught.value.problems


def test_what_studies_make_stands_among_the_other_entries(tmp_path: Path) -> None:
    campaign = load_campaign(write_studied(tmp_path))
    assert list(campaign.splits) == ["main", "learning-4x2", "learning-8x2", "hold-4x2"]
    assert list(campaign.committees) == ["pairs", "learning-pairs-4", "learning-pairs-8", "hold-pairs-4"]
    runs = ["crystal", "hold-pairs-4-0", "hold-pairs-4-1", "heat-chain", "heat-noise"]
    assert list(campaign.md) == runs
    second = campaign.md["hold-pairs-4-1"]
    assert (second.member, second.start.frames, second.replicas, second.length) == (1, [1], 1, 0.4)
    assert campaign.md["heat-noise"].thermostat.kind == "langevin"


def test_equal_tasks_of_studies_are_one(tmp_path: Path) -> None:
    """By hand: of the toy 11; n = 4 adds a split, two trainings, two evaluations, a calibration; n = 8
    nothing, for the campaign's own committee is that one; each of the four runs is analysed; two timings.
    """
    tasks = plan(write_studied(tmp_path))
    assert Counter(item.task.verb for item in tasks) == {
        "build": 1, "split": 2, "train": 4, "evaluate": 4, "calibrate": 2, "md": 6, "analyse": 6, "speed": 2,
    }  # fmt: skip
    shared = [item.subjects for item in tasks if item.task.verb == "train"]
    names = [{subject["committee"] for subject in subjects} for subjects in shared]
    assert names == [{"pairs", "learning-pairs-8"}] * 2 + [{"learning-pairs-4", "hold-pairs-4"}] * 2


def test_all_sizes_and_models_are_tested_on_the_same_frames(tmp_path: Path) -> None:
    tasks = plan(write_studied(tmp_path, STUDIED.replace("repeats: 2", "repeats: 3\n    seed: 7", 1)))
    own = [item.task.parameters for item in tasks if item.task.verb == "split"]
    drawn = [parameters for parameters in own if parameters["seed"] == 7]
    assert [parameters["train"] for parameters in drawn] == [4, 8]
    assert len({json.dumps(parameters | {"train": 0}, sort_keys=True) for parameters in drawn}) == 1


def test_the_unfolded_campaign_is_valid_by_itself_and_has_the_same_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_studied(tmp_path, STUDIED.replace("reweight: null", "reweight: {stride: 5}"))
    assert main(["unfold", str(path)]) == 0
    plain = tmp_path / "plain.yaml"
    plain.write_text(capsys.readouterr().out)
    assert "studies" not in parse(plain)[0]
    assert [item.key for item in plan(plain)] == [item.key for item in plan(path)]
    assert [item.subjects for item in plan(plain)] == [item.subjects for item in plan(path)]


@pytest.mark.parametrize(
    ("written_so", "names"),
    [("{stride: 5}", ["crystal"]), ("{md: [heat-chain]}", ["heat-chain"]), ("{md: null}", None)],
)
def test_runs_of_studies_are_reweighted_where_the_campaign_says_so(
    tmp_path: Path, written_so: str, names: list[str] | None
) -> None:
    campaign = load_campaign(
        write_studied(tmp_path, STUDIED.replace("reweight: null", f"reweight: {written_so}"))
    )
    assert campaign.analysis.reweight is not None
    assert campaign.analysis.reweight.md == names


def test_a_campaign_without_studies_is_not_touched() -> None:
    document = {"name": "toy", "datasets": {}, "studies": {}}
    assert unfold(document).document is document
    assert unfold(None).document is None


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "said", "hint"),
    [
        ("kind: stability", "kind: stabilty", 10, "hold.kind", "one of data-efficiency, ", "stability"),
        ("    kind: thermostats\n", "", 20, "heat.kind", "is required", ""),
        ("    sizes: [4, 8]", "    size: [4, 8]", 7, "learning.size", "unknown key", "sizes"),
        ("models: [pairs]", "models: [pears]", 6, "learning.models[0]", "no such entry in `models`", "pairs"),
        ("dataset: argon\n", "dataset: argn\n", 3, "learning.dataset", "no such entry in `dat", "argon"),
        ("sizes: [4, 8]", "sizes: [4, 17]", 7, "learning.sizes[1]", "at most 16", ""),
        ("sizes: [4, 8]", "sizes: [4, 4]", 7, "learning.sizes[1]", "each of `sizes` once", ""),
        ("repeats: 2\n", "repeats: 2\n    repeats_of: {pear: 1}\n", 9, "learning.repeats_of.pear",
         "one of `models`: pairs", ""),
        ("sizes: [4, 8]", "sizes: [16]", 8, "learning.repeats", "at most 1 members", ""),
        ("frames: [0, 1]", "frames: [0, 99]", 17, "hold.start.frames[1]", "0 to 23", ""),
        ("frames: [0, 1]", "frames: [0, 0]", 17, "hold.start.frames", "received 0, 0 for 2 repeats", ""),
        ("reference: crystal", "reference: cristal", 19, "hold.reference", "no such entry in", "crystal"),
        ("md: {temperature: 40 K, timestep: 2 fs", "md: {temperature: 40 K, timstep: 2 fs", 18,
         "hold.md.timstep", "unknown key", "timestep"),
        ("md: {temperature: 40 K, timestep: 2 fs", "md: {temperature: 40 K, timestep: 3 ps", 18,
         "hold.md.timestep", "", ""),
        ("md: {temperature: 40 K", "md: {engine: lammps, temperature: 40 K", 18, "hold.md.engine",
         "toy does not run in it", ""),
        ("chain: {committee: pairs", "chain: {committee: pair", 25, "heat.cases.chain.committee",
         "no such entry in `committees`", "pairs"),
        ("chain: {committee: pairs, engine: ase", "chain: {committee: pairs, engine: as", 25,
         "heat.cases.chain.engine", "one of ase, lammps", ""),
        ("committees: [pairs, h", "committees: [pears, h", 29, "cost.committees[0]", "no such entry",
         "pairs"),
        ("engines: {hold-pairs-4: [ase]}", "engines: {hold-pairs-4: [lammps]}", 30,
         "cost.engines.hold-pairs-4[0]", "toy does not run in it", ""),
        ("    block_time: 0.05 s", "    block_tme: 0.05 s", 34, "cost.block_tme", "unknown key",
         "block_time"),
        ("chain: {committee: pairs", "chain: {potential: spc-fw", 25, "heat.cases.chain.potential",
         "species that spc-fw does not know: Ar", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_where_the_user_wrote_it(
    tmp_path: Path, old: str, new: str, line: int, path: str, said: str, hint: str
) -> None:
    assert old in STUDIED[len(TOY) :]
    problems = problems_of(tmp_path, TOY + STUDIED[len(TOY) :].replace(old, new, 1))
    mine = [problem for problem in problems if problem.path == f"studies.{path}"]
    assert len(mine) == 1, problems
    assert all(problem.path.startswith("studies.") for problem in problems), problems
    assert (mine[0].line, mine[0].hint) == (FIRST + line, hint), problems
    assert said in str(mine[0])


@pytest.mark.parametrize(
    ("old", "new", "study", "name"),
    [
        ("splits:\n", "splits:\n  hold-4x2: {dataset: argon, validation: 4, test: 4, train: 4}\n",
         "hold", "hold-4x2"),
        ("  crystal:", "  heat-chain: {committee: pairs, start: {dataset: argon}, length: 1 ps}\n  crystal:",
         "heat", "heat-chain"),
        ("  heat:\n", "  learning-pairs:\n    kind: data-efficiency\n    dataset: argon\n    validation: 4\n"
         "    test: 4\n    models: [pairs]\n    sizes: [4]\n  heat:\n", "", ""),
    ],
)  # fmt: skip
def test_names_that_are_taken_are_refused(tmp_path: Path, old: str, new: str, study: str, name: str) -> None:
    """The third is allowed: `learning-pairs-pairs-4` is nobody else's."""
    text = STUDIED.replace(old, new, 1)
    if not study:
        assert "learning-pairs-pairs-4" in load_campaign(write_studied(tmp_path, text)).committees
        return
    (problem,) = problems_of(tmp_path, text)
    assert (problem.path, problem.received) == (f"studies.{study}", repr(name))
    assert problem.expected == "another name for the study, or for that entry"


@pytest.mark.parametrize(
    ("runs", "path", "said"),
    [
        ("[crystal, heat-chian]", "studies.motion.runs[1]", "did you mean `heat-chain`?"),
        ("[crystal, crystal]", "studies.motion.runs[1]", "each of `runs` once"),
    ],
)
def test_a_study_that_makes_nothing_names_runs_that_are_there(
    tmp_path: Path, runs: str, path: str, said: str
) -> None:
    text = f"{STUDIED}  motion: {{kind: dynamics, runs: {runs}}}\n"
    argon = "crystal starts without interfacial water"
    (problem,) = (one for one in problems_of(tmp_path, text) if argon not in str(one))
    assert (problem.path, problem.line) == (path, len(text.splitlines()))
    assert said in str(problem)
    assert load_campaign(write_studied(tmp_path, text.replace(runs, "[crystal, heat-chain]")))


def test_polarization_is_of_datasets_that_are_there(tmp_path: Path) -> None:
    text = f"{STUDIED}  answer: {{kind: polarization, datasets: [argn]}}\n"
    (problem,) = problems_of(tmp_path, text)
    assert (problem.path, problem.hint) == ("studies.answer.datasets[0]", "argon")


def test_a_study_may_refer_to_what_a_later_one_makes(tmp_path: Path) -> None:
    text = STUDIED.replace("reference: crystal", "reference: heat-chain")
    assert load_campaign(write_studied(tmp_path, text)).studies["hold"]["reference"] == "heat-chain"


def test_two_studies_that_make_one_name_are_refused(tmp_path: Path) -> None:
    """`learning` with a model `pairs-4`, and `learning-pairs` with a model `4`."""
    text = TOY.replace("{architecture: toy}", "{architecture: toy}\n  pairs-4: {architecture: toy}")
    other = STUDIED[len(TOY) :].replace("models: [pairs]", "models: [pairs-4]", 1)
    more = (
        "  learning-pairs:\n    kind: data-efficiency\n    dataset: argon\n    validation: 4\n    test: 4\n"
    )
    more += "    models: ['4']\n    sizes: [4]\n    repeats: 1\n"
    text = text.replace("  pairs-4:", "  '4': {architecture: toy}\n  pairs-4:")
    (problem,) = problems_of(tmp_path, text + other + more)
    assert (problem.path, problem.received) == ("studies.learning-pairs", "'learning-pairs-4-4'")


@pytest.mark.parametrize("name", ["a b", "../up", "a\nb", "a" * 65])
def test_a_study_s_name_is_a_name(tmp_path: Path, name: str) -> None:
    document = parse(write_studied(tmp_path))[0]
    document["studies"] = {name: document["studies"]["learning"]}
    (tmp_path / "hostile.yaml").write_text(json.dumps(document))
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path / "hostile.yaml")
    assert {problem.message for problem in caught.value.problems} == {"is not a name"}


def test_a_study_whose_names_become_too_long_is_refused(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, STUDIED.replace("  learning:", f"  {'l' * 60}:"))
    assert {(problem.path, problem.message) for problem in problems} == {
        (f"studies.{'l' * 60}", "is not a name")
    }


@pytest.mark.parametrize("studies_so", ["studies: [1]", "studies: {learning: 3}"])
def test_studies_that_are_no_mapping(tmp_path: Path, studies_so: str) -> None:
    (problem,) = problems_of(tmp_path, f"{TOY}{studies_so}\n")
    assert problem.path.startswith("studies")
    assert problem.expected.startswith("a mapping")


def test_validate_says_what_studies_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(write_studied(tmp_path)), "--store", str(tmp_path / "none")]) == 0
    said = capsys.readouterr().out
    assert "  study learning: data-efficiency; makes splits 2, committees 2\n" in said
    assert "  study hold: stability; makes splits 1, committees 1, md 2\n" in said
    assert "  study cost: speed; makes speed 2\n" in said


def test_the_schema_describes_every_study() -> None:
    schema = json_schema()
    ((pattern, choices),) = schema["properties"]["studies"]["patternProperties"].items()
    assert re.fullmatch(pattern, "learning")
    kinds = {
        schema["$defs"][one["$ref"].rpartition("/")[2]]["properties"]["kind"]["const"]
        for one in choices["oneOf"]
    }
    known = {
        "data-efficiency", "dynamics", "foundation", "mixed-vs-specific", "polarization",
        "reweighting-check", "roughness", "solvation", "speed", "stability", "thermostats", "truth",
        "visibility",
    }  # fmt: skip
    assert kinds == set(studies()) == known
    plain = Campaign.model_json_schema()
    assert {**schema, "$defs": None, "properties": None} == {**plain, "$defs": None, "properties": None}
    assert plain["$defs"].items() <= schema["$defs"].items()


def test_every_module_is_a_study() -> None:
    folder = Path(__file__).parents[2] / "mlipbench_hpc/studies"
    modules = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--"}
    assert modules == set(studies())


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *points: str) -> None:
    """Entry points of a package outside this one, as pip would leave them."""
    information = folder / "own_studies-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: own-studies\nVersion: 1\n")
    (information / "entry_points.txt").write_text("\n".join(["[mlipbench_hpc.studies]", *points]) + "\n")
    monkeypatch.syspath_prepend(folder)


def test_a_study_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch, "members = every_member:STUDY")
    campaign = load_campaign(write_studied(tmp_path, STUDIED + MEMBERS))
    assert [campaign.md[name].member for name in ("all-0", "all-1")] == [0, 1]
    (problem,) = problems_of(tmp_path, STUDIED + MEMBERS.replace("members: 2", "members: 3"))
    assert (problem.path, problem.line) == ("studies.all.members", len(STUDIED.splitlines()) + 4)
    assert "every-member" in json.dumps(json_schema())


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("members = every_member:unfold", "received function"),
        ("own = twice:STUDY", "stability is registered twice"),
    ],
)
def test_what_is_no_study_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], point: str, said: str
) -> None:
    install(tmp_path / "site", monkeypatch, point)
    (tmp_path / "site/twice.py").write_text("from mlipbench_hpc.studies.stability import STUDY\n")
    monkeypatch.delitem(sys.modules, "twice", raising=False)
    with pytest.raises(StudyError, match=said):
        studies()
    assert main(["unfold", str(write_studied(tmp_path))]) == 2
    assert said in capsys.readouterr().err


ODD: dict[str, Any] = {
    "words": ["yes", "true", "null", "~", "", "007", "1e5", "1_000", "12:30", "0o17", "5 fs", "a: b", "# c",
              "'", '"', "two\nlines", " blank ", "Å", "- x", "{", "2020-01-01", "<<", "=", "long " * 60],
    "numbers": [0, -3, 10**20, 1.5, -1e-5, 1e300, 5e-324, 0.1],
    "others": [True, False, None, {}, [], {"a": {"b": [[1], {}]}}],
}  # fmt: skip


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    shared = {"one": [1, 2]}
    document = ODD | {"first": shared, "second": shared, "5": {"true": "x", "null": "y"}}
    (tmp_path / "odd.yaml").write_text(written(document), encoding="utf-8")
    value, _, problems = parse(tmp_path / "odd.yaml")
    assert (value, problems) == (document, [])

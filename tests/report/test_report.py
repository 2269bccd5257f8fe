"""The report: complete, honest about what is missing, reproducible, and safe to open."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from profiled import temperature
from wellformed import Wellformed

from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report.collect import collect
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.sections.asked import quantity
from mlipbench_hpc.report.sections.md import warnings
from mlipbench_hpc.report.text import duration, listed, number, plus_minus

FIGURES = {
    "learning-loss", "learning-force", "parity-energy", "parity-force", "md-temperature", "md-potential",
    "md-conserved", "g_O-O",
}  # fmt: skip
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'& {{ 7 * 7 }}"


def build(campaign: Any, out: Path) -> tuple[str, dict[str, Any]]:
    """The page's text and results.json."""
    page = build_report(campaign.document, campaign.tasks, campaign.store, out)
    return page.read_text(encoding="utf-8"), read_json(out / "results.json")


def read(out: Path) -> tuple[str, dict[str, Any]]:
    """What an earlier `build` gave."""
    return (out / "report.html").read_text(encoding="utf-8"), read_json(out / "results.json")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for drawing: for tests of words and tables alone."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def table(path: Path) -> dict[str, list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_complete_report(built: tuple[Any, Path]) -> None:
    page, results = read(built[1])
    assert "M = 4, 120 training structures each" in page
    assert 'id="missing"' not in page
    for name in FIGURES:
        assert (built[1] / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert f'id="figure-{name}"' in page
    assert set(results["figures"]) == FIGURES
    assert "Longest run 10.0 ps, below 100 ps" in " ".join(results["verdict"])
    assert "H 301.60 ± 0.90, O 299 (error not determined)" in page
    campaign = built[0]
    run = collect(campaign.document, campaign.tasks, campaign.store).of("md", md="bulk", replica=0)[0]
    energies = np.array(table(run.folder / "thermo.csv")["conserved_eV"], dtype=float)
    deviation = run.values["largest_conserved_deviation_meV_per_atom"]
    assert deviation == pytest.approx(1000 * np.abs(energies - energies[0]).max() / 48)
    assert f">{number(deviation)}</td>" in page
    # a mean temperature 2.3 standard errors off is no reason to warn
    assert not any("equilibrat" in warning for warning in results["warnings"])


def test_architectures_in_use_are_cited_with_their_claims(built: tuple[Any, Path]) -> None:
    page, _ = read(built[1])
    assert "<li>mace: A. Author, a paper &lt;2022&gt;</li>" in page
    assert "<td>training bitwise and MD bitwise</td>" in page
    assert "what the architecture&#39;s card claims" in page


def test_page_is_well_formed_and_self_contained(built: tuple[Any, Path]) -> None:
    page, _ = read(built[1])
    parsed = Wellformed(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "script" not in parsed.tags
    for link in parsed.links:
        if link.startswith("#"):
            assert link[1:] in parsed.ids
        elif not link.startswith("data:image/png;base64,"):
            assert (built[1] / link).is_file()


def test_numbers_are_those_of_the_tasks(built: tuple[Any, Path]) -> None:
    page, results = read(built[1])
    members = results["committees"]["mace"]["rounds"]["0"]["members"]
    errors = [members[str(m)]["evaluate"]["test"]["force"]["all"]["rmse_meV_per_A"] for m in range(4)]
    evaluated = [task for task in built[0].tasks if task.verb == "evaluate"]
    committed = [
        built[0].store.result(task.key)["values"]["test"]["force"]["all"]["rmse_meV_per_A"]
        for task in evaluated
    ]
    assert errors == committed
    expected = plus_minus(float(np.mean(errors)), float(np.std(errors, ddof=1)))
    assert page.count(expected) >= 2
    judged = results["committees"]["mace"]["judgement"]
    # three atoms err by 0.11 to 0.14 eV/Å each, net forces vary by 0.45 eV/Å; half the frames are of 300 K
    assert judged["ratio"] == pytest.approx(np.sqrt(3) * 0.125 / 0.45, rel=0.06)
    assert (judged["forces"], judged["frames"], judged["components"]) == ("molecules", 20, 20 * 16 * 3)
    assert results["md"]["bulk"]["replicas"]["1"]["md"]["time_ps"] == 10.0
    assert results["splits"]["split split=main train=120"]["train"] == [120] * 4


def test_figures_csv_hold_the_plotted_numbers(built: tuple[Any, Path]) -> None:
    _, results = read(built[1])
    for name in FIGURES:
        result = table(built[1] / "figures" / f"{name}.csv")
        for column, values in results["figures"][name].items():
            if isinstance(values[0], str):
                assert result[column] == values
                continue
            written = [float(cell) if cell else None for cell in result[column]]
            assert written == pytest.approx(values, rel=1e-7)
    curve = results["figures"]["learning-force"]
    train = next(task for task in built[0].tasks if task.verb == "train")
    source = table(built[0].store.task(train.key) / "curve.csv")["validation_force_rmse_meV_per_A"]
    assert curve["validation_force_rmse_meV_per_A"][:40] == [float(value) for value in source]
    # four members, forty frames of 48 atoms: no force component is lost
    assert sum(results["figures"]["parity-force"]["components"]) == 4 * 40 * 48 * 3


def test_predictions_are_read_once(campaign: Any, plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the largest files that the report reads: but for the first, whose labels set the axes."""
    reads: list[str] = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda path, **options: reads.append(str(path)) or load(path, **options))
    build_report(campaign.document, campaign.tasks, campaign.store, campaign.store.root / "out")
    predictions = [path for path in reads if path.endswith("predictions-test.npz")]
    assert len(predictions) - 1 == len(set(predictions)) == 4


@pytest.mark.whole
def test_twice_the_same_bytes(built: tuple[Any, Path], tmp_path: Path) -> None:
    campaign, first = built
    build(campaign, tmp_path)
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 3 + 2 * len(FIGURES)
    for name in files:
        assert (first / name).read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.mark.whole
def test_equal_runs_differ_in_timing_alone(built: tuple[Any, Path], campaign: Any, tmp_path: Path) -> None:
    clock = {"wall_s": 99.0, "cpu_s": 1.0, "peak_bytes": 1, "host": "x"}
    for task in campaign.tasks:
        path = campaign.store.task(task.key) / "result.json"
        path.chmod(0o644)
        result = read_json(path) | {"attempt": f"{task.key}-7", "timing": clock, "manifest": "0" * 64}
        if task.verb == "md":
            result["values"]["segments"] = 12
        seal(path.parent, result | {"outputs": outputs(path.parent)})
    campaign.document["site"] = {"name": "elsewhere"}
    campaign.change(lambda task: task.verb == "md", failure={"kind": "transient", "message": "before"})
    before, after = read(built[1])[1], build(campaign, tmp_path / "two")[1]
    assert before.pop("timing") != after.pop("timing")
    assert json.dumps(before) == json.dumps(after)


@pytest.mark.whole
def test_hostile_text_is_only_text(campaign: Any, tmp_path: Path) -> None:
    campaign.document |= {
        "name": HOSTILE,
        "description": HOSTILE,
        "yaml": HOSTILE,
        "site": {HOSTILE: HOSTILE},
    }
    campaign.document["campaign"]["description"] = HOSTILE
    campaign.change(
        lambda task: task.verb == "train", status="failed", failure={"kind": "input", "message": HOSTILE}
    )
    page, _ = build(campaign, tmp_path / "out")
    assert not {"script", "img"} & Wellformed(page).tags
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page


@pytest.mark.whole
def test_what_is_missing_is_named(campaign: Any, tmp_path: Path) -> None:
    campaign.change(
        lambda task: task.verb in ("train", "evaluate") and task.subject["member"] == 2,
        status="failed", failure={"kind": "resource", "message": "out of memory at batch 8"},
    )  # fmt: skip
    campaign.change(
        lambda task: task.verb in ("md", "analyse") and task.subject["replica"] == 1, status="missing"
    )
    campaign.change(lambda task: task.verb == "evaluate" and task.subject["member"] == 3, status="stale")
    page, results = build(campaign, tmp_path / "out")
    assert "M = 3 of 4 asked" in page
    assert "out of memory at batch 8" in page
    assert "1 of 2 runs" in page
    assert "5 tasks of 15 without a usable result" in " ".join(results["verdict"])
    assert any("3 of 4 members are trained" in warning for warning in results["warnings"])
    assert any("Excluded because their inputs changed since" in warning for warning in results["warnings"])
    stale = results["committees"]["mace"]["rounds"]["0"]["members"]["3"]
    assert stale["train"] != {}
    assert stale["evaluate"] == {}
    assert set(results["figures"]["g_O-O"]["replica"]) == {0}
    assert set(results["figures"]["parity-energy"]["member"]) == {0, 1}


def test_nothing_done_yet(campaign: Any, tmp_path: Path) -> None:
    left_over = tmp_path / "out/figures/g_O-O-gone.csv"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    campaign.change(lambda task: True, status="missing")
    page, results = build(campaign, tmp_path / "out")
    assert "No member of the committee mace is trained" in page
    assert results["figures"] == {}
    assert list((tmp_path / "out/figures").iterdir()) == []


def test_said_to_be_done_but_not_there(campaign: Any, plain: None, tmp_path: Path) -> None:
    run = next(task for task in campaign.tasks if task.verb == "md")
    campaign.store.set_aside(run.key)
    _, results = build(campaign, tmp_path / "out")
    assert results["tasks"][run.label]["status"] == "missing"


def test_files_gone_from_a_committed_folder(campaign: Any, tmp_path: Path) -> None:
    campaign.lose_files()
    _, results = build(campaign, tmp_path / "out")
    assert results["figures"] == {}


@pytest.mark.whole
def test_no_nan_in_results(campaign: Any, tmp_path: Path) -> None:
    train = next(task for task in campaign.tasks if task.verb == "train")
    path = campaign.store.task(train.key) / "curve.csv"
    path.chmod(0o644)
    text = path.read_text().splitlines()
    path.write_text("\n".join([*text, "41,nan,,inf,0.01"]) + "\n")
    seal(path.parent, read_json(path.parent / "result.json") | {"outputs": outputs(path.parent)})
    _, results = build(campaign, tmp_path / "out")
    raw = (tmp_path / "out/results.json").read_text()
    json.loads(raw, parse_constant=lambda word: pytest.fail(f"{word} in results.json"))
    assert results["figures"]["learning-loss"]["loss"][40] is None


def test_growing_committee_reports_its_last_round(campaign: Any, plain: None, tmp_path: Path) -> None:
    first = [
        task
        for task in campaign.tasks
        if task.subject.get("committee") == "mace" and "member" in task.subject
    ]
    values = {"enough": False, "force_rmse_meV_per_A": 130.0, "reason": "above the target: not enough"}
    campaign.commit("decide", {"committee": "mace", "round": 0}, values, {})
    for task in first:
        result = campaign.store.result(task.key)
        subject = task.subject | {"round": 1, "train": 180}
        campaign.commit(task.verb, subject, result["values"], {})
    page, results = build(campaign, tmp_path / "out")
    assert set(results["committees"]["mace"]["rounds"]) == {"0", "1"}
    assert "M = 4, 180 training structures each" in page
    assert "above the target: not enough" in page


@pytest.mark.parametrize(
    ("drawn", "words"), [({"Na": 2}, "only Na2"), ({"Na": 0, "Cl": 1}, "only without Na and Cl1")]
)
def test_training_sets_of_some_frames_say_so(
    campaign: Any, plain: None, tmp_path: Path, drawn: dict[str, int], words: str
) -> None:
    sentence = "M = 4, 120 training structures each"
    assert f"{sentence}, only" not in build(campaign, tmp_path / "all")[0]
    campaign.document["campaign"]["splits"]["main"]["only"] = drawn
    text, _ = build(campaign, tmp_path / "some")
    assert f"{sentence}, {words}" in text
    assert f"<td>{words}</td>" in text


def test_unstable_run_is_a_result(campaign: Any, plain: None, tmp_path: Path) -> None:
    for replica in (0, 1):
        task = next(t for t in campaign.tasks if t.verb == "md" and t.subject["replica"] == replica)
        path = campaign.store.task(task.key) / "result.json"
        path.chmod(0o644)
        result = read_json(path)
        result["values"] |= {"outcome": "unstable", "cause": "temperature above 2000 K", "time_ps": 3.25}
        seal(path.parent, result | {"outputs": outputs(path.parent)})
    page, _ = build(campaign, tmp_path / "out")
    assert "2 unstable" in page
    assert "unstable (temperature above 2000 K)" in page


def test_temperature_off_its_target_is_a_warning(campaign: Any, plain: None, tmp_path: Path) -> None:
    campaign.document["campaign"]["md"]["bulk"]["temperature"] = 310.0
    _, results = build(campaign, tmp_path / "out")
    assert sum("not equilibrated" in warning for warning in results["warnings"]) == 2


@pytest.mark.parametrize(
    ("means", "message"),
    [
        # Student's p of 9 degrees: 41/9 is 1.4e-3, 87/8 below 1e-4, 20/4 7.4e-4, 20/7 0.019
        (
            {"Au": (213.0, 8.0), "O": (341.0, 9.0), "H": (302.0, 3.0)},
            "O 341.0 ± 9.0 K (41 K above, p = 0.001) and Au 213.0 ± 8.0 K (87 K below, p < 0.0001)",
        ),
        ({"Na": (320.0, 4.0)}, "Na 320.0 ± 4.0 K (20 K above, p = 7e−04)"),
        ({"Na": (320.0, 7.0)}, "Na 320.0 ± 7.0 K (20 K above, p = 0.02)"),
        ({"Cl": (9.0, None)}, "Cl 9.000 K (291 K below, error not determined)"),
        ({"Na": (314.0, 1.0), "H": (313.0, 1.0), "Au": (0.0, 0.0), "O": (None, None)}, ""),
    ],
    ids=["cold metal, hot water", "a species", "within 3 SE", "no error", "within 5 %, fixed, unknown"],
)
def test_species_at_temperatures_of_their_own_are_a_warning(
    campaign: Any, means: dict[str, tuple[Any, Any]], message: str
) -> None:
    thermo = {f"temperature_{symbol}_K": {"mean": m, "se": e, "dof": 9.0} for symbol, (m, e) in means.items()}
    results = collect(campaign.document, campaign.tasks, campaign.store)
    values = results.of("analyse", replica=0)[0].values
    values["thermo"] |= thermo
    values["descriptors"] += [temperature(symbol).to_json() for symbol in means]
    text = [one.sentence for one in warnings(results) if "kinetic temperature" in one.sentence]
    assert len(text) == bool(message)
    if message:
        assert f"fluctuations from the target 300 K, {message}: use" in text[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.0, "0"), (1234.5, "1234"), (0.0123456, "0.0123"), (-2.5, "−2.50"),
     (20384, "20\u2009384"), (1.5e-9, "1.50e−09"), ("word", "word")],
)  # fmt: skip
def test_numbers_as_people_read_them(value: object, text: str) -> None:
    assert number(value) == text


def test_the_worker_s_warnings_name_observables_by_their_titles(campaign: Any) -> None:
    (item, *_) = collect(campaign.document, campaign.tasks, campaign.store).of("analyse", replica=0)
    name, observable = next(iter(item.observables.items()))
    item.values["warnings"] = [f"{name}: too short", "dense: too short", "no colon"]
    assert item.notes == [f"{observable.title}: too short", "dense: too short", "no colon"]


def test_words() -> None:
    assert plus_minus(126.12, 13.4) == "126 ± 13"
    assert plus_minus(-3.12481, 0.00021) == "−3.12481 ± 0.00021"
    assert plus_minus(5.0, None) == "5.000"
    assert plus_minus(None, 1.0) == "–"
    assert [duration(s) for s in (2.345, 75, 600, 9000)] == ["2.3 s", "75.0 s", "10.0 min", "2.5 h"]
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"


def test_no_template_marks_user_text_safe() -> None:
    source = (Path(__file__).parents[2] / "mlipbench_hpc/report/report.html").read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe|autoescape", source)


def test_every_quantity_of_a_campaign_has_a_unit() -> None:
    """What people write with a unit is read back with one."""
    schema = Campaign.model_json_schema()["$defs"]
    quantities = {
        name
        for model in schema.values()
        for name, field in model.get("properties", {}).items()
        if re.search(r'"examples": \["[0-9]', json.dumps(field))
    }
    assert {"timestep", "vacuum", "wall", "survival"} <= quantities
    assert [name for name in sorted(quantities) if quantity(name, 1.5) == "1.5"] == []
    assert quantity("length", 3) == "3", "of a chain of thermostats"
    assert quantity("wall", "none") == "none"

"""An observable that a package outside this one adds: planned, averaged, reweighted and reported, by hand."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import running
from ase.units import kB
from committed import commit
from interface import LX, LY, LZ, slab
from profiled import npz
from toy import write_toy

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, Task
from mlipbench_hpc.data import framewise
from mlipbench_hpc.data.framewise import Frame, Framewise, ObservableError, foreign_versions, load
from mlipbench_hpc.data.observable import Axis, Observable, by_name
from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.report.collect import Reported
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.observables import families
from mlipbench_hpc.worker.observing import descriptors

BLOCKS, LENGTH, TEMPERATURE = 4, 10, 300.0
SLOPES = (0.0, 1.0, -2.0, 0.5)
TOY = "sodium_height:OBSERVABLE"
SPECIES = """
import numpy as np
from mlipbench_hpc.data.framewise import Framewise
from mlipbench_hpc.data.observable import Axis, Observable

NUMBERS = (1.0, 8.0, 11.0, 18.0)
SPECIES = Framewise(
    Observable("species", "Atoms of each species", "atoms", axis=Axis("Z", "Z", "atomic number", "")),
    lambda frame: np.array([(frame.numbers == z).sum() for z in NUMBERS]), NUMBERS,
)
"""
THERMO = ("temperature_K", "potential_eV_per_atom")
TITLE = "Au27 O3 H6 Na1, 300 K"


@pytest.fixture
def species(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed distribution with a curve, and the toy registered beside it."""
    folder = tmp_path / "site"
    information = folder / "species-1.dist-info"
    (folder / "species").mkdir(parents=True)
    information.mkdir()
    (folder / "species/__init__.py").write_text(SPECIES)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: species\nVersion: 1\n")
    lines = ("species = species:SPECIES", f"height = {TOY}")
    (information / "entry_points.txt").write_text("\n".join([f"[{framewise.GROUP}]", *lines]) + "\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    framewise.foreign.cache_clear()
    yield folder
    framewise.foreign.cache_clear()
    sys.modules.pop("species", None)


def heights(shift: float = 0.0) -> np.ndarray:
    """Of the ion (T,) Å: 3.0, 3.1, 3.2 and 3.3 in the four blocks."""
    return np.repeat([3.0, 3.1, 3.2, 3.3], LENGTH) + shift


def trajectory(shift: float, metal: int = 79) -> dict[str, bytes]:
    """Files of a run of a slab, three waters and one ion."""
    frame = slab([2.0, 3.0, 8.0], [-0.5, 0.5, 0.1], [(4.0, 4.0, 0.0)])
    numbers, frames = np.where(frame.numbers == 79, metal, frame.numbers), BLOCKS * LENGTH
    records = np.zeros(frames, record_type(len(numbers)))
    records["time"] = 0.1 * np.arange(frames)
    records["coordinates"] = frame.positions
    records["coordinates"][:, -1, 2] += heights(shift)
    records["cell_lengths"], records["cell_angles"] = (LX, LY, LZ), 90.0
    start = header(numbers)
    rows = ["step,time_ps,potential_eV,kinetic_eV,conserved_eV,temperature_K"]
    rows += [f"{k},{0.1 * k},-60,0.4,-59,300" for k in range(frames)]
    content = start[:4] + numrecs(frames) + start[8:] + records.tobytes()
    return {"trajectory.nc": content, "thermo.csv": "\n".join(rows).encode()}


PARAMETERS = {
    "rdf": {"pairs": [["O", "O"]], "r_max": 4.0, "bin": 0.5}, "profiles": {"metal": "Au", "bin": 0.1},
    "blocks": BLOCKS, "equilibration": 0.0, "temperature": TEMPERATURE,
    "observables": {TOY: "a" * 64, "species:SPECIES": "b" * 64},
}  # fmt: skip
DYNAMICS = {"dipole_correlation": 0.5, "survival": 0.5, "origins": "all", "coordination": 3.2}


def work(campaign: Any, verb: str, subject: dict[str, Any], upstream: dict[str, str], **changes: Any) -> Any:
    """The result's values of a task that the worker runs, and its folder; the report is told of it."""
    task = Task(verb, 1, "tests", "0" * 64, PARAMETERS | changes, upstream, label=f"{verb} {subject}")
    folder = campaign.store.begin(task)
    code = attempt(folder, None, commit=True)
    assert code == EXIT_COMMITTED, (folder / "failure.json").read_text()
    campaign.tasks.append(Reported(task.label, verb, task.key, subject, "analysis", "done"))
    return campaign.store.result(task.key)["values"], campaign.store.task(task.key)


def simulate(campaign: Any, name: str, committee: str | None, shift: float) -> tuple[dict[str, Any], str]:
    """One run; its subject and key."""
    campaign.document["campaign"]["md"][name] = {
        "committee": committee, "potential": None if committee else "electrode", "temperature": TEMPERATURE,
        "length": 4.0, "replicas": 1, "start": {"system": "box"},
    }  # fmt: skip
    drives = {"committee": committee} if committee else {"potential": "electrode"}
    subject = {"md": name, "replica": 0, **drives}
    values = {"outcome": "completed", "cause": None, "time_ps": 4.0, "steps": 8000, "frames": 40}
    return subject, campaign.commit("md", subject, values, trajectory(shift))


def reweight(campaign: Any, subject: dict[str, Any], run: str) -> Any:
    """Member i's energy is SLOPES[i] · kT/Å · height of the ion, so that h is SLOPES[i] · height."""
    energies = np.outer(SLOPES, heights()) * kB * TEMPERATURE
    content = npz(indices=np.arange(BLOCKS * LENGTH), energies=energies)
    upstream = {"energies": commit(campaign.store, "reevaluate", {}, {"energies.npz": content})}
    stratum = {"composition": "Au27H6Na1O3", "temperature_K": None, "alpha": 1.5, "withheld": None}
    calibration = commit(campaign.store, "calibrate", {"members": len(SLOPES), "strata": [stratum]})
    upstream |= {"md": run, "calibration": calibration}
    return work(campaign, "reweight", subject, upstream, stride=1, driving_member=0)


# ⟨n⟩ - cov(n, h) with h = slope · n, and n of variance 0.0125 Å²
MEMBERS = [3.15, 3.15 - 0.0125, 3.15 + 0.025, 3.15 - 0.00625]
SE_BLOCKS = np.std([3.0, 3.1, 3.2, 3.3], ddof=1) / 2


def by_autocorrelation() -> float:
    """σ √(g/T) of the ion's height, the larger error here; g by hand."""
    x = heights() - heights().mean()
    lags = np.array([x[: len(x) - lag] @ x[lag:] for lag in range(len(x))]) / (x @ x)
    pairs = lags.reshape(-1, 2).sum(axis=1)
    g = 2 * pairs[: int(np.argmax(pairs <= 0))].sum() - 1
    return float(np.std(x, ddof=1) * np.sqrt(g / len(x)))


SE = by_autocorrelation()


def test_the_worker_averages_and_reweights_it(campaign: Any, species: Path) -> None:
    subject, run = simulate(campaign, "charged", "mace", 0.0)
    values, folder = work(campaign, "analyse", subject, {"md": run}, dynamics=DYNAMICS)
    height = values["scalars"]["sodium_height"]
    assert (height["mean"], height["se"]) == (pytest.approx(3.15, abs=1e-5), pytest.approx(SE, abs=1e-5))
    assert height["se_blocks"] == pytest.approx(SE_BLOCKS, abs=1e-5)
    assert SE > SE_BLOCKS
    assert sum(height["histogram"]["counts"]) == 40
    with np.load(folder / "sodium_height.npz", allow_pickle=False) as saved:
        np.testing.assert_allclose(saved["sodium_height"], heights(), atol=1e-5)
    header, *rows = (folder / "species.csv").read_text().splitlines()
    assert header == "Z,species,se_species"
    assert rows == ["1,6,0", "8,3,0", "11,1,0", "18,0,0"]
    described = by_name(values["descriptors"])
    assert {"species", "sodium_height"} == set(list(described)[-2:])
    assert described["sodium_height"].path == ("scalars", "sodium_height")
    values, folder = reweight(campaign, subject, run)
    height = values["scalars"]["sodium_height"]
    assert height["driving_member"] == pytest.approx(3.15, abs=1e-5)
    assert height["members"] == pytest.approx(MEMBERS, abs=1e-5)
    assert height["sigma_observed"] == pytest.approx(np.std(MEMBERS, ddof=1), abs=1e-5)
    assert height["alpha_sigma"] == pytest.approx(1.5 * height["sigma"], abs=1e-9)
    assert any("temperature of the validation frames is not stated" in one for one in values["warnings"])
    table = np.genfromtxt(folder / "reweighted-species.csv", delimiter=",", names=True)
    assert table["driving_member"] == pytest.approx([6, 3, 1, 0])
    assert table["member_2"] == pytest.approx([6, 3, 1, 0]), "no number of atoms goes with the energy"


@pytest.mark.whole
def test_the_report_shows_it(campaign: Any, species: Path, tmp_path: Path) -> None:
    """Beside the reference, whose ion stands 0.5 Å higher: in results.json, figures and the comparison."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    subject, run = simulate(campaign, "charged", "mace", 0.0)
    work(campaign, "analyse", subject, {"md": run}, dynamics=DYNAMICS)
    reweight(campaign, subject, run)
    subject, run = simulate(campaign, "truth", None, 0.5)
    work(campaign, "analyse", subject, {"md": run}, dynamics=DYNAMICS)
    page = build_report(campaign.document, campaign.tasks, campaign.store, tmp_path / "out").read_text(
        encoding="utf-8"
    )
    results = read_json(tmp_path / "out/results.json") or {}
    lines = results["comparisons"][TITLE]["lines"]
    own, truth = (lines[name]["numbers"]["sodium_height"] for name in ("charged", "truth"))
    assert (own["mean"], own["se"]) == (pytest.approx(3.15, abs=1e-5), pytest.approx(SE, abs=1e-5))
    assert (own["training"], own["training_usable"]) == (None, False), "40 frames in blocks are too few"
    assert truth["mean"] == pytest.approx(3.65, abs=1e-5)
    # 0.5 Å off, SE of both 0.066 Å: resolved, did the rise of the ions leave ten independent frames
    assert own["differs_from_reference"] is None
    (test,) = (one for one in lines["charged"]["tests"] if one["observable"] == "sodium_height")
    assert (test["verdict"], test["p_holm"]) == ("withheld", None)
    assert (test["difference"], test["error"]) == pytest.approx((-0.5, 2**0.5 * SE), rel=1e-3)
    assert "charged is too short for a test of the height of Na: " in test["withheld"]
    assert "<th" in page
    assert "Mean height of Na, Å</th>" in page
    assert "✕ z" not in page, "a z would be read as the conclusion that is withheld"
    summary = (tmp_path / "out/summary.txt").read_text(encoding="utf-8")
    assert "3.150 ± 0.066 ± not determined, withheld" in summary
    columns = {name: np.array(values) for name, values in results["figures"][f"overlay-{slug()}"].items()}
    assert {"species", "sodium_height"} <= set(columns["observable"])
    curve = (columns["observable"] == "species") & (columns["md"] == "charged")
    assert columns["value"][curve].astype(float).tolist() == [6, 3, 1, 0]
    series = results["figures"]["profiles-charged-0-sodium_height"]["sodium_height"]
    assert series == pytest.approx(heights(), abs=1e-5)
    assert "Mean height of Na of charged, replica 0" in page
    assert {"profiles-charged-0-species", "profiles-truth-0-species"} <= set(results["figures"])


def slug() -> str:
    return TITLE.replace(",", "").replace(" ", "-")


def test_runs_without_what_it_needs_say_so(campaign: Any, species: Path) -> None:
    subject, _ = simulate(campaign, "charged", "mace", 0.0)
    run = campaign.commit("md", subject | {"replica": 1}, {"outcome": "completed"}, trajectory(0.0, metal=10))
    values, folder = work(campaign, "analyse", subject, {"md": run}, dynamics=DYNAMICS)
    assert "sodium_height: this run has no slab, skipped" in values["warnings"]
    densities = {"density", "concentration-Na", "concentration-Ne"}
    assert set(by_name(values["descriptors"])) == {*THERMO, *densities, "g_O-O", "species"}
    assert not (folder / "sodium_height.npz").exists()
    run = campaign.commit("md", subject | {"replica": 2}, {"outcome": "unstable"}, trajectory(0.0))
    values, folder = work(campaign, "analyse", subject, {"md": run}, dynamics=DYNAMICS)
    assert "leave such runs out" in values["scalars"]["skipped"]
    assert set(by_name(values["descriptors"])) == {*THERMO, "g_O-O"}


FAULTS = {
    "for z in (1, 2)]": "ValueError in analysed frame 0: of_frame returned shape (2,), expected an array of "
    "shape (4,)",
    "+ 0 * (1 // int(frame.positions[-1, 2] < LIMIT)) for z in NUMBERS]": "ZeroDivisionError in analysed "
    "frame 20: integer division or modulo by zero",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_observable_that_raises_is_left_out_by_name_and_the_others_stay(
    campaign: Any, species: Path, fault: str
) -> None:
    """The ion stands at 3.0 and 3.1 Å in frames 0 to 19, at 3.2 Å from frame 20 on."""
    subject, run = simulate(campaign, "charged", "mace", 0.0)
    top = float(slab([2.0, 3.0, 8.0], [-0.5, 0.5, 0.1], [(4.0, 4.0, 0.0)]).positions[-1, 2])
    text = SPECIES.replace("for z in NUMBERS]", fault).replace("LIMIT", str(top + 3.15))
    (species / "species/__init__.py").write_text(text)
    sys.modules.pop("species", None)
    sentence = (
        f"observable species (species:SPECIES) is left out: {FAULTS[fault]}; correct that package and run "
        "again"
    )
    values, folder = work(campaign, "analyse", subject, {"md": run}, dynamics=DYNAMICS)
    assert sentence in values["warnings"]
    assert values["scalars"]["sodium_height"]["mean"] == pytest.approx(3.15, abs=1e-5)
    assert "species" not in by_name(values["descriptors"])
    assert not (folder / "species.csv").exists()
    values, folder = reweight(campaign, subject, run)
    assert sentence in values["warnings"]
    assert values["scalars"]["sodium_height"]["members"] == pytest.approx(MEMBERS, abs=1e-5)
    assert not (folder / "reweighted-species.csv").exists()


def test_a_package_that_cannot_be_imported_is_named(species: Path, tmp_path: Path) -> None:
    (species / "species/__init__.py").write_text("import a_package_that_nobody_has")
    write_toy(tmp_path)
    ended = running.run(tmp_path, "plan", "toy.yaml")
    assert ended.returncode == 2
    assert "species:SPECIES: import of species failed: ModuleNotFoundError: No module" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_its_source_decides_its_version(species: Path) -> None:
    before = foreign_versions()
    assert list(before) == [TOY, "species:SPECIES"]
    (species / "species/table.json").write_text("[1]")
    after = foreign_versions()
    assert after[TOY] == before[TOY]
    assert after["species:SPECIES"] != before["species:SPECIES"]


def number(frame: Frame) -> float:
    return float(len(frame.numbers))


AXIS = Axis("Z", "Z", "atomic number", "")
NUMBER = Framewise(Observable("atoms", "Atoms", "N"), number)
UNUSABLE = {
    "nothing": (None, "received NoneType, expected a Framewise"),
    "binned": (Framewise(NUMBER.observable, number, (1.0,)), "bins belong to an observable with an axis"),
    "without": (Framewise(Observable("atoms", "Atoms", "N", axis=AXIS), number), "bins belong to"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_observable_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import sodium_height

    monkeypatch.setattr(sodium_height, "OTHER", UNUSABLE[name][0], raising=False)
    with pytest.raises(ObservableError, match=f"sodium_height:OTHER: {UNUSABLE[name][1]}"):
        load("sodium_height:OTHER")


def test_two_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sodium_height

    monkeypatch.setattr(sodium_height, "OTHER", sodium_height.OBSERVABLE, raising=False)
    with pytest.raises(ObservableError, match="sodium_height is registered twice; rename yours"):
        framewise.load_all([TOY, "sodium_height:OTHER"])
    with pytest.raises(ValueError, match="two observables are called atoms: rename the one from outside"):
        descriptors([NUMBER.observable, NUMBER.observable])


def test_every_module_is_a_family() -> None:
    assert sorted(family.part for family in families()) == [
        "dynamics", "dynamics", "dynamics", "ion_heights", "profiles", "profiles", "profiles", "profiles",
        "rdf", "scalars", "stationarity", "thermo",
    ]  # fmt: skip


@pytest.mark.engine
def test_a_campaign_makes_it_in_its_environment(species: Path, tmp_path: Path) -> None:
    """32 argon atoms in every frame; no slab, so no height."""
    write_toy(tmp_path)
    ended = running.run(tmp_path, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for result in running.done(tmp_path, "analyse"):
        assert by_name(result["values"]["descriptors"])["species"].file == "species.csv"
        assert "sodium_height: this run has no slab and no Na, skipped" in result["values"]["warnings"]
    figures = running.results(tmp_path)["figures"]
    assert figures["profiles-crystal-0-species"]["driving_member"] == [0.0, 0.0, 0.0, 32.0]
    (species / "species/__init__.py").write_text(SPECIES.replace("18.0", "19.0"))
    assert (
        "2 analyse: parameters changed: observables.species:SPECIES"
        in running.run(tmp_path, "plan", "toy.yaml").stdout
    )

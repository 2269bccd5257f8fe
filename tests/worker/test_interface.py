"""The verbs of committee uncertainty on an interface made by hand, as the worker runs them."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB
from committed import commit
from interface import LX, LY, LZ, Interface, slab

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_INTERRUPTED, Architecture, InputFailure, Task
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Frames, composition
from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.calibrate import require_different
from mlipbench_hpc.worker.origins import origins

FRAMES, MEMBERS, STRIDE = 200, 4, 2
HEIGHTS = np.linspace(2.05, 12.05, 21).tolist()
INTERFACE = slab(HEIGHTS, np.linspace(-0.9, 0.9, 21).tolist(), [(4.0, 4.0, 5.05)])
TRUST = {"rdf": {"pairs": [["O", "O"]], "r_max": 4.0, "bin": 0.5}, "profiles": {"metal": "Au", "bin": 0.1}}
ADAPTER = """
import json

import numpy as np

class Evaluator:
    def __init__(self, slope, stop):
        self.slope, self.stop, self.calls = slope, stop, 0

    def evaluate(self, frames, batch_size):
        self.calls += 1
        if self.calls == self.stop:
            raise MemoryError("out of memory")
        assert (frames.positions >= 0).all() and frames.pbc.all()
        oxygen = frames.positions[frames.numbers == 8].reshape(len(frames), -1, 3)
        if self.slope is None:
            return np.full(len(frames), np.nan), np.zeros_like(frames.positions)
        return self.slope * oxygen[:, 0, 2] + 100 * self.slope, np.zeros_like(frames.positions)

def load(folder, hyperparameters, device, dtype):
    return Evaluator(json.loads((folder / "slope.json").read_text()), hyperparameters.get("stop"))
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    package = tmp_path / "code" / "sloping"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "adapter.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(str(package.parent))
    result = Store(tmp_path / "store")
    result.create()
    return result


def run(store: Store, verb: str, parameters: dict[str, Any], upstream: dict[str, str]) -> tuple[Any, Path]:
    """The values and the folder of a task run as the worker does."""
    task = Task(verb, 1, "tests", "0" * 64, parameters, upstream, architecture=ARCHITECTURE)
    folder = store.begin(task)
    code = attempt(folder, None, commit=True)
    assert code == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(task.key)
    assert result is not None
    return result["values"], store.task(task.key)


ARCHITECTURE = Architecture("sloping", "sloping", "1" * 64)


def strange(files: dict[str, bytes], atoms: int) -> dict[str, bytes]:
    """The files of a run with three more frames, in which atoms are anywhere, and with their thermo.csv."""
    content = files["trajectory.nc"]
    more = np.frombuffer(content[-3 * record_type(atoms).itemsize :], record_type(atoms)).copy()
    times = more["time"] + 0.3
    more["time"] = times
    more["coordinates"] = np.random.default_rng(1).uniform(0, LX, size=more["coordinates"].shape)
    frames = int.from_bytes(content[4:8], "big") + 3
    rows = [files["thermo.csv"], *(f"{k},{time},90,7,50,9000".encode() for k, time in enumerate(times))]
    return {
        "trajectory.nc": content[:4] + numrecs(frames) + content[8:] + more.tobytes(),
        "thermo.csv": b"\n".join(rows),
    }


def trajectory(frame: Interface = INTERFACE, frames: int = FRAMES) -> tuple[dict[str, bytes], np.ndarray]:
    """Files of an MD run in which the first molecule goes up and down at random, and its heights (F,) Å."""
    noise = np.random.default_rng(0).normal(scale=0.4, size=frames)
    records = np.zeros(frames, record_type(len(frame.numbers)))
    records["time"] = 0.1 * np.arange(frames)
    records["coordinates"] = frame.positions
    records["coordinates"][:, 27:30, 2] += noise[:, None]
    records["cell_lengths"], records["cell_angles"] = (LX, LY, LZ), 90.0
    start = header(frame.numbers)
    rows = ["step,time_ps,potential_eV,kinetic_eV,conserved_eV,temperature_K"]
    rows += [f"{k},{0.1 * k},-60,0.4,-59,300" for k in range(frames)]
    content = start[:4] + numrecs(frames) + start[8:] + records.tobytes()
    return {"trajectory.nc": content, "thermo.csv": "\n".join(rows).encode()}, noise


def md(store: Store, outcome: str = "completed", frame: Interface = INTERFACE) -> str:
    return commit(store, "md", {"outcome": outcome, "cause": None, "time_ps": 20.0}, trajectory(frame)[0])


def read(path: Path) -> dict[str, np.ndarray]:
    with path.open(newline="") as stream:
        names, *rows = csv.reader(stream)
    return {name: np.array([float(row[i]) for row in rows]) for i, name in enumerate(names)}


def analyse(store: Store, key: str) -> tuple[Any, Path]:
    dynamics = {"dipole_correlation": 1.0, "survival": 2.0, "origins": "all", "coordination": 3.2}
    given = TRUST | {"blocks": 10, "equilibration": 0.0, "temperature": 300.0, "dynamics": dynamics}
    return run(store, "analyse", given, {"md": key})


def test_analyse_writes_profiles_and_the_dipole(store: Store) -> None:
    values, folder = analyse(store, md(store))
    result = values["profiles"]
    assert (result["faces"], result["oxygens"], result["intact_molecules"]) == (1, 21, 21)
    assert result["ions"] == {"Na": 1}
    table = read(folder / "profiles.csv")
    unit = 29.91461129513685 / (LX * LY * 0.1)
    assert table["density_g_per_cm3"].sum() == pytest.approx(21 * unit)
    assert table["orientation_g_per_cm3"].sum() == pytest.approx(0, abs=1e-3)
    assert table["concentration-Na_mol_per_L"].max() == pytest.approx(1660.5390671738467 / (LX * LY * 0.1))
    still = np.abs(table["z_A"] - 12.05).argmin()
    assert table["cosine"][still] == pytest.approx(0.9, abs=1e-5)
    assert table["se_density_g_per_cm3"][still] == pytest.approx(0, abs=1e-12)
    # heights of the first molecule scatter, and so do the bins it visits
    assert table["se_density_g_per_cm3"][np.abs(table["z_A"] - 1.95).argmin()] > 0
    assert result["total_orientation"]["mean"] == pytest.approx(0, abs=1e-3)
    assert sum(result["total_orientation"]["histogram"]["counts"]) == FRAMES
    # below 4.5 Å: five molecules on a grid of 0.5 Å, whose cosines rise in steps of 0.09 from -0.9
    assert result["first_layer"]["cosine"]["mean"] == pytest.approx(
        np.mean([-0.9, -0.81, -0.72, -0.63, -0.54])
    )
    assert result["first_layer"]["peak_z_A"]["se"] is not None
    assert values["species"] == {"Au": 27, "H": 42, "Na": 1, "O": 21}
    np.testing.assert_allclose(values["cell_A"], np.diag([LX, LY, LZ]), atol=1e-5)
    with np.load(folder / "total_orientation.npz", allow_pickle=False) as saved:
        assert saved["P_z"].shape == saved["time_ps"].shape == (FRAMES,)


def test_the_first_layer_that_rests_keeps_its_direction_and_its_waters(store: Store) -> None:
    """Five waters below 4.5 Å, of which the first moves by some 0.4 Å and never leaves; an ion above it."""
    values, folder = analyse(store, md(store))
    correlation, survival = read(folder / "dipole_correlation.csv"), read(folder / "survival.csv")
    assert correlation["lag_ps"] == pytest.approx(0.1 * np.arange(11))
    assert survival["lag_ps"] == pytest.approx(0.1 * np.arange(21))
    assert correlation["dipole_correlation"] == pytest.approx(np.ones(11), abs=1e-6)
    for name in ("survival", "intermittent_mean_of_ratios", "continuous_ratio_of_sums"):
        assert survival[name] == pytest.approx(np.ones(21))
        assert survival[f"se_{name}"] == pytest.approx(np.zeros(21), abs=1e-12)
    sodium = values["dynamics"]["ions"]["Na"]
    frames = np.array([INTERFACE.positions] * FRAMES)
    frames[:, 27:30, 2] += trajectory()[1][:, None]
    cell = np.array([LX, LY, LZ])
    vectors = frames[:, INTERFACE.numbers == 8] - frames[:, INTERFACE.numbers == 11]
    vectors -= cell * np.rint(vectors / cell)
    near = (np.linalg.norm(vectors, axis=-1) <= 3.2).sum(axis=1)
    assert near.mean() > 0
    assert sodium["coordination"]["mean"] == pytest.approx(near.mean())
    with np.load(folder / "ion_coordination.npz", allow_pickle=False) as saved:
        assert saved["Na"].tolist() == near[:, None].tolist()
    assert sodium["indices"] == np.flatnonzero(INTERFACE.numbers == 11).tolist()
    assert values["dynamics"]["first_frame"] == 0
    assert sodium["coordination_shares"] == pytest.approx(np.bincount(near) / FRAMES)
    assert [sodium["in_first_layer"][name] for name in ("mean", "se", "dof")] == [0.0, 0.0, 9.0]
    assert sodium["stays"] == [{"share": 0.0, "number": 0, "mean_ps": None}]


def test_waters_and_ions_that_come_and_go(store: Store) -> None:
    """The first water and the ion are in the layer in every other ten frames; lags end at half the run."""
    frame = slab([2.0, 8.0], [-0.5, 0.5], [(4.0, 4.0, 3.0)])
    files, _ = trajectory(frame, 100)
    start, records = files["trajectory.nc"][: -100 * record_type(34).itemsize], None
    records = np.frombuffer(files["trajectory.nc"][len(start) :], record_type(34)).copy()
    records["coordinates"] = frame.positions
    away = np.arange(100) // 10 % 2 == 1
    records["coordinates"][away, 27:30, 2] += 4.0
    records["coordinates"][away, 33:34, 2] += 4.0
    files["trajectory.nc"] = start + records.tobytes()
    key = commit(store, "md", {"outcome": "completed", "cause": None, "time_ps": 10.0}, files)
    values, folder = analyse(store, key)
    survival = read(folder / "survival.csv")
    assert survival["survival"][:3] == pytest.approx([1.0, 0.9, 0.8])
    assert survival["survival"][10] == 0.0
    assert survival["intermittent_ratio_of_sums"][20] == pytest.approx(1.0)
    sodium = values["dynamics"]["ions"]["Na"]
    assert sodium["in_first_layer"]["mean"] == pytest.approx(0.5)
    assert sodium["stays"] == [{"share": 0.5, "number": 5, "mean_ps": pytest.approx(1.0)}]
    assert values["dynamics"]["frame_ps"] == pytest.approx(0.1)
    # By ten frames in turn 3 and 7 Å: no stationary half missed, blocks of 1 ps.
    moves = values["stationarity"]
    assert moves["ions"] == ["Na"]
    with np.load(folder / "ion_heights.npz", allow_pickle=False) as saved:
        assert saved["Na"] == pytest.approx(np.where(away, 7.0, 3.0)[:, None], abs=0.1)
        assert saved["height_Na"] == pytest.approx(saved["Na"][:, 0], abs=1e-5)
        mean = float(saved["height_Na"].mean())
    # Deviations of ± 2 Å: σ √(g/T) = 2 √(5.3/100) with T - 1 in place of T.
    height = values["ion_heights"]["Na"]
    assert (height["mean"], height["se_autocorrelation"]) == pytest.approx(
        (mean, 2 * (5.3 / 99) ** 0.5), rel=0.02
    )
    assert values["profiles"]["total_orientation_width"]["mean"] == pytest.approx(0, abs=1e-3)
    height = moves["series"]["Na 0"]
    assert (height["first"], height["second"]) == pytest.approx((5.0, 5.0), abs=0.5)
    assert height["autocorrelation_ps"] == pytest.approx(0.1 * height["inefficiency"])
    # Of 100 - t pairs 9 t lie across one of 9 steps: C(t) = 1 - 0.19 t, g = 1 + 2 (0.81 + 0.62 + 0.43 + 0.24
    # + 0.05).
    assert height["inefficiency"] == pytest.approx(5.3)
    assert moves["series"]["waters_in_first_layer"]["first"] == pytest.approx(0.6, abs=0.11)
    assert {"total_orientation", "cosine", "potential_eV_per_atom", "temperature_K"} <= set(moves["series"])
    energy = moves["series"]["potential_eV_per_atom"]
    mean = values["thermo"]["potential_eV_per_atom"]["mean"]
    assert (energy["first"] + energy["second"]) / 2 == pytest.approx(mean)
    with np.load(folder / "first_layer.npz", allow_pickle=False) as saved:
        assert saved["cosine"].mean() == pytest.approx(values["profiles"]["first_layer"]["cosine"]["mean"])
    words = "errors at lags beyond 1 ps, the length of a block, are too small"
    assert any(note.startswith("survival: ") and words in note for note in values["warnings"])


DROPPED = "3 frames after the last whole block: not analysed"


def files_of(folder: Path) -> dict[str, bytes]:
    """What a verb has written for others to read."""
    result = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".csv"}
    if (folder / "total_orientation.npz").exists():
        with np.load(folder / "total_orientation.npz", allow_pickle=False) as saved:
            result |= {name: saved[name].tobytes() for name in saved.files}
    return result


def test_frames_after_the_last_whole_block_change_no_number(store: Store) -> None:
    files, outcome = trajectory()[0], {"outcome": "completed", "cause": None, "time_ps": 20.0}
    longer = commit(store, "md", outcome, strange(files, len(INTERFACE.numbers)))
    (plain, folder), (result, other) = analyse(store, md(store)), analyse(store, longer)
    assert (result.pop("frames"), plain.pop("frames")) == (FRAMES + 3, FRAMES)
    assert result.pop("warnings") == [DROPPED, *plain.pop("warnings")]
    assert result == plain
    assert files_of(other) == files_of(folder)
    assert len(files_of(other)) == 6


def test_frames_after_the_last_whole_block_are_not_reweighted(store: Store) -> None:
    files, outcome = trajectory()[0], {"outcome": "completed", "cause": None, "time_ps": 20.0}
    longer = commit(store, "md", outcome, strange(files, len(INTERFACE.numbers)))
    (plain, folder), (result, other) = reweight(store, SLOPES), reweight(store, SLOPES, key=longer)
    assert result.pop("warnings") == [DROPPED, *plain.pop("warnings")]
    assert result == plain
    assert files_of(other) == files_of(folder)
    assert len(files_of(other)) == 3


def test_an_unstable_run_has_no_profiles(store: Store) -> None:
    values, folder = analyse(store, md(store, "unstable"))
    assert "leave such runs out" in values["profiles"]["skipped"]
    assert not (folder / "profiles.csv").exists()


def test_without_metal_densities_alone_and_that_is_said(store: Store) -> None:
    frame = Interface(np.where(INTERFACE.numbers == 79, 10, INTERFACE.numbers), INTERFACE.positions)
    values, folder = analyse(store, md(store, frame=frame))
    assert "no Au in this run" in values["profiles"]["note"]
    assert not (folder / "total_orientation.npz").exists()
    assert "cosine" not in read(folder / "profiles.csv")


def models(store: Store, slopes: Sequence[float | None]) -> dict[str, str]:
    """Committed members whose energies rise with the first molecule's height by these slopes, eV/Å."""
    files = [{"slope.json": json.dumps(slope).encode()} for slope in slopes]
    return {f"member-{m:03d}": commit(store, "train", {}, own) for m, own in enumerate(files)}


def reevaluate(store: Store, key: str, slopes: Sequence[float | None], **changes: Any) -> tuple[Any, Path]:
    given = {
        "stride": STRIDE, "equilibration": 0.0, "batch_size": 5, "device": "cpu", "dtype": "float64",
        "hyperparameters": {}, "threads": 1,
    }  # fmt: skip
    return run(store, "reevaluate", given | changes, {"md": key} | models(store, slopes))


def test_reevaluate_takes_the_stored_frames_in_batches(store: Store) -> None:
    values, folder = reevaluate(store, md(store), [0.5, -2.0])
    assert values == {"frames": FRAMES // STRIDE, "not_finite": 0}
    with np.load(folder / "energies.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["indices"], np.arange(0, FRAMES, STRIDE))
        height = 5.8 + HEIGHTS[0] + trajectory()[1][::STRIDE]
        np.testing.assert_allclose(saved["energies"], [0.5 * height + 50, -2 * height - 200], atol=1e-5)


def test_reevaluate_goes_on_where_it_was(store: Store) -> None:
    given = {
        "stride": 1, "equilibration": 0.0, "batch_size": 5, "device": "cpu", "dtype": "float64", "threads": 1,
        "hyperparameters": {"stop": 4},
    }  # fmt: skip
    upstream = {"md": md(store)} | models(store, [1.0, 2.0])
    task = Task("reevaluate", 1, "tests", "0" * 64, given, upstream, architecture=ARCHITECTURE)
    first = store.begin(task)
    assert attempt(first, None, commit=True) not in (EXIT_COMMITTED, EXIT_INTERRUPTED)
    assert list((first / "checkpoint").glob("*/energies.npz"))
    assert attempt(store.begin(task), None, commit=True) == EXIT_COMMITTED
    with np.load(store.task(task.key) / "energies.npz", allow_pickle=False) as saved:
        expected = 105.8 + HEIGHTS[0] + trajectory()[1]
        np.testing.assert_allclose(saved["energies"], [expected, 2 * expected], atol=1e-5)


def calibration(store: Store, alpha: float | None) -> str:
    """Of the composition of the run, at its temperature, and another α at another."""
    own = {"alpha": alpha, "withheld": None} if alpha else {"refused": "too few members", "why": "M = 3"}
    where = {"composition": composition(INTERFACE.numbers), "temperature_K": 300.0}
    strata = [where | own, where | {"temperature_K": 600.0, "alpha": 9.0, "withheld": None}]
    return commit(store, "calibrate", {"members": 3, "strata": strata})


def reweight(
    store: Store, slopes: list[float | None], alpha: float | None = 1.5, key: str = "", driver: int = 0
) -> tuple[Any, Path]:
    key = key or md(store)
    upstream = {"energies": reevaluate(store, key, slopes)[1].name}
    given = TRUST | {"blocks": 10, "equilibration": 0.0, "temperature": 300.0, "stride": STRIDE}
    given |= {"driving_member": driver}
    return run(store, "reweight", given, {"md": key, "calibration": calibration(store, alpha)} | upstream)


SLOPES = [0.0, 0.004, -0.01, 0.02]


def test_reweighted_profiles_against_the_formula(store: Store) -> None:
    values, folder = reweight(store, SLOPES)
    table = read(folder / "reweighted-density.csv")
    heights = HEIGHTS[0] + trajectory()[1]
    bins = np.floor(np.round(heights, 6) / 0.1).astype(int)
    first = np.abs(table["z_A"] - 0.05).argmin()
    counts = np.zeros((FRAMES, len(table["z_A"])))
    counts[np.arange(FRAMES), first + bins] += 29.91461129513685 / (LX * LY * 0.1)
    x = heights[::STRIDE] / (kB * 300)
    covariance = (counts[::STRIDE] * (x - x.mean())[:, None]).mean(axis=0)
    for member, slope in enumerate(SLOPES):
        np.testing.assert_allclose(
            table[f"member_{member}"], table["driving_member"] - slope * covariance, atol=2e-5
        )
        assert table[f"member_{member}"].sum() == pytest.approx(table["driving_member"].sum(), rel=1e-6)
    np.testing.assert_allclose(table["alpha_sigma"], 1.5 * table["sigma"], rtol=1e-6)
    members = [table[f"member_{m}"] for m in range(4)]
    np.testing.assert_allclose(table["sigma_observed"], np.std(members, axis=0, ddof=1), atol=2e-7)
    free = np.maximum(0, table["sigma_observed"] ** 2 - table["noise"] ** 2)
    known = np.isfinite(table["sigma"])
    assert known.any()
    assert (free[~known] == 0).all()
    assert (table["sigma_high"][~known] > 0).all()
    np.testing.assert_allclose(np.nan_to_num(table["sigma"]), np.sqrt(free), atol=1e-3)
    assert ((table["sigma_low"] <= table["sigma"]) & (table["sigma"] <= table["sigma_high"]))[known].all()
    np.testing.assert_allclose(table["mean"], np.mean(members, axis=0), atol=1e-7)
    weights = np.exp(-0.02 * (x - x.mean()))
    direct = (weights / weights.sum()) @ counts[::STRIDE]
    low = slice(0, first + 22)  # below the molecules that do not move
    np.testing.assert_allclose(table["direct_3"][low], direct[low], atol=2e-5)
    assert set(values["observables"]) == {"density", "orientation", "concentration-Na"}
    assert values["members"]["3"]["std_h"] == pytest.approx(0.02 * x.std(ddof=1), rel=1e-4)
    assert (values["frames"], values["reweighted_frames"], values["alpha"]) == (200, 100, 1.5)
    training = np.nan_to_num(table["alpha_sigma"])
    np.testing.assert_allclose(table["combined"], np.hypot(table["se"], training), rtol=1e-6)
    moved = table["se"] > 0
    np.testing.assert_allclose(table["se_member_0"][moved], table["se"][moved], rtol=0.2)  # the same blocks
    assert (table["se_member_3"][moved] > 0).all()
    assert values["next_member"] == 3
    assert values["advice"][0].startswith("Run member 3 directly next")
    assert any("density: 2·SE is at most" in sentence for sentence in values["advice"])


def test_another_member_may_have_driven(store: Store) -> None:
    """It is the same whether a model drives as member 3 or, the two swapped, as member 0."""
    values, folder = reweight(store, SLOPES, driver=3)
    swapped = [SLOPES[3], *SLOPES[1:3], SLOPES[0]]
    table, expected = (read(one / "reweighted-density.csv") for one in (folder, reweight(store, swapped)[1]))
    for member, place in enumerate((3, 1, 2, 0)):
        np.testing.assert_allclose(table[f"member_{member}"], expected[f"member_{place}"], atol=1e-6)
    np.testing.assert_array_equal(table["member_3"], table["driving_member"])
    assert set(values["members"]) == {"0", "1", "2"}
    assert values["next_member"] == 2


def test_reweighted_numbers_follow_from_the_reweighted_profiles(store: Store) -> None:
    # the first molecule goes in and out of the first layer
    frame = slab([4.45, *HEIGHTS[1:]], np.linspace(-0.9, 0.9, 21).tolist(), [(4.0, 4.0, 5.05)])
    values, folder = reweight(store, SLOPES, key=md(store, frame=frame))
    density, orientation = (read(folder / f"reweighted-{name}.csv") for name in ("density", "orientation"))
    inside = (density["z_A"] > 0) & (density["z_A"] < 4.5)
    expected = [
        orientation[f"member_{m}"][inside].sum() / density[f"member_{m}"][inside].sum() for m in range(4)
    ]
    result = values["scalars"]
    assert result["cosine"]["members"] == pytest.approx(expected, abs=1e-6)
    assert result["cosine"]["driving_member"] == pytest.approx(result["cosine"]["members"][0])
    assert result["cosine"]["sigma_observed"] == pytest.approx(np.std(expected, ddof=1), rel=1e-4)
    assert result["cosine"]["alpha_sigma"] == pytest.approx(1.5 * result["cosine"]["sigma"])
    assert result["cosine"]["sigma_observed"] > result["cosine"]["sigma"] >= 0
    assert result["cosine"]["noise"] > 0
    # the molecule that moves does not turn, so the total dipole does not change
    assert result["total_orientation"]["members"] == pytest.approx([0.0] * 4, abs=1e-3)
    numbers = {"total_orientation", "total_orientation_width", "height_Na"}
    assert set(result) == {"cosine", "peak_z_A", "peak_g_per_cm3", *numbers}
    # nor its width, and the ion stays at 5.05 Å
    assert all(abs(own or 0.0) < 1e-3 for own in result["total_orientation_width"]["members"])
    assert result["height_Na"]["members"] == pytest.approx([5.05] * 4, abs=1e-6)


@pytest.mark.parametrize(("slope", "verdict"), [(0.001, "caution"), (0.2, "run it directly")])
def test_verdicts_come_from_the_worst_member(store: Store, slope: float, verdict: str) -> None:
    values, _ = reweight(store, [0.0, 0.0001, slope])
    assert values["verdict"] == verdict


def test_a_committee_without_alpha_says_so(store: Store) -> None:
    values, folder = reweight(store, SLOPES[:3], alpha=None)
    assert values["alpha"] is None
    words = "not calibrated (M = 3): bands are 1.32 σ, Student's t for M = 3 members"
    assert any(words in warning for warning in values["warnings"])
    assert np.isnan(read(folder / "reweighted-density.csv")["alpha_sigma"]).all()


def test_an_unstable_run_is_neither_evaluated_nor_reweighted(store: Store) -> None:
    key = md(store, "unstable")
    assert reevaluate(store, key, [1.0])[0]["frames"] == 0
    assert "unstable" in reweight(store, SLOPES, key=key)[0]["skipped"]


def test_frames_without_an_energy_are_left_out(store: Store) -> None:
    values, _ = reweight(store, [0.0, None, 0.01])
    assert "0 of 200 frames" in values["skipped"]


def test_without_slab_g_of_r_is_reweighted(store: Store) -> None:
    frame = Interface(np.where(INTERFACE.numbers == 79, 10, INTERFACE.numbers), INTERFACE.positions)
    values, folder = reweight(store, SLOPES, key=md(store, frame=frame))
    assert list(values["observables"]) == ["g_O-O"]
    assert values["scalars"] == {}
    table = read(folder / "reweighted-g_O-O.csv")
    assert table["r_A"].tolist() == [0.25 + 0.5 * k for k in range(8)]
    assert (table["sigma"] > 0).any()


def formulas(count: int) -> list[list[int]]:
    """Atomic numbers of frames: two waters, one, two, …"""
    return [[8, 1, 1] if index % 2 else [8, 1, 1, 8, 1, 1] for index in range(count)]


def predictions(reference: np.ndarray, energies: np.ndarray, indices: list[int]) -> dict[str, bytes]:
    stream = io.BytesIO()
    numbers = formulas(len(reference))
    np.savez(stream, indices=np.array(indices), offsets=np.cumsum([0, *map(len, numbers)]),
             numbers=np.concatenate(numbers), energies=energies, label_energies=reference)  # fmt: skip
    return {"predictions-validation.npz": stream.getvalue()}


def calibrate(
    store: Store, energies: np.ndarray, reference: np.ndarray, conditions: list[dict[str, Any]] | None = None
) -> Any:
    """The dataset holds the validation structures alone, sampled one after the other."""
    count, numbers = len(reference), formulas(len(reference))
    frames = Frames(
        offsets=np.cumsum([0, *map(len, numbers)]), numbers=np.concatenate(numbers),
        positions=np.zeros((sum(map(len, numbers)), 3)), cells=np.zeros((count, 3, 3)),
        pbc=np.zeros((count, 3), dtype=bool), energies=reference,
        forces=np.zeros((sum(map(len, numbers)), 3)),
    )  # fmt: skip
    frames.save(store.root / "dataset.npz")
    content = {"frames.npz": (store.root / "dataset.npz").read_bytes()}
    upstream = {"frames": commit(store, "label", {}, content)} | {
        f"member-{m:03d}": commit(store, "evaluate", {}, predictions(reference, row, list(range(count))))
        for m, row in enumerate(energies)
    }
    unknown = [{"frames": count, "temperature": None, "rattle_every": None}]
    return run(store, "calibrate", {"conditions": conditions or unknown}, upstream)[0]


def test_calibrate(store: Store) -> None:
    noise = np.random.default_rng(2)
    reference = noise.normal(size=40)
    common = noise.normal(size=40)
    values = calibrate(store, reference + common + noise.normal(size=(6, 40)), reference)
    assert values["members"] == 6
    assert set(values["compositions"]) == {"H2O1", "H4O2"}
    assert values["compositions"]["H2O1"]["raw"]["structures"] == 20
    assert values["raw"]["interval"][0] < values["raw"]["alpha"] < values["raw"]["interval"][1]
    assert values["zeros"] == []
    where = [(stratum["composition"], stratum["temperature_K"]) for stratum in values["strata"]]
    assert where == [("H2O1", None), ("H4O2", None)]
    assert "independent validation frames, at least 24" in values["strata"][0]["withheld"]


def test_alpha_is_taken_at_each_temperature_from_frames_that_are_not_rattled(store: Store) -> None:
    """Errors are three times the spread at 600 K, and a hundred times in rattled frames, every fourth."""
    noise, count = np.random.default_rng(3), 800
    conditions = [{"frames": 400, "temperature": kelvin, "rattle_every": 4} for kelvin in (300.0, 600.0)]
    scale = np.repeat([1.0, 3.0], 400)
    scale[3::4] = 100.0
    reference = noise.normal(size=count)
    energies = reference + scale * noise.normal(size=count) + noise.normal(size=(6, count))
    values = calibrate(store, energies, reference, conditions)
    strata = {(own["composition"], own["temperature_K"]): own for own in values["strata"]}
    # the second and fourth frame of four are of one molecule: the fourth is rattled
    assert {own: stratum["structures"] for own, stratum in strata.items()} == {
        ("H2O1", 300.0): 100, ("H4O2", 300.0): 200, ("H2O1", 600.0): 100, ("H4O2", 600.0): 200,
    }  # fmt: skip
    for (_, kelvin), stratum in strata.items():
        assert stratum["alpha"] == pytest.approx(1.0 if kelvin == 300 else 3.0, rel=0.35)
        assert 24 < stratum["independent"] <= stratum["structures"]
        assert stratum["withheld"] is None
    assert values["centred"]["alpha"] > 20


def test_frames_that_follow_one_another_closely_are_not_independent(store: Store) -> None:
    """Labels in steps of 20 frames, 10 of each composition: some 10 of 100 frames of each are independent."""
    noise = np.random.default_rng(4)
    reference = np.repeat(noise.normal(size=10), 20)
    values = calibrate(store, reference + noise.normal(size=(6, 200)), reference)
    assert {stratum["independent"] < 24 for stratum in values["strata"]} == {True}


def test_a_dataset_that_is_not_the_planned_one_is_refused(store: Store) -> None:
    with pytest.raises(InputFailure, match="2 frames are planned, the data have 3"):
        origins(
            Frames.from_atoms([Atoms("H")] * 3), [{"frames": 2, "temperature": None, "rattle_every": None}]
        )


def test_calibrate_refuses_in_words(store: Store) -> None:
    noise = np.random.default_rng(2)
    reference = noise.normal(size=12)
    three = calibrate(store, reference + noise.normal(size=(3, 12)), reference)
    assert three["raw"]["refused"] == three["centred"]["refused"] == "too few members"
    with pytest.raises(InputFailure, match="members 0 and 1 give the same energies on all 12 validation"):
        require_different(np.repeat(reference[None] + 0.1, 4, axis=0))
    agreeing = reference + noise.normal(size=(4, 12))
    agreeing[:, 5] = 0.25
    assert calibrate(store, agreeing, reference)["raw"]["refused"] == "no spread"
    zeros = calibrate(store, reference + noise.normal(scale=0.01, size=(4, 12)) + 7.0, reference)
    assert len(zeros["zeros"]) == 8
    first = zeros["zeros"][0]
    assert (first["member"], first["composition"]) == (0, "H2O1")
    assert (first["offset_eV"], first["mean_eV"]) == (pytest.approx(7, abs=0.05), pytest.approx(7, abs=0.05))


def test_a_single_structure_has_no_error_but_its_mean_and_is_no_independent_frame(store: Store) -> None:
    """Centring leaves nothing of the one frame at 300 K of each composition."""
    noise, count = np.random.default_rng(5), 42
    reference = noise.normal(size=count)
    conditions = [
        {"frames": 2, "temperature": 300.0, "rattle_every": None},
        {"frames": 40, "temperature": 600.0, "rattle_every": None},
    ]
    values = calibrate(store, reference + noise.normal(size=(6, count)), reference, conditions)
    alone = [stratum for stratum in values["strata"] if stratum["temperature_K"] == 300.0]
    assert [(own["structures"], own["independent"], own["refused"]) for own in alone] == [
        (0, 0.0, "too few structures")
    ] * 2


def labelled(tmp_path: Path, result: list[Interface], dipoles: list[float]) -> dict[str, bytes]:
    """frames.npz and labels.npz of a dataset."""
    numbers = [one.numbers for one in result]
    frames = Frames(
        offsets=np.cumsum([0, *map(len, numbers)]), numbers=np.concatenate(numbers),
        positions=np.concatenate([one.positions for one in result]),
        cells=np.array([np.diag([LX, LY, LZ])] * len(result)), pbc=np.ones((len(result), 3), dtype=bool),
        energies=np.zeros(len(result)), forces=np.zeros((sum(map(len, numbers)), 3)),
    )  # fmt: skip
    frames.save(tmp_path / "frames.npz")
    Answers.of_dipoles(np.array(dipoles), len(frames.numbers)).save(tmp_path)
    return {name: (tmp_path / name).read_bytes() for name in ("frames.npz", "labels.npz")}


def test_dipole_with_its_parts(store: Store, tmp_path: Path) -> None:
    """Water below the slab, so parts change their sign; D = 0.5 P_z + 0.9 Σz exactly, and their mean."""
    random = np.random.default_rng(8)
    cosines, ions = random.uniform(-0.9, 0.9, size=(2, 12))
    result = [slab([2.0, 3.0, 4.0], [cosine, 0.25, 0.0], [(4.0, 4.0, 6.0)]) for cosine in cosines]
    result = [Interface(one.numbers, one.positions * [1.0, -1.0, -1.0]) for one in result]
    along = 0.5 * (cosines + 0.25) + 0.9 * ions
    files = labelled(tmp_path, result, [])
    parts = -np.column_stack([0.5 * (cosines + 0.25), ions, -0.1 * ions])
    Answers(
        np.zeros(sum(len(one.numbers) for one in result)), np.zeros(12), -along, np.zeros(12), parts
    ).save(tmp_path)
    files["labels.npz"] = (tmp_path / "labels.npz").read_bytes()
    key = commit(store, "build", {}, files)
    values, _ = run(store, "dipole", {"metal": "Au", "blocks": 4}, {"frames": key})
    (line,) = values["compositions"].values()
    assert line["plane"]["orientation"][0] == pytest.approx(0.5, abs=1e-6)
    assert line["plane"]["ions"][0] == pytest.approx(0.9, abs=1e-6)
    assert line["plane"]["together"] == pytest.approx(1.0, abs=1e-6)
    assert line["parts_eA"]["ions"] == pytest.approx(ions.mean())
    assert sum(line["parts_eA"].values()) == pytest.approx(along.mean())


def test_dipole(store: Store, tmp_path: Path) -> None:
    """Five frames whose dipole is 1 + P_z/2 e·Å, one of another composition, and three that say nothing."""
    cosines = [-0.8, -0.3, 0.1, 0.4, 0.9]
    result = [slab([2.0, 3.0], [cosine, 0.25], []) for cosine in cosines]
    bare = Interface(np.full(27, 79), result[0].positions[:27])
    result += [slab([2.0, 3.0], [0.5, 0.0], [(4.0, 4.0, 8.0)]), result[0], result[1], bare]
    dipoles = [1.0 + 0.5 * (cosine + 0.25) for cosine in cosines] + [7.0, np.nan, np.inf, 1.0]
    key = commit(store, "build", {}, labelled(tmp_path, result, dipoles))
    values, folder = run(store, "dipole", {"metal": "Au", "blocks": 10}, {"frames": key})
    assert (values["frames"], values["without"]) == (6, 3)
    assert values["reasons"] == {"no dipole": 2, "no surface with intact molecules of water": 1}
    line, alone = values["compositions"]["Au27H4O2"], values["compositions"]["Au27H4Na1O2"]
    assert (line["frames"], line["area_A2"]) == (5, LX * LY)
    assert line["slope_eA"] == pytest.approx(0.5, abs=1e-9)
    assert line["intercept_eA"] == pytest.approx(1.0, abs=1e-9)
    assert line["correlation"] == pytest.approx(1.0, abs=1e-9)
    assert line["se_slope_eA"] == pytest.approx(0.0, abs=1e-9)
    assert line["slope_V"] == pytest.approx(180.95128 * 0.5 / (LX * LY))
    unknown = dict.fromkeys(("molecules", "ions", "metal"))
    assert alone == {"frames": 1, "area_A2": LX * LY, "parts_eA": unknown}
    assert line["work_function_eV"] == pytest.approx(-line["slope_V"])
    rows = list(csv.DictReader(io.StringIO((folder / "dipoles.csv").read_text())))
    assert [row["frame"] for row in rows] == ["5", "0", "1", "2", "3", "4"]
    assert [row["composition"] for row in rows] == ["0"] + ["1"] * 5
    assert float(rows[1]["P_z"]) == pytest.approx(-0.55, abs=1e-7)


def test_dipole_of_turned_cells_and_of_faces_that_are_wet_in_turn(store: Store, tmp_path: Path) -> None:
    """Turning about z and swapping a and b change nothing; all frames take the first one's normal."""
    result, dipoles = [], []
    for index, cosine in enumerate([-0.8, -0.3, 0.1, 0.4, 0.9, 0.2]):
        one = slab([2.0, 3.0, 4.0], [cosine, 0.25, 0.0], [])
        dipole = 1.0 + 0.5 * (cosine + 0.25)
        if index % 2:  # water below: what points out of the film points down
            one, dipole = (
                Interface(one.numbers, one.positions * [1.0, -1.0, -1.0]),
                1.0 - 0.5 * (cosine + 0.25),
            )
        result.append(one)
        dipoles.append(dipole)
    files = labelled(tmp_path, result, dipoles)
    values, _ = run(
        store, "dipole", {"metal": "Au", "blocks": 10}, {"frames": commit(store, "build", {}, files)}
    )
    (line,) = values["compositions"].values()
    assert (line["slope_eA"], line["intercept_eA"]) == pytest.approx((0.5, 1.0), abs=1e-9)
    frames, angle = Frames.load(tmp_path / "frames.npz"), np.radians(30.0)
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    cells = (frames.cells @ turn)[:, [1, 0, 2]]
    replace(frames, positions=frames.positions @ turn, cells=cells).save(tmp_path / "frames.npz")
    files["frames.npz"] = (tmp_path / "frames.npz").read_bytes()
    key = commit(store, "build", {}, files)
    again, _ = run(store, "dipole", {"metal": "Au", "blocks": 10}, {"frames": key})
    (other,) = again["compositions"].values()
    assert other.pop("parts_eA") == line.pop("parts_eA")
    assert other == pytest.approx(line, abs=1e-9)
    replace(frames, cells=np.roll(frames.cells, 1, axis=2)).save(tmp_path / "frames.npz")
    files["frames.npz"] = (tmp_path / "frames.npz").read_bytes()
    key = commit(store, "build", {}, files)
    lying, _ = run(store, "dipole", {"metal": "Au", "blocks": 10}, {"frames": key})
    assert lying["reasons"] == {"a and b of the cell do not span the xy plane": 6}


def test_visibility(store: Store, tmp_path: Path) -> None:
    neutral = slab([2.0, 3.0], [0.0, 0.0], [])
    charged = slab([2.0, 3.0], [0.0, 0.0], [(4.0, 4.0, 2.5)])
    charged.positions[[27, 30], :2] = [[4.0, 4.0], [8.5, 8.5]]  # 0.5 and 6.4 Å from the ion
    numbers = np.concatenate([neutral.numbers, charged.numbers])
    frames = Frames(
        offsets=np.array([0, len(neutral.numbers), len(numbers)]), numbers=numbers,
        positions=np.concatenate([neutral.positions, charged.positions]),
        cells=np.array([np.diag([LX, LY, LZ])] * 2), pbc=np.ones((2, 3), dtype=bool),
        energies=np.zeros(2), forces=np.zeros((len(numbers), 3)),
    )  # fmt: skip
    frames.save(tmp_path / "frames.npz")
    key = commit(store, "label", {}, {"frames.npz": (tmp_path / "frames.npz").read_bytes()})
    asked: dict[str, Any] = {"metal": "Au", "radius": 4.0, "only": {"Na": 0}}
    values, _ = run(store, "visibility", asked, {"frames": key})
    assert (values["frames"], values["without"], values["compositions"]) == (1, 1, {})
    values, _ = run(store, "visibility", asked | {"only": {}}, {"frames": key})
    assert (values["frames"], values["without"]) == (2, 1)
    assert values["compositions"] == {"Au27H4Na1O2": {"frames": 1, "share": 0.5}}

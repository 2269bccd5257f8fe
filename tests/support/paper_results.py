"""Toy results of every task of campaigns/paper.yaml, as large as real ones, in a store: no engine, no GPU.

Files of equal content are one file of the disk, linked into every folder: 2 GB for a store of 60 GB.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from charged import movement, moves
from profiled import analysed, csv_bytes, npz, reweighted

from mlipbench_hpc.contract.folder import Store, seal, write_json
from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.plan.graph import Planned

CLOCK = {"wall_s": 3600.0, "cpu_s": 3500.0, "peak_bytes": 2**33, "host": "node01"}
FRAME_PS, GOLD = 0.01, 96
# Test structures of each split's dataset, as in the paper.
TESTED = {"learn": {0: 200}, "no-ions": {0: 2690}, "three-ions": {3: 2463}, "all-charges": {0: 2690, 3: 2463}}
VALIDATED = {0: 100, 1: 100, 2: 100, 3: 100, 4: 100}
Content = tuple[dict[str, Any], dict[str, Path]]


def atoms_of(ions: int) -> list[int]:
    """Atomic numbers of the paper's cell with so many ions: 96 Au, 96 waters less one for three, Na."""
    waters = 96 - (ions > 0)
    return [79] * GOLD + [8] * waters + [1] * (2 * waters) + [11] * ions


@dataclass
class Files:
    """Files by name and content's name, each made once, with its size and digest."""

    folder: Path
    outputs: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file of that name, which `make` writes where it is not there."""
        path = self.folder / name
        if path not in self.outputs:
            make(path)
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            self.outputs[path] = {"bytes": path.stat().st_size, "sha256": digest}
        return path

    def of(self, name: str, content: bytes) -> Path:
        return self.made(name, lambda path: path.write_bytes(content) and None)


def predictions(compositions: dict[int, int]) -> bytes:
    """predictions-*.npz of so many frames with each number of ions."""
    random = np.random.default_rng(0)
    frames = [atoms_of(ions) for ions, amount in compositions.items() for _ in range(amount)]
    numbers = np.concatenate(frames)
    labels = random.normal(size=(len(numbers), 3))
    energies = random.normal(scale=0.5, size=len(frames))
    return npz(
        indices=np.arange(len(frames)), offsets=np.concatenate([[0], np.cumsum([*map(len, frames)])]),
        numbers=numbers, energies=energies + random.normal(scale=0.1, size=len(frames)),
        forces=labels + random.normal(scale=0.1, size=labels.shape), label_energies=energies,
        label_forces=labels,
    )  # fmt: skip


def forces(name: str) -> dict[str, Any]:
    sums = {"rmse_meV_per_A": 130.0, "std_meV_per_A": 1100.0, "ratio": 0.118, "values": 11_664}
    sums |= {"median_meV_per_A": 40.0, "share_of_largest": 0.2}
    return sums | {"molecules": {"oxygens_left_out": 0}, "ions": {"atoms": 9}}.get(name, {})


def errors(compositions: dict[int, int]) -> dict[str, Any]:
    """Errors of one member on one set."""
    names = ("rmse_meV_per_atom", "centred_rmse_meV_per_atom", "rmse_meV", "centred_rmse_meV")
    energy = dict.fromkeys([*names, "std_meV_per_atom", "std_meV"], 4.0) | {"compositions": len(compositions)}
    species = {symbol: forces(symbol) for symbol in ("Au", "H", "Na", "O")}
    every = {name: forces(name) for name in ("all", "molecules", "ions")} | {"species": species}
    strata = [
        {"temperature_K": None, "composition": formula, "frames": 90, "force": every}
        for formula in (None, *map(formula_of, compositions))
    ]
    frames = sum(compositions.values())
    return {"frames": frames, "not_finite": 0, "energy": energy, "force": every, "strata": strata}


def formula_of(ions: int) -> str:
    numbers = atoms_of(ions)
    counts = {
        symbol: numbers.count(number) for symbol, number in (("Au", 79), ("H", 1), ("Na", 11), ("O", 8))
    }
    return "".join(f"{symbol}{amount}" for symbol, amount in counts.items() if amount)


def thermo(frames: int, ions: int) -> bytes:
    """thermo.csv of a run."""
    random, step = np.random.default_rng(0), np.arange(frames + 1)
    energies = random.normal(scale=0.5, size=(3, frames + 1)) - 100.0
    columns: dict[str, Any] = {"step": 20 * step, "time_ps": FRAME_PS * step}
    columns |= dict(zip(("potential_eV", "kinetic_eV", "conserved_eV"), energies, strict=True))
    for name in ("", "Au_", "H_", *(["Na_"] if ions else []), "O_"):
        columns[f"temperature_{name}K"] = random.normal(300, 15, size=frames + 1)
    return csv_bytes(columns)


def trajectory(path: Path, frames: int, ions: int) -> None:
    """trajectory.nc of a run: one frame again and again."""
    numbers, random = np.array(atoms_of(ions)), np.random.default_rng(0)
    record = np.zeros(1000, record_type(len(numbers)))
    record["coordinates"] = random.uniform(0, [17.8, 10.3, 35.0], size=(len(numbers), 3))
    record["cell_lengths"], record["cell_angles"] = (17.8191, 10.2879, 45.0), 90.0
    begin = header(numbers)
    with path.open("wb") as stream:
        stream.write(begin[:4] + numrecs(frames) + begin[8:])
        for first in range(0, frames, len(record)):
            record["time"] = FRAME_PS * (first + np.arange(len(record)))
            stream.write(record[: frames - first].tobytes())


def heights(frames: int, ions: int) -> np.ndarray:
    """Heights (frames, ions) Å that change between two layers every 40 ps."""
    layer = (np.arange(frames)[:, None] // 4000 + np.arange(ions)) % 2
    return (3.0 + 3.0 * layer + np.random.default_rng(0).normal(scale=0.3, size=layer.shape)).astype(
        np.float32
    )


@cache
def motion(lags: int, columns: tuple[str, ...]) -> bytes:
    """A correlation function's file."""
    lag = FRAME_PS * np.arange(lags)
    curves = {name: np.exp(-lag) for name in columns} | {f"se_{name}": 0.02 + 0 * lag for name in columns}
    return csv_bytes({"lag_ps": lag} | curves)


SURVIVAL = tuple(
    f"{form}{averaging}"
    for form in ("survival", "continuous_", "intermittent_")
    for averaging in ([""] if form == "survival" else ["mean_of_ratios", "ratio_of_sums"])
)
CURVES = {"dipole_correlation.csv": (251, ("dipole_correlation",)), "survival.csv": (501, SURVIVAL)}


def observed(frames: int, ions: int, seed: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Values and files of the analysis of a run of the paper's cell, of which a tenth was discarded."""
    own = {symbol: moves(independent=500.0) for symbol in (f"Na {place}" for place in range(ions))}
    symbols = {"Au": GOLD, "H": 2 * (96 - (ions > 0)), "O": 96 - (ions > 0)} | ({"Na": ions} if ions else {})
    time = FRAME_PS * np.arange(frames)
    temperatures = {f"temperature_{name}K": {"mean": 300.4, "se": 0.3, "dof": 9.0}
                    for name in ("", *(f"{symbol}_" for symbol in symbols))}  # fmt: skip
    values, files = analysed(
        ions, 0.3 * seed, seed, frames * FRAME_PS, 50.0, frames=frames, species=symbols,
        equilibration_ps=FRAME_PS * (frames // 9), cell_A=[[17.8191, 0, 0], [0, 10.2879, 0], [0, 0, 45.0]],
        thermo=temperatures | {"potential_eV_per_atom": {"mean": -3.1, "se": 1e-4, "dof": 9.0}},
        stationarity=movement(["Na"] if ions else [], **own),
    )  # fmt: skip
    files |= {name: motion(*shape) for name, shape in CURVES.items()}
    files["first_layer.npz"] = npz(time_ps=time, cosine=np.random.default_rng(seed).normal(size=frames))
    if ions:
        near = {
            "coordination_within_A": 3.2,
            "indices": list(range(len(atoms_of(3)) - ions, len(atoms_of(3)))),
        }
        values["dynamics"] = {"frame_ps": FRAME_PS, "first_frame": frames // 9,
                              "ions": {"Na": near}}  # fmt: skip
        files["ion_heights.npz"] = npz(Na=heights(frames, ions))
        files["ion_coordination.npz"] = npz(Na=np.full((frames, ions), 5, np.uint8))
    return values, files


def scans() -> tuple[dict[str, Any], bytes]:
    """Values and file of three frames' two waters along two directions."""
    about = [
        {"atom": water, "frame": frame, "particle": "water", "direction": way, "roughness_eV_per_A": 0.01}
        for frame in (0, 400, 800) for water in (100, 110) for way in ("normal", "surface")
    ]  # fmt: skip
    shift = np.linspace(-0.5, 0.5, 101)
    force = np.random.default_rng(0).normal(scale=0.01, size=(len(about), 101))
    return {"scans": about, "not_finite": 0}, npz(shift=shift, energy=force, force=force)


def timed() -> dict[str, Any]:
    """Values of a `speed` task of seven sizes."""
    sizes = [
        {"copies": 2**n, "repeats": [2**n, 1, 1], "atoms": 384 * 2**n, "mobile": 336 * 2**n, "edges": 15_360,
         "skin_A": 0.0, "energy_eV": -1.0, "first_s": 8.0, "warm_up_s": 0.4, "steps_per_block": 40,
         "seconds_per_step": [0.01 * 2**n] * 5, "load_average": 0.5, "peak_bytes": 2**29, "wall_s": 20.0}
        for n in range(7)
    ]  # fmt: skip
    hardware = {"processor": "Xeon 9", "cores": 2, "gpu": "A100"}
    return {"sizes": sizes, "ended": {"by": "copies", "sentence": "64 copies"}, "load_s": 3.0,
            "hardware": hardware, "cutoff_A": 6.0, "engine": "lammps", "timestep_ps": 0.0005}  # fmt: skip


def calibrated() -> dict[str, Any]:
    """Values of a `calibrate` task."""
    one = {"structures": 100, "independent": 90.0, "alpha": 1.8, "interval": [1.4, 2.4], "withheld": "",
           "share_of_largest": 0.05, "coverage": [[0.25 * k, 0.1, 0.2] for k in range(17)]}  # fmt: skip
    both = {"raw": one, "centred": one}
    compositions = {formula_of(ions): both for ions in VALIDATED}
    strata = [{"composition": name, "temperature_K": None} | one for name in compositions]
    return {"members": 5, "structures": 500, **both, "compositions": compositions, "strata": strata,
            "zeros": []}  # fmt: skip


CURVE = csv_bytes({
    "epoch": np.arange(500), "loss": np.exp(-np.arange(500) / 90), "learning_rate": np.full(500, 0.01),
    "validation_energy_rmse_meV_per_atom": np.full(500, 1.0),
    "validation_force_rmse_meV_per_A": np.full(500, 50.0),
})  # fmt: skip


@dataclass
class Toys:
    """Toy results of a campaign's tasks; share: frames are so many times fewer."""

    campaign: Any
    files: Files
    share: int = 1

    def content(self, item: Planned) -> Content:
        """Values and files of a task."""
        return getattr(self, item.task.verb, self.nothing)(item.subjects[0], item)

    def nothing(self, subject: Any, item: Planned) -> Content:
        return {"frames": 1200, "atoms": 460_000, "compositions": {formula_of(0): 1200}}, {}

    def split(self, subject: Any, item: Planned) -> Content:
        return {"members": 5, "train": subject["train"], "pool": 2600, "offsets": {}, "test": 2690}, {}

    def visibility(self, subject: Any, item: Planned) -> Content:
        shares = {formula_of(ions): {"frames": 700, "share": 0.8} for ions in (1, 2, 3, 4)}
        return {"radius_A": item.task.parameters["radius"], "frames": 3500, "without": 700,
                "compositions": shares}, {}  # fmt: skip

    def train(self, subject: Any, item: Planned) -> Content:
        values = {"frames": subject["train"], "epochs": 500, "parameters": 304_208}
        return values, {"curve.csv": self.files.of("curve", CURVE)}

    def adopt(self, subject: Any, item: Planned) -> Content:
        return {"numbers": [1, 8, 11, 79], "parameters": 6_000_000, "source_sha256": "0" * 64}, {}

    def evaluate(self, subject: Any, item: Planned) -> Content:
        split = self.campaign.committees[subject["committee"]].split
        every = TESTED[self.campaign.splits[split].dataset]
        tested = {ions: frames // self.share for ions, frames in every.items()}
        values = {"test": errors(tested), "validation": errors(VALIDATED)}
        sets = {"test": tested, "validation": VALIDATED}
        return values, {
            f"predictions-{name}.npz": self.files.made(
                f"predictions-{own}", lambda path, own=own: path.write_bytes(predictions(own)) and None
            )
            for name, own in sets.items()
        }

    def calibrate(self, subject: Any, item: Planned) -> Content:
        return calibrated(), {}

    def run_of(self, subject: Any) -> tuple[int, int]:
        """Frames of a run, and its ions."""
        run = self.campaign.md[subject["md"]]
        return round(run.length / run.frame_every) // self.share, 3 if run.start.dataset == "three" else 0

    def md(self, subject: Any, item: Planned) -> Content:
        frames, ions = self.run_of(subject)
        values = {"outcome": "completed", "cause": None, "time_ps": frames * FRAME_PS, "steps": 20 * frames,
                  "frames": frames + 1, "atoms": len(atoms_of(ions)), "mobile_atoms": 336,
                  "temperature_K": 300.0, "conserved_drift_meV_per_atom_per_ps": 1e-4, "segments": 100,
                  "largest_conserved_deviation_meV_per_atom": 0.2, "wall_A": None}  # fmt: skip
        name = f"{frames}-{ions}"
        files = {
            "thermo.csv": self.files.made(
                f"thermo-{name}", lambda path: path.write_bytes(thermo(frames, ions)) and None
            ),
            "topology.pdb": self.files.of(f"pdb-{ions}", b"ATOM\n" * len(atoms_of(ions))),
        }
        if ions:
            files["trajectory.nc"] = self.files.made(
                f"nc-{name}", lambda path: trajectory(path, frames + 1, ions)
            )
        return values, files

    def record(self, subject: Any, item: Planned) -> Content:
        values = {"outcome": "completed", "cause": None, "time_ps": 50.0, "frames": 5000, "atoms": 384}
        return values | {"steps": None}, {}

    def analyse(self, subject: Any, item: Planned) -> Content:
        frames, ions = (5000, 0) if subject["md"] == "dft" else self.run_of(subject)
        skipped = frames // 10
        values, files = observed(frames - skipped, ions, hash(subject["md"]) % 7 + subject["replica"])
        return values, {name: self.files.of(f"{item.key}-{name}", own) for name, own in files.items()}

    def reweight(self, subject: Any, item: Planned) -> Content:
        values, files = reweighted(observed(19_000, 3, 1))
        if "reweighting" in subject:
            values["members"] |= {"0": values["members"]["1"]}
        return values, {name: self.files.of(f"weights-{name}", own) for name, own in files.items()}

    def reevaluate(self, subject: Any, item: Planned) -> Content:
        return {"frames": 19_000, "not_finite": 0}, {}

    def speed(self, subject: Any, item: Planned) -> Content:
        return timed(), {}

    def scan(self, subject: Any, item: Planned) -> Content:
        values, content = scans()
        return values, {"scans.npz": self.files.of("scans", content)}


def commit(store: Store, plan: list[Planned], campaign: Any, share: int = 1) -> None:
    """Toy results of all tasks of a plan as committed folders; share: see `Toys`."""
    store.create()
    contents = store.root / "contents"
    contents.mkdir()
    toys = Toys(campaign, Files(contents), share)
    for item in plan:
        values, files = toys.content(item)
        folder = store.task(item.key)
        folder.mkdir(parents=True)
        write_json(folder / "task.json", item.task.to_json())
        for name, path in files.items():
            os.link(path, folder / name)
        result = {"key": item.key, "attempt": f"{item.key}-0", "values": values, "timing": CLOCK}
        result |= {
            "outputs": {name: toys.files.outputs[path] for name, path in files.items()},
            "upstream": {},
        }
        seal(folder, result | {"versions": {"numpy": "2.4.6"}})

"""A made-up campaign with realistic numbers, committed in a real store: no engine, a second to make."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from profiled import G_OO, THERMO

from mlipbench_hpc.analysis.errors import model_errors, strata_errors
from mlipbench_hpc.contract.folder import Store, manifest, outputs
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.report.collect import Reported
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.worker.md import conserved_energy

MEMBERS, TRAIN, VALIDATION, TEST = 4, 120, 20, 40


def campaign_json() -> dict[str, Any]:
    """What the schema would give for the campaign below."""
    return {
        "name": "water",
        "description": "A made-up committee on made-up water.",
        "systems": {"box": {"water_box": {"molecules": 16, "density": 0.997}}},
        "datasets": {
            "spcfw": {
                "file": None,
                "generate": {
                    "system": "box", "potential": "spc-fw", "temperatures": [300.0, 350.0], "frames": 300,
                    "timestep": 0.0005, "equilibration": 5.0, "every": 1.0, "seed": 0,
                },
            }
        },
        "splits": {
            "main": {
                "dataset": "spcfw", "validation": VALIDATION, "test": TEST, "train": TRAIN,
                "members": MEMBERS,
                "disjoint": False, "seed": 1,
            }
        },
        "models": {"tiny": {"architecture": "mace", "preset": "tiny", "dtype": "float64"}},
        "committees": {"mace": {"model": "tiny", "split": "main", "grow": None}},
        "md": {
            "bulk": {
                "committee": "mace", "start": {"system": "box", "dataset": None, "frames": [0]},
                "temperature": 300.0,
                "timestep": 0.0005, "length": 10.0, "equilibration": 1.0, "frame_every": 0.01,
                "checkpoint_every": 0.25,
                "thermostat": {"kind": "nose-hoover-chain", "damping": 0.1, "length": 3}, "fixed_atoms": [],
                "replicas": 2, "stability": {"conserved_energy": 0.004, "temperature": 2000.0}, "seed": 0,
            }
        },
        "evaluation": {"batch_size": 8},
        "analysis": {"rdf": {"pairs": [["O", "O"]], "r_max": 6.0, "bin": 0.05}, "blocks": 10},
    }  # fmt: skip


@dataclass
class Made:
    """A store, its tasks as the report is told of them, and the campaign's document."""

    store: Store
    document: dict[str, Any]
    tasks: list[Reported] = field(default_factory=list)

    def commit(
        self,
        verb: str,
        subject: dict[str, Any],
        values: dict[str, Any],
        files: dict[str, bytes],
        upstream: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Commit one task as the worker would and tell the report of it; returns its key."""
        environment = {"train": "mace", "evaluate": "mace", "md": "mace", "label": "reference"}.get(
            verb, "analysis"
        )
        label = " ".join([verb, *(f"{name}={value}" for name, value in subject.items())])
        task = Task(
            verb, 1, environment, "ab" * 32, {"of": label} | (parameters or {}), upstream or {}, label=label
        )
        folder = self.store.begin(task)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        seconds = 3.0 + len(self.tasks)
        clock = {
            "wall_s": seconds,
            "cpu_s": 0.9 * seconds,
            "peak_bytes": 2**28 * len(label),
            "host": "node01",
        }
        result = {
            "key": task.key, "attempt": folder.name, "values": values, "outputs": outputs(folder),
            "upstream": {},
            "versions": {"python": "3.11.2", "numpy": "2.4.6"}, "timing": clock,
        }  # fmt: skip
        assert self.store.commit(folder, result | {"manifest": manifest(result)})
        self.tasks.append(Reported(label, verb, task.key, subject, environment, "done"))
        return task.key

    def lose_files(self) -> None:
        """Outputs vanish from all committed folders; task.json and result.json stay."""
        for task in self.tasks:
            folder = self.store.task(task.key)
            folder.chmod(0o755)
            for path in folder.iterdir():
                if path.name not in ("result.json", "task.json"):
                    path.unlink()

    def change(self, choose: Callable[[Reported], bool], **changes: Any) -> None:
        """Tell the report something else about some tasks."""
        self.tasks = [replace(task, **changes) if choose(task) else task for task in self.tasks]


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def csv_bytes(columns: dict[str, Any]) -> bytes:
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return "".join(",".join(str(cell) for cell in row) + "\n" for row in rows).encode()


def water_frames(count: int, seed: int) -> Frames:
    """`count` frames of 16 molecules on a lattice with noise, labels of a realistic size."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:16] * 2.6
    molecule = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    one = (grid[:, None] + molecule[None]).reshape(-1, 3)
    atoms = len(one)
    forces = generator.normal(scale=1.1, size=(count, 16, 3, 3))
    forces[:, :, 0] = -forces[:, :, 1] - forces[:, :, 2] + generator.normal(scale=0.45, size=(count, 16, 3))
    return Frames(
        offsets=np.arange(count + 1) * atoms,
        numbers=np.tile([8, 1, 1], 16 * count),
        positions=(one[None] + generator.normal(scale=0.02, size=(count, atoms, 3))).reshape(-1, 3),
        cells=np.repeat(7.8 * np.eye(3)[None], count, axis=0),
        pbc=np.ones((count, 3), dtype=bool),
        energies=-150.0 + generator.normal(scale=0.35, size=count),
        forces=forces.reshape(-1, 3),
    )


def predictions(part: str, member: int) -> tuple[bytes, dict[str, Any]]:
    """predictions-<part>.npz of one member, and its errors."""
    frames = water_frames(VALIDATION if part == "validation" else TEST, seed=len(part))
    generator = np.random.default_rng([member, len(part)])
    energies = frames.energies + 0.02 * (member + 1) + generator.normal(scale=0.06, size=len(frames))
    forces = frames.forces + generator.normal(scale=0.11 + 0.01 * member, size=frames.forces.shape)
    content = npz(
        indices=np.arange(len(frames)), offsets=frames.offsets, numbers=frames.numbers, energies=energies,
        forces=forces, label_energies=frames.energies, label_forces=frames.forces,
    )  # fmt: skip
    half, none = np.arange(len(frames)) % 2 == 0, np.zeros(len(frames), dtype=bool)
    strata = strata_errors(frames, forces, np.where(half, 300.0, 350.0), none)
    return content, model_errors(frames, energies, forces) | {"strata": strata}


def curve(member: int) -> bytes:
    epochs = np.arange(1, 41)
    falling = np.exp(-epochs / 9.0) + 0.05
    wobble = 1 + 0.05 * np.random.default_rng(member).normal(size=40)
    return csv_bytes({
        "epoch": epochs, "loss": 8 * falling**2 * wobble,
        "validation_energy_rmse_meV_per_atom": 6 * falling * wobble,
        "validation_force_rmse_meV_per_A": 900 * falling * wobble + 90, "learning_rate": 0.01 * np.ones(40),
    })  # fmt: skip


def thermo(replica: int) -> bytes:
    times = 0.01 * np.arange(1001)
    generator = np.random.default_rng(replica)
    temperature = 300 + 22 * np.sin(times / 0.13) * np.exp(-times / 4) + generator.normal(scale=17, size=1001)
    return csv_bytes({
        "step": 20 * np.arange(1001), "time_ps": times, "potential_eV": -150 + 0.004 * (temperature - 300),
        "kinetic_eV": 0.006 * temperature,
        "conserved_eV": -148 + 1e-4 * times + generator.normal(scale=2e-4, size=1001),
        "temperature_K": temperature, "temperature_H_K": temperature + 1, "temperature_O_K": temperature - 2,
    })  # fmt: skip


def rdf(replica: int) -> bytes:
    r = 0.025 + 0.05 * np.arange(78)
    g = 1 + 1.7 * np.exp(-(((r - 2.78) / 0.17) ** 2)) - 0.25 * np.exp(-(((r - 3.4) / 0.3) ** 2))
    g = g / (1 + np.exp(-(r - 2.5) / 0.04)) + 0.03 * np.random.default_rng(replica).normal(size=78) * (
        r > 2.5
    )
    return csv_bytes(
        {"r_A": r, "g_O-O": g, "se_O-O": 0.03 + 0.02 * g * (r > 2.5), "n_O-O": np.cumsum(g * r * r) / 30}
    )


def add_data(campaign: Made) -> tuple[str, str]:
    system = campaign.commit("build", {"system": "box"}, {"frames": 1, "atoms": 48}, {"frames.npz": b"-"})
    values = {
        "frames": 300, "atoms": 14400, "compositions": {"H32O16": 300}, "energy_mean_eV_per_atom": -3.1,
        "energy_std_eV_per_atom": 0.0073, "force_std_eV_per_A": 1.02, "force_largest_eV_per_A": 6.1,
    }  # fmt: skip
    frames = campaign.commit("label", {"dataset": "spcfw"}, values, {"frames.npz": b"-"}, {"system": system})
    split = {
        "validation": list(range(VALIDATION)), "test": list(range(100, 100 + TEST)),
        "members": [list(range(TRAIN))] * MEMBERS, "reference_energies": {"1": -1.2, "8": -6.9},
    }  # fmt: skip
    files = {"split.json": json.dumps(split).encode()}
    return frames, campaign.commit("split", {"split": "main", "train": TRAIN}, {}, files, {"frames": frames})


def add_member(campaign: Made, member: int, data: dict[str, str]) -> str:
    subject = {"committee": "mace", "round": 0, "member": member, "train": TRAIN}
    values = {
        "frames": TRAIN,
        "epochs": 40,
        "parameters": 20384,
        "validation_force_rmse_meV_per_A": 131.0 + member,
    }
    parameters = {
        "hyperparameters": {"r_max": 4.5, "num_channels": 16, "batch_size": 4, "learning_rate": 0.01}
    }
    model = campaign.commit("train", subject, values, {"curve.csv": curve(member)}, data, parameters)
    parts = {part: predictions(part, member) for part in ("validation", "test")}
    files = {f"predictions-{part}.npz": content for part, (content, _) in parts.items()}
    errors = {part: result for part, (_, result) in parts.items()}
    campaign.commit("evaluate", subject, errors, files, data | {"model": model})
    return model


def add_run(campaign: Made, replica: int, model: str) -> None:
    subject = {"md": "bulk", "replica": replica, "committee": "mace"}
    values = {"outcome": "completed", "cause": None, "time_ps": 10.0, "steps": 20000, "frames": 1000}
    files = {"thermo.csv": thermo(replica), "topology.pdb": b"ATOM  \n" * 48}
    rows = np.genfromtxt(io.BytesIO(files["thermo.csv"]), delimiter=",", names=True)
    values |= conserved_energy(rows["time_ps"], 1000 * rows["conserved_eV"] / 48)
    run = campaign.commit("md", subject, values, files, {"model": model})
    summary = {
        "temperature_K": {"mean": 300.6 + replica, "se": 0.7}, "conserved_drift_meV_per_atom_per_ps": 0.0021,
        "temperature_H_K": {"mean": 301.6 + replica, "se": 0.9},
        "temperature_O_K": {"mean": 298.6 + replica, "se": None},
        "potential_eV_per_atom": {"mean": -3.1248, "se": 0.0002},
    }  # fmt: skip
    values = {
        "descriptors": [one.to_json() for one in (*THERMO, G_OO)], "analysed_ps": 9.0, "thermo": summary,
        "rdf": {"pairs": {"O-O": {"peak_r_A": 2.775, "peak_g": 2.7}}},
        "warnings": ["rdf: r_max was cut from 6 Å to 3.900 Å, half the smallest width of the cell"],
    }  # fmt: skip
    campaign.commit("analyse", subject, values, {"rdf.csv": rdf(replica)}, {"md": run})


def make(root: Path) -> Made:
    """The whole campaign, all tasks done."""
    campaign = campaign_json()
    document = {
        "name": campaign["name"], "description": campaign["description"],
        "yaml": "name: water\nmd:\n  bulk: {}\n",
        "campaign": campaign, "site": {"name": "local", "cores": 2}, "mlipbench": "0.1.0",
        "architectures": {
            "mace": {"citation": ["A. Author, a paper <2022>"], "restart": "training bitwise and MD bitwise"}
        },
    }  # fmt: skip
    made = Made(Store(root), document)
    made.store.create()
    frames, split = add_data(made)
    models = [add_member(made, member, {"frames": frames, "split": split}) for member in range(MEMBERS)]
    for replica in range(2):
        add_run(made, replica, models[0])
    return made


@pytest.fixture(scope="session")
def make_campaign() -> Callable[[Path], Made]:
    """Makes the campaign in a folder: for fixtures of other modules."""
    return make


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    """The untouched campaign and the folder of its report: for tests that only read."""
    root = tmp_path_factory.mktemp("built")
    whole = make(root / "store")
    build_report(whole.document, whole.tasks, whole.store, root / "out")
    return whole, root / "out"


@pytest.fixture
def campaign(tmp_path: Path) -> Made:
    """A fresh copy for each test."""
    return make(tmp_path / "store")

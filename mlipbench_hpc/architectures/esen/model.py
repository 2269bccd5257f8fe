"""eSEN models from plain numbers, and their files: model.json (construction), model.pt (weights).

model.pt is fairchem-core's own inference checkpoint too: `load_predict_unit("model.pt", device="cpu")` makes
a predictor of it, whose task is called `campaign`.
"""

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mlipbench_hpc.architectures.esen.fairchem_core import (
    HydraModel,
    MLIPInferenceCheckpoint,
    instantiate,
)
from mlipbench_hpc.architectures.esen.graphs import DATASET
from mlipbench_hpc.architectures.shared.record import read_record, write_record
from mlipbench_hpc.architectures.shared.torch_dtype import DTYPES, width
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.task import InputFailure

NAME, SCHEMA, FILE = "eSEN", 1, "model.pt"
CORE = "fairchem.core"
# Hyperparameters that the backbone knows under their own names.
SIZES = (
    "cutoff", "num_layers", "lmax", "mmax", "sphere_channels", "hidden_channels", "edge_channels",
    "num_distance_basis",
)  # fmt: skip
ELEMENTS = 100
Config = dict[str, Any]


@dataclass(frozen=True)
class Blueprint:
    """Construction of a model: its shape and constants, but not its weights.

    numbers: sorted atomic numbers it knows. reference_energies: eV, in that order. The model's output times
    scale (eV, eV/Å) is a frame's energy without reference energies and shift (eV/atom), and the forces.
    """

    hyperparameters: dict[str, Any]
    numbers: list[int]
    reference_energies: list[float]
    scale: float
    shift: float

    @property
    def cutoff(self) -> float:
        """Å, of one layer."""
        return float(self.hyperparameters["cutoff"])

    @property
    def offsets(self) -> list[float]:
        """eV by atomic number, from 0 on: reference energy and shift of the elements that it knows."""
        energies = dict(zip(self.numbers, self.reference_energies, strict=True))
        elements = max(ELEMENTS, self.numbers[-1] + 1)
        return [energies[number] + self.shift if number in energies else 0.0 for number in range(elements)]

    def build(self, dtype: str) -> torch.nn.Module:
        """HydraModel with random weights."""
        with width(dtype):
            model: torch.nn.Module = instantiate(self.configuration())
        return model.to(DTYPES[dtype])

    def configuration(self) -> Config:
        """Construction as fairchem-core reads it: forces are the energy's gradient, edges come with the data.

        The atomwise nets act on spherical harmonics (`spectral`, as in fairchem-core's released models), not
        on a grid, which would make energies depend on how a frame is turned.
        """
        backbone = {
            "model": f"{CORE}.models.uma.escn_md.eSCNMDBackbone",
            "max_num_elements": len(self.offsets),
            "otf_graph": False,
            "direct_forces": False,
            "regress_forces": True,
            "regress_stress": False,
            "use_dataset_embedding": False,
            "norm_type": "rms_norm_sh",
            "act_type": "gate",
            "ff_type": "spectral",
        }
        head = {"module": f"{CORE}.models.uma.escn_md.MLP_EFS_Head", "wrap_property": True}
        return {
            "_target_": f"{CORE}.models.base.{HydraModel.__name__}",
            "backbone": backbone | {name: self.hyperparameters[name] for name in SIZES},
            "heads": {"energy_and_forces": head},
            "pass_through_head_outputs": True,
        }

    def tasks(self) -> list[Config]:
        """What the model answers, as fairchem-core reads it: its units, and the loss of each."""
        normalizer = {
            "_target_": f"{CORE}.modules.normalization.normalizer.Normalizer",
            "mean": 0.0,
            "rmsd": self.scale,
        }
        references = {
            "_target_": f"{CORE}.modules.normalization.element_references.ElementReferences",
            "element_references": {"_target_": "torch.DoubleTensor", "_args_": [self.offsets]},
        }
        energy, forces = self._loss("PerAtomMAELoss", "energy_coef"), self._loss("L2NormLoss", "force_coef")
        common = {
            "_target_": f"{CORE}.units.mlip_unit.mlip_unit.Task",
            "normalizer": normalizer,
            "datasets": [DATASET],
        }
        return [
            common | energy | _answer("energy", "system", 1) | {"element_references": references},
            common | forces | _answer("forces", "atom", 3),
        ]

    def _loss(self, name: str, coefficient: str) -> Config:
        loss = {
            "_target_": f"{CORE}.modules.loss.DDPMTLoss",
            "loss_fn": {"_target_": f"{CORE}.modules.loss.{name}"},
            "reduction": "mean",
            "coefficient": self.hyperparameters[coefficient],
        }
        return {"loss_fn": loss}


def _answer(name: str, level: str, size: int) -> Config:
    shape = {"_target_": f"{CORE}.units.mlip_unit.mlip_unit.OutputSpec", "dim": [size], "dtype": "float32"}
    return {"name": name, "property": name, "level": level, "out_spec": shape}


def require_possible(hyperparameters: dict[str, Any]) -> None:
    """Raise InputFailure for hyperparameters that are valid one by one, but not together."""
    lmax, mmax, channels = (hyperparameters[name] for name in ("lmax", "mmax", "sphere_channels"))
    if mmax > lmax:
        raise InputFailure(f"mmax = {mmax} must be at most lmax = {lmax}")
    if channels % 2:
        raise InputFailure(f"sphere_channels = {channels} must be even")


def save_model(folder: Path, blueprint: Blueprint, average: torch.nn.Module) -> None:
    """Write model.json and model.pt, each whole or not at all. average: torch's AveragedModel of a model.

    fairchem-core evaluates the average; weights at the last step are not kept.
    """
    averaged = average.state_dict()
    weights = {key.removeprefix("module."): value for key, value in averaged.items() if key != "n_averaged"}
    checkpoint = MLIPInferenceCheckpoint(blueprint.configuration(), weights, averaged, blueprint.tasks())
    stream = io.BytesIO()
    torch.save(checkpoint, stream)
    write_bytes(folder / FILE, stream.getvalue())
    write_record(folder, SCHEMA, asdict(blueprint))


def load_model(folder: Path, device: str, dtype: str) -> tuple[Blueprint, torch.nn.Module]:
    """Load the model that `save_model` wrote, with frozen weights.

    Of the checkpoint only the weights are used. Nothing but tensors, plain numbers and words, and the class
    that holds them is unpickled. Raises InputFailure when the folder holds none, or one of another schema.
    """
    blueprint = Blueprint(**read_record(NAME, folder, SCHEMA))
    model = blueprint.build(dtype)
    with torch.serialization.safe_globals([MLIPInferenceCheckpoint]):
        checkpoint = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint.model_state_dict)
    model.to(device).eval().requires_grad_(False)
    return blueprint, model

"""MACE models from plain numbers, and their files: model.json (construction), model.pt (weights)."""

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlipbench_hpc.architectures.mace.mace_torch import modules, o3, quiet
from mlipbench_hpc.architectures.shared.record import read_record, write_record
from mlipbench_hpc.architectures.shared.torch_dtype import width
from mlipbench_hpc.contract.folder import write_bytes

NAME, SCHEMA = "MACE", 1
# What models of other makers may be built with, by mace-torch's names; ours are as below.
BLOCK = "RealAgnosticResidualInteractionBlock"
CLASSES = {"interaction_cls_first": BLOCK, "interaction_cls": BLOCK}
OPTIONS = ("radial_type", "distance_transform", "pair_repulsion", "use_reduced_cg")


@dataclass(frozen=True)
class Blueprint:
    """Construction of a model: its shape and constants, but not its weights.

    numbers: sorted atomic numbers it knows. reference_energies: eV, in that order. scale (eV) and shift
    (eV/atom) act on the interaction energy of each atom; neighbours is the mean number within r_max.
    construction: of a model that mace-torch made for somebody, names of CLASSES and OPTIONS; else {}.
    """

    hyperparameters: dict[str, Any]
    numbers: list[int]
    reference_energies: list[float]
    neighbours: float
    scale: float
    shift: float
    construction: dict[str, Any] = field(default_factory=dict)

    @property
    def references(self) -> dict[int, float]:
        """Reference energies, eV by atomic number."""
        return dict(zip(self.numbers, self.reference_energies, strict=True))

    def build(self) -> torch.nn.Module:
        """ScaleShiftMACE with random weights, in torch's default dtype."""
        with quiet():
            return self._build(self.hyperparameters)

    def _build(self, chosen: dict[str, Any]) -> torch.nn.Module:
        more = CLASSES | self.construction
        blocks = {name: modules.interaction_classes[more.pop(name)] for name in CLASSES}
        model: torch.nn.Module = modules.ScaleShiftMACE(
            r_max=chosen["r_max"],
            num_bessel=chosen["num_radial_basis"],
            num_polynomial_cutoff=chosen["num_cutoff_basis"],
            max_ell=chosen["max_ell"],
            num_interactions=chosen["num_interactions"],
            num_elements=len(self.numbers),
            hidden_irreps=hidden_irreps(chosen["num_channels"], chosen["max_L"]),
            MLP_irreps=o3.Irreps(f"{chosen['readout_width']}x0e"),
            # Reference energies are subtracted from labels and added to predictions in float64, not here.
            atomic_energies=np.zeros((1, len(self.numbers))),
            avg_num_neighbors=self.neighbours,
            atomic_numbers=self.numbers,
            correlation=chosen["correlation"],
            gate=torch.nn.functional.silu,
            radial_MLP=chosen["radial_MLP"],
            atomic_inter_scale=self.scale,
            atomic_inter_shift=self.shift,
            **blocks,
            **more,
        )
        return model


def hidden_irreps(channels: int, highest: int) -> Any:
    """Irreps with `channels` copies of each degree 0..highest, of the parity of a polar tensor."""
    return o3.Irreps("+".join(f"{channels}x{degree}{'eo'[degree % 2]}" for degree in range(highest + 1)))


def save_model(folder: Path, blueprint: Blueprint, model: torch.nn.Module) -> None:
    """Write model.json and model.pt, each whole or not at all."""
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    write_bytes(folder / "model.pt", stream.getvalue())
    record = asdict(blueprint)
    write_record(folder, SCHEMA, {name: value for name, value in record.items() if value != {}})


def load_model(folder: Path, device: str, dtype: str) -> tuple[Blueprint, torch.nn.Module]:
    """Load the model that `save_model` wrote, with frozen weights; only tensors are unpickled.

    Raises InputFailure when the folder holds none, or one of another schema.
    """
    blueprint = Blueprint(**read_record(NAME, folder, SCHEMA))
    with width(dtype):
        model = blueprint.build()
        weights = torch.load(folder / "model.pt", map_location="cpu", weights_only=True)
        model.load_state_dict(weights)
    model.to(device).eval().requires_grad_(False)
    return blueprint, model

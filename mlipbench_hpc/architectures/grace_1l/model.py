"""A model's files: model.json (its hyperparameters and constants), weights.npz; and its compiled programs."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.architectures.grace_1l.graphs import Arrays, Graph, Room, batch
from mlipbench_hpc.architectures.grace_1l.tensor_potential import (
    LossFunction,
    TensorPotential,
    WeightedHuberEnergyPerAtomLoss,
    WeightedHuberForceLoss,
    constants,
    get_preset,
    tf,
)
from mlipbench_hpc.architectures.shared.record import read_record, write_record
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats

# By number of layers: a model's name in messages, and the preset of tensorpotential that builds it.
NAMES = {1: "GRACE-1L", 2: "GRACE-2L"}
PRESETS = {1: "GRACE_1LAYER_latest", 2: "GRACE_2LAYER_latest"}
PLAIN = ("max_order", "n_rad_base", "embedding_size", "n_mlp_dens")
SHAPE = ("layers", "rcut", "lmax", "n_rad_max", "prod_func_n_max", *PLAIN)
SECOND_LAYER = ("lmax_2", "n_rad_max_2", "indicator_lmax")
SCHEMA = 1
FILE = "weights.npz"
Hyperparameters = Mapping[str, Any]
Weights = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Blueprint:
    """All that a program depends on besides the weights. shape: names and values of hyperparameters.

    numbers: sorted atomic numbers, whose places are the kinds of graphs.Graph. neighbours and scale: as in
    Record. dtype: of the weights; geometry and sums over atoms are in float64.
    """

    shape: tuple[tuple[str, Any], ...]
    numbers: tuple[int, ...]
    neighbours: float
    scale: float
    dtype: str

    def instructions(self) -> Any:
        """tensorpotential's description of the model."""
        shape = dict(self.shape)
        symbols = {chemical_symbols[number]: kind for kind, number in enumerate(self.numbers)}
        more = {name: shape[name] for name in PLAIN} | sizes(shape)
        preset = get_preset(PRESETS[shape["layers"]])
        instructor = preset(
            element_map=symbols, rcut=shape["rcut"], avg_n_neigh=self.neighbours,
            constant_out_scale=self.scale, **more,
        )  # fmt: skip
        return instructor.get_instructions()


@dataclass(frozen=True)
class Record:
    """model.json. numbers: sorted atomic numbers.

    energies: eV, the constant energy of each element's atoms, in that order: its reference energy, and the
    mean energy per atom that the training set keeps without reference energies. neighbours: mean number
    within rcut; scale: eV, of atomic energies; both of the training set.
    """

    hyperparameters: dict[str, Any]
    numbers: list[int]
    energies: list[float]
    neighbours: float
    scale: float

    @property
    def cutoff(self) -> float:
        """Å, of one layer."""
        return float(self.hyperparameters["rcut"])

    def blueprint(self, dtype: str) -> Blueprint:
        """Its construction, with weights in `dtype`."""
        names = [*SHAPE, *(SECOND_LAYER if self.hyperparameters["layers"] == 2 else ())]
        shape = tuple((name, self.hyperparameters[name]) for name in names)
        return Blueprint(shape, tuple(self.numbers), self.neighbours, self.scale, dtype)


def sizes(shape: Hyperparameters) -> dict[str, Any]:
    """Arguments of the preset that belong to layers, lists of both where there are two.

    The first of two layers has as many products as radial functions: tensorpotential requires it.
    """
    names = ("lmax", "n_rad_max", "prod_func_n_max")
    if shape["layers"] == 1:
        return {name: shape[name] for name in names}
    pairs = [
        [shape["lmax"], shape["lmax_2"]],
        [shape["n_rad_max"], shape["n_rad_max_2"]],
        [shape["n_rad_max"], shape["prod_func_n_max"]],
    ]
    return dict(zip(names, pairs, strict=True)) | {"indicator_lmax": shape["indicator_lmax"]}


def require_possible(shape: Hyperparameters) -> None:
    """Raise InputFailure for hyperparameters that are valid one by one, but not together."""
    for name in ("lmax_2", "indicator_lmax"):
        if shape["layers"] == 2 and shape[name] > shape["lmax"]:
            raise InputFailure(f"{name} = {shape[name]} must be at most lmax = {shape['lmax']}")


def built(blueprint: Blueprint, loss: Any = None) -> Any:
    """A fresh model with random weights."""
    return TensorPotential(
        potential=blueprint.instructions(), loss_function=loss, param_dtype=tf.as_dtype(blueprint.dtype),
        global_batch_size=1, fit_config={}, eager_mode=True, jit_compile=False,
    )  # fmt: skip


def compiled(potential: Any, function: Any) -> Any:
    """A function of a batch, compiled for each size. What it calls holds no `if` on tensors to be rewritten.

    tensorpotential's own compiled functions look for some all the same, which takes as long as the rest.
    """
    signature = potential.get_model_grad_signatures()
    return tf.function(function, [signature], jit_compile=True, reduce_retracing=True, autograph=False)


def huber_loss() -> Any:
    """Mean Huber losses of energies per atom and of force components; weights and widths are set later."""
    parts = {"energy": WeightedHuberEnergyPerAtomLoss(1.0), "forces": WeightedHuberForceLoss(1.0)}
    return LossFunction(parts)


class Program:
    """A compiled model whose weights are set before it is used."""

    def __init__(self, blueprint: Blueprint, loss: Any = None) -> None:
        self.potential = built(blueprint, loss)
        self.weights = list(self.potential.model.variables_to_train)
        self.names = set(self.potential.get_model_grad_signatures())
        self.predict = compiled(self.potential, self.potential.predict)
        self._present: Weights | None = None

    def use(self, weights: Weights) -> None:
        """Take these weights, unless they are the present ones already."""
        if weights is not self._present:
            for variable, value in zip(self.weights, weights, strict=True):
                variable.assign(value)
            self._present = weights

    def compute(self, arrays: Arrays) -> tuple[Floats, Floats]:
        """Energies (structures,) eV without constants, and forces (atoms, 3) eV/Å of a batch."""
        answers = self.predict(self.known(arrays))
        energies = answers[constants.PREDICT_TOTAL_ENERGY].numpy().ravel()
        return energies, answers[constants.PREDICT_FORCES].numpy()

    def known(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Those arrays that its functions take."""
        return {name: value for name, value in arrays.items() if name in self.names}


@lru_cache(maxsize=4)
def program(blueprint: Blueprint) -> Program:
    """One for all models of this construction, members of a committee for instance: it compiles once."""
    return Program(blueprint)


def energy_and_forces(model: Program, item: Graph, room: Room, cutoff: float) -> tuple[float, Floats]:
    """Energy (eV) without constants, and forces (N, 3) eV/Å of one structure. cutoff Å."""
    energies, forces = model.compute(batch([item], room, cutoff))
    return float(energies[0]), forces[: len(item.kinds)].astype(np.float64)


def initial_weights(blueprint: Blueprint, seed: int) -> Weights:
    """Random weights, which the seed decides."""
    tf.random.set_seed(seed)
    return [variable.numpy() for variable in built(blueprint).model.variables_to_train]


def pack(arrays: Mapping[str, Any]) -> bytes:
    """Named arrays as one .npz, whose bytes follow from the numbers."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def numbered(arrays: Weights, name: str) -> dict[str, NDArray[Any]]:
    """Arrays by `name` and their place in the list."""
    return {f"{name}-{index:03d}": array for index, array in enumerate(arrays)}


def listed(archive: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    """Inverse of `numbered`."""
    return [archive[key] for key in sorted(archive) if key.startswith(f"{name}-")]


def save_model(folder: Path, record: Record, weights: Weights) -> None:
    """Write both files, each whole or not at all."""
    write_bytes(folder / FILE, pack(numbered(weights, "weight")))
    write_record(folder, SCHEMA, asdict(record))


def load_model(name: str, folder: Path, dtype: str) -> tuple[Record, Weights]:
    """What `save_model` wrote, weights in `dtype`; raises InputFailure where there is none of this schema."""
    record = Record(**read_record(name, folder, SCHEMA))
    with np.load(folder / FILE, allow_pickle=False) as archive:
        weights = [value.astype(dtype) for value in listed(dict(archive), "weight")]
    return record, weights

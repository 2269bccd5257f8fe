"""Frozen graphs of deepmd-kit (.pb), which users bring."""

import shutil
from dataclasses import asdict
from pathlib import Path

from ase.data import atomic_numbers

from mlipbench_hpc.architectures.dp.deepmd_kit import DeepPot, tf
from mlipbench_hpc.architectures.dp.model import FROZEN, NAME, SCHEMA, Record
from mlipbench_hpc.architectures.interface import Adopted
from mlipbench_hpc.architectures.shared.record import write_record
from mlipbench_hpc.contract.task import InputFailure

# Weights of the fitting nets, whose dtype is the graph's.
FITTING = "layer_0"


def adopt(file: Path, folder: Path, dtype: str) -> Adopted:
    """Copy the graph beside a record of its elements, cutoff and dtype.

    Its energies are total ones: reference energies are recorded as 0. Raises InputFailure for what is no
    graph of deepmd-kit's TensorFlow backend, is no potential of elements, or asks for more than positions.
    """
    shutil.copyfile(file, folder / FROZEN)
    potential = DeepPot(str(folder / FROZEN), auto_batch_size=False)
    names = potential.get_type_map()
    if strange := [name for name in names if name not in atomic_numbers]:
        raise InputFailure(f"types of the {NAME} graph that are no elements: {', '.join(strange)}")
    if potential.get_dim_fparam() or potential.get_dim_aparam():
        raise InputFailure(f"the {NAME} graph asks for fparam or aparam, which no frame here has")
    numbers = sorted(atomic_numbers[name] for name in names)
    cutoff = float(potential.get_rcut())
    record = Record(numbers, [0.0] * len(numbers), cutoff, dtype_of(file))
    write_record(folder, SCHEMA, asdict(record))
    return Adopted(numbers, {"rcut": cutoff})


def dtype_of(file: Path) -> str:
    """float32 or float64, of the weights of the fitting nets."""
    graph = tf.GraphDef.FromString(file.read_bytes())
    for node in graph.node:
        if node.op == "Const" and node.name.startswith(FITTING) and node.name.endswith("/matrix"):
            return str(tf.as_dtype(node.attr["dtype"].type).name)
    raise InputFailure(f"the file is no frozen graph of a {NAME} model: it has no fitting net")

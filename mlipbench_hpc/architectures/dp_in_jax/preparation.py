"""deepmd-kit's model as weights and answers, by deepmd-kit's own serialization, in its environment.

A training leaves a compressed graph: tables in the place of the embedding nets, which stand in its last
checkpoint. A user's own graph may still hold them.
"""

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.architectures.dp.deepmd_kit import Model, deserialize_to_file, tf, working_in
from mlipbench_hpc.architectures.dp.evaluator import DpEvaluator
from mlipbench_hpc.architectures.dp.model import FROZEN, Record
from mlipbench_hpc.architectures.dp.model import SCHEMA as GRAPH_SCHEMA
from mlipbench_hpc.architectures.dp.training import STATE
from mlipbench_hpc.architectures.dp_in_jax.blueprint import FILE, NAME, SCHEMA, Blueprint
from mlipbench_hpc.architectures.dp_mp.weights import Layer, Tree, leaves, pack
from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.shared.labels import symbols
from mlipbench_hpc.architectures.shared.probes import TOLERANCES, Tolerance, keep, require_agreement
from mlipbench_hpc.architectures.shared.record import write_record
from mlipbench_hpc.contract.folder import checkpoints, write_bytes
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats

GRAPH = "the trained graph of deepmd-kit"
# In float64 compression changes forces by 1e-10 of their rms. Its tables in float32 round: two models of
# gold, water and sodium differed by up to 3e-6 eV/atom and 2e-3 of the rms force from float64, and without
# compression by 8e-7 eV/atom and 1e-5.
COMPRESSED = {**TOLERANCES, "float32": Tolerance(5e-5, 2e-2)}
SCRIPT, NETS, FITTING = "train_attr/training_script", "filter_type_", ("layer_", "final_layer_")
# Of deepmd-kit's serialization: all that the energy here does not compute otherwise.
PLAIN: dict[str, Any] = {
    "type": "standard",
    "atom_exclude_types": [],
    "pair_exclude_types": [],
    "descriptor.type": "se_e2_a",
    "descriptor.activation_function": "tanh",
    "descriptor.resnet_dt": False,
    "descriptor.exclude_types": [],
    "descriptor.env_protection": 0.0,
    "descriptor.env_mat.use_exp_switch": False,
    "descriptor.spin": None,
    "fitting.type": "ener",
    "fitting.activation_function": "tanh",
    "fitting.mixed_types": False,
    "fitting.numb_fparam": 0,
    "fitting.numb_aparam": 0,
    "fitting.dim_case_embd": 0,
    "fitting.tot_ener_zero": False,
    "fitting.exclude_types": [],
    "fitting.layer_name": None,
    "fitting.spin": None,
}


def convert(job: KernelJob) -> dict[str, Any]:
    """Write model.json, weights.npz and probes.npz (see adapter.prepare)."""
    trained = DpEvaluator(job.model, job.dtype)
    data = serialized(job.model)
    with tempfile.TemporaryDirectory(dir=job.folder, prefix=".deepmd-") as name:
        keep(job.folder, job.frames, exact(Path(name), trained.record, data))
    numbers = trained.record.numbers
    write_bytes(job.folder / FILE, pack(dict(leaves(weights_of(data, numbers)))))
    write_record(job.folder, SCHEMA, asdict(blueprint(data, numbers)))
    values = require_agreement(GRAPH, job.folder, trained, job.dtype, COMPRESSED)
    return {f"compressed_{name}": value for name, value in values.items() if name != "probes"} | {
        "probes": values["probes"]
    }


def serialized(folder: Path) -> dict[str, Any]:
    """The model without compression, as deepmd-kit serializes it.

    Raises InputFailure where the embedding nets are not there, or the model is another one than a plain
    se_e2_a.
    """
    graph_def = tf.GraphDef.FromString((folder / FROZEN).read_bytes())
    script = constants(graph_def, (SCRIPT,)).get(SCRIPT)
    if script is None:
        raise InputFailure(f"the graph does not say how deepmd-kit built it: {NAME} cannot read it")
    asked = json.loads(script.item())["model"]
    if (kind := asked["descriptor"].get("type")) not in ("se_e2_a", "se_a"):
        raise InputFailure(f"{NAME} computes the descriptor se_e2_a, the graph has {kind!r}")
    if asked.pop("compress", None):
        add_constants(graph_def, embedding_nets(folder, graph_def))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        model = Model(**asked)
        model.init_variables(graph=graph, graph_def=graph_def)
        data: dict[str, Any] = model.serialize()
    require_plain(data)
    return data


def constants(graph_def: Any, prefixes: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Constants of a frozen graph whose names begin so."""
    nodes = [node for node in graph_def.node if node.op == "Const" and node.name.startswith(prefixes)]
    return {node.name: tf.make_ndarray(node.attr["value"].tensor) for node in nodes}


def add_constants(graph_def: Any, values: dict[str, NDArray[Any]]) -> None:
    """Add constants of these names to a graph."""
    for name, value in values.items():
        node = graph_def.node.add(op="Const", name=name)
        node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def embedding_nets(folder: Path, graph_def: Any) -> dict[str, NDArray[Any]]:
    """Weights of the embedding nets by name, from the training's last checkpoint.

    Raises InputFailure where there is none, or one whose fitting nets are not those of the graph.
    """
    advice = "leave `kernel` out of the model, or bring a graph that was not compressed"
    place = next((path for _, path in checkpoints(folder)), None)
    if place is None:
        raise InputFailure(
            f"{folder} holds a compressed graph without its training's checkpoint, where the embedding nets "
            f"are: {advice}"
        )
    with np.load(place / STATE, allow_pickle=False) as archive:
        state = {name: archive[name] for name in archive if name.count("/") == 1}
    fitting = constants(graph_def, FITTING)
    if not all(name in state and np.array_equal(state[name], value) for name, value in own(fitting).items()):
        raise InputFailure(f"the last checkpoint in {folder} is not that of its graph: {advice}")
    return {name: value for name, value in own(state).items() if name.startswith(NETS)}


def own(values: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights among the constants of layers."""
    return {name: value for name, value in values.items() if name.count("/") == 1}


def require_plain(data: dict[str, Any]) -> None:
    """Raise InputFailure for what the energy of energy.py does not hold."""
    different = [f"{path}: {value!r}" for path in PLAIN if (value := at(data, path)) != PLAIN[path]]
    average, deviation = (data["descriptor"]["@variables"][name] for name in ("davg", "dstd"))
    if average[..., 1:].any() or np.ptp(average[..., 0], axis=1).any() or np.ptp(deviation, axis=1).any():
        different.append("davg or dstd that differ between neighbours")
    if np.ptp(deviation[..., 1:], axis=-1).any():
        different.append("dstd that differs between directions")
    if data["@variables"]["out_bias"].any() or (data["@variables"]["out_std"] != 1).any():
        different.append("out_bias or out_std")
    if different:
        raise InputFailure(f"{NAME} does not compute a model with {', '.join(different)}")


def at(data: dict[str, Any], path: str) -> Any:
    """What stands at a dotted path."""
    value: Any = data
    for name in path.split("."):
        value = value.get(name)
    return value


def exact(scratch: Path, record: Record, data: dict[str, Any]) -> DpEvaluator:
    """deepmd-kit's own evaluator of the same weights, in float64 and without compression."""
    with working_in(scratch):
        deserialize_to_file(FROZEN, {"model": widened(data), "model_def_script": {}})
    write_record(scratch, GRAPH_SCHEMA, asdict(replace(record, dtype="float64")))
    return DpEvaluator(scratch, "float64")


def widened(data: Any) -> Any:
    """A serialized model with all floats, and precisions, as float64."""
    if isinstance(data, dict):
        return {key: "float64" if key == "precision" else widened(value) for key, value in data.items()}
    if isinstance(data, list):
        return [widened(value) for value in data]
    if isinstance(data, np.ndarray) and data.dtype.kind == "f":
        return data.astype(np.float64)
    return data


def order_of(data: dict[str, Any], numbers: list[int]) -> list[int]:
    """deepmd-kit's type of each atomic number; a user's graph may have them in any order."""
    return [data["type_map"].index(symbol) for symbol in symbols(numbers)]


def blueprint(data: dict[str, Any], numbers: list[int]) -> Blueprint:
    """Content of model.json."""
    descriptor, order = data["descriptor"], order_of(data, numbers)
    bias = data["fitting"]["@variables"]["bias_atom_e"].ravel()[order]
    cutoff, start = (float(descriptor[name]) for name in ("rcut", "rcut_smth"))
    return Blueprint(numbers, bias.tolist(), cutoff, start, [int(descriptor["sel"][t]) for t in order])


def weights_of(data: dict[str, Any], numbers: list[int]) -> Tree:
    """Content of weights.npz (see blueprint.py)."""
    descriptor, order = data["descriptor"], order_of(data, numbers)
    nets, stride = descriptor["embeddings"]["networks"], 0 if descriptor["type_one_side"] else 1
    if stride:
        pairs = [nets[centre + len(order) * neighbour] for centre in order for neighbour in order]
    else:
        pairs = [nets[neighbour] for _ in order for neighbour in order]
    fitting = layers([data["fitting"]["nets"]["networks"][kind] for kind in order])
    average, deviation = (descriptor["@variables"][name][order, 0] for name in ("davg", "dstd"))
    return {
        "embedding": [{name: layer[name] for name in ("weight", "bias")} for layer in layers(pairs)],
        "fitting": [with_step(fitting, number) for number in range(len(fitting))],
        "mean": average[:, 0],
        "spread": deviation[:, :2],
    }


def layers(nets: list[dict[str, Any]]) -> list[Layer]:
    """Layers of several nets of one shape, with `step` (deepmd-kit's idt) where they have one."""
    result = []
    for same in zip(*(net["layers"] for net in nets), strict=True):
        values = [layer["@variables"] for layer in same]
        names = {"weight": "w", "bias": "b", "step": "idt"}
        parts = {own: [value[theirs] for value in values] for own, theirs in names.items()}
        result.append({name: stacked(part) for name, part in parts.items() if part[0] is not None})
    return result


def stacked(arrays: list[Any]) -> Floats:
    """One array of all, float64."""
    result: Floats = np.stack(arrays).astype(np.float64)
    return result


def with_step(fitting: list[Layer], number: int) -> Layer:
    """A layer of the fitting nets, with a step of 1 where deepmd-kit adds its input without one.

    It does in the layers between the first and the last that are as wide as what they are given.
    """
    layer = fitting[number]
    before, after = layer["weight"].shape[1:]
    adds = 0 < number < len(fitting) - 1 and before == after
    steps = {"step": layer.get("step", np.ones_like(layer["bias"]))} if adds else {}
    return {"weight": layer["weight"], "bias": layer["bias"], **steps}

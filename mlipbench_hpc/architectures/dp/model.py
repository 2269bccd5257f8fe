"""Input of deepmd-kit, and a model's files: model.json (its record) and model.pb (frozen graph)."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.dp.deepmd_kit import compress, freeze, tf, working_in
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.shared.labels import symbols
from mlipbench_hpc.architectures.shared.record import read_record, write_record
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.task import InputFailure

NAME, SCHEMA = "DP", 1
FROZEN = "model.pb"
PREFACTORS = ("start_pref_e", "limit_pref_e", "start_pref_f", "limit_pref_f")


@dataclass(frozen=True)
class Record:
    """model.json: properties of the model that the frozen graph lacks, or gives only when it is loaded.

    numbers: sorted atomic numbers it knows (of a graph made here, deepmd-kit's types in that order).
    reference_energies: eV, in that order; they are part of the graph's own atomic bias, so that its energies
    are total ones. cutoff: Å.
    """

    numbers: list[int]
    reference_energies: list[float]
    cutoff: float
    dtype: str


def require_possible(chosen: dict[str, Any]) -> None:
    """Raise InputFailure for hyperparameters that are valid one by one, but not together."""
    most = chosen["neuron"][-1]
    if chosen["rcut_smth"] >= chosen["rcut"]:
        raise InputFailure(f"rcut_smth = {chosen['rcut_smth']} Å must be below rcut = {chosen['rcut']} Å")
    if chosen["axis_neuron"] > most:
        raise InputFailure(
            f"axis_neuron = {chosen['axis_neuron']} must be at most {most}, the last of neuron"
        )


def script(job: TrainingJob, known: list[int], folders: list[str], steps: int, most: int) -> dict[str, Any]:
    """Input of deepmd-kit: se_e2_a, and an exponential fall of the learning rate over `steps`.

    folders: training systems, for numbers of neighbours and statistics; most: frames of the largest system.
    """
    chosen = job.hyperparameters
    return {
        "model": {
            "type_map": symbols(known),
            "data_stat_nbatch": most,
            "descriptor": descriptor(job),
            "fitting_net": {
                "neuron": chosen["fitting_neuron"],
                "resnet_dt": True,
                "seed": job.seed + 1,
                "precision": job.dtype,
            },
        },
        "learning_rate": {
            "type": "exp", "start_lr": chosen["start_lr"], "stop_lr": chosen["stop_lr"], "smooth": True,
        },
        "optimizer": {"type": "Adam"},
        "loss": {"type": "ener", **{name: chosen[name] for name in PREFACTORS}},
        "training": {
            "training_data": {"systems": folders, "batch_size": 1}, "numb_steps": steps, "seed": job.seed,
        },
    }  # fmt: skip


def descriptor(job: TrainingJob) -> dict[str, Any]:
    """Descriptor section of se_e2_a; neighbours are counted on the training set, times sel_factor."""
    chosen = job.hyperparameters
    return {
        "type": "se_e2_a",
        "sel": f"auto:{chosen['sel_factor']}",
        "rcut": chosen["rcut"],
        "rcut_smth": chosen["rcut_smth"],
        "neuron": chosen["neuron"],
        "axis_neuron": chosen["axis_neuron"],
        "type_one_side": chosen["type_one_side"],
        "seed": job.seed,
        "precision": job.dtype,
    }


def export(folder: Path, record: Record, scratch: Path, prefix: str) -> None:
    """Freeze and compress the checkpoint scratch/prefix; write model.pb and model.json.

    Protocol buffers have no fixed order of attributes: equal models get equal bytes only on request.
    """
    with working_in(scratch):
        freeze(checkpoint_folder=prefix, output="frozen.pb")
    with working_in(scratch):
        compress(
            input="frozen.pb", output="compressed.pb", extrapolate=5, step=0.01, frequency="-1",
            checkpoint_folder="model-compression", training_script="", mpi_log="master", log_path=None,
            log_level=40,
        )  # fmt: skip
    graph = tf.GraphDef.FromString((scratch / "compressed.pb").read_bytes())
    write_bytes(folder / FROZEN, graph.SerializeToString(deterministic=True))
    write_record(folder, SCHEMA, asdict(record))


def load_record(folder: Path) -> Record:
    """Read model.json; raises InputFailure where there is none, or one of another schema."""
    return Record(**read_record(NAME, folder, SCHEMA))


def require_dtype(record: Record, dtype: str) -> None:
    """Raise InputFailure where the graph was frozen in another dtype."""
    if record.dtype != dtype:
        raise InputFailure(f"the {NAME} model was frozen in {record.dtype}, {dtype} was asked for")

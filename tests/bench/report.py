"""What the report costs: CPU time of a campaign of 4,800 tasks, 480 of them MD runs, without figures.

Each figure costs its own drawing, so the runs of this store leave numbers alone.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support")]

from profiled import analysed, reweighted

from mlipbench_hpc.contract.folder import Store, seal, write_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.report.collect import Reported
from mlipbench_hpc.report.html import build_report

COMMITTEES, MEMBERS, RUNS_EACH, REPLICAS, SAMPLES = 8, 8, 6, 10, 2751
CLOCK = {"wall_s": 3.0, "cpu_s": 2.9, "peak_bytes": 2**28, "host": "node01"}
Planned = tuple[str, dict[str, Any], dict[str, Any]]


def campaign() -> dict[str, Any]:
    """What the schema would give, as far as the report reads it."""
    sampled = {"system": "box", "systems": None, "potential": "electrode"}
    run = {"potential": None, "temperature": 300.0, "length": 2.0, "replicas": REPLICAS}
    return {
        "systems": {"box": {"slab": {}}},
        "datasets": {"frames": {"file": None, "generate": sampled}},
        "splits": {"main": {"dataset": "frames"}},
        "models": {"tiny": {"architecture": "mace", "preset": "tiny", "dtype": "float32"}},
        "committees": {f"c{number}": {"model": "tiny", "split": "main"} for number in range(COMMITTEES)},
        "md": {
            f"run-{number}-{place}": run | {"committee": f"c{number}", "member": place}
            for number in range(COMMITTEES)
            for place in range(RUNS_EACH)
        },
        "analysis": {"profiles": {"metal": "Au"}, "blocks": 10},
    }


def errors() -> dict[str, Any]:
    """Errors of one member on one set."""
    force = {"rmse_meV_per_A": 130.0, "std_meV_per_A": 1100.0, "ratio": 130.0 / 1100.0, "values": 11664}
    names = ("rmse_meV_per_atom", "centred_rmse_meV_per_atom", "rmse_meV", "centred_rmse_meV")
    energy = dict.fromkeys([*names, "std_meV_per_atom", "std_meV"], 4.0)
    molecules = {"rmse_meV_per_A": 90.0, "std_meV_per_A": 400.0, "ratio": 0.225, "values": 3888}
    molecules["oxygens_left_out"] = 0
    species = {"O": force, "H": force}
    ions = dict.fromkeys(["rmse_meV_per_A", "std_meV_per_A", "ratio"]) | {"atoms": 0, "values": 0}
    forces = {"all": force, "species": species, "molecules": molecules, "ions": ions}
    stratum = {"temperature_K": 300.0, "composition": None, "frames": 12, "force": forces}
    return {"frames": 36, "energy": energy, "force": forces, "strata": [stratum]}


def planned() -> Iterator[Planned]:
    """Verb, subject and values of 4,800 tasks."""
    sampling = [{"temperature_K": 300.0, "every_ps": 0.1, "frames": 30, "statistical_inefficiency": 3.0}]
    for start in range(SAMPLES):
        subject = {"sample": "frames", "of": "box", "start": start}
        yield "label", subject, {"frames": 30, "sampling": sampling}
    yield "split", {"split": "main", "train": 108}, {}
    for number in range(COMMITTEES):
        for member in range(MEMBERS):
            subject = {"committee": f"c{number}", "round": 0, "member": member, "train": 108}
            yield "train", subject, {"epochs": 40, "parameters": 20384}
            yield "evaluate", subject, {"validation": errors(), "test": errors()}
    own = analysed()
    spread = reweighted(own)[0]
    for name, asked in campaign()["md"].items():
        for replica in range(REPLICAS):
            subject = {"md": name, "replica": replica, "committee": asked["committee"]}
            yield "md", subject, {"outcome": "completed", "cause": None, "time_ps": 2.0}
            yield "analyse", subject, own[0]
            yield "reweight", subject, spread
            yield "reevaluate", subject, {"frames": 200}


def commit(store: Store) -> list[Reported]:
    """The tasks as committed folders; the costs of committing are measured elsewhere."""
    tasks = []
    for verb, subject, values in planned():
        label = " ".join([verb, *(f"{name}={value}" for name, value in subject.items())])
        task = Task(verb, 1, "analysis", "ab" * 32, {"of": label}, {}, label=label)
        folder = store.task(task.key)
        folder.mkdir(parents=True)
        write_json(folder / "task.json", task.to_json())
        result = {"key": task.key, "attempt": f"{task.key}-0", "values": values, "timing": CLOCK}
        result |= {"outputs": {}, "upstream": {}, "versions": {"numpy": "2.4.6"}}
        seal(folder, result)
        tasks.append(Reported(label, verb, task.key, subject, "analysis", "done"))
    return tasks


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.create()
        tasks = commit(store)
        document = {"name": "bench", "description": "", "yaml": "", "campaign": campaign(), "site": {},
                    "architectures": {"mace": {"citation": [], "restart": "training bitwise"}},
                    "mlipbench": "0"}  # fmt: skip
        start = time.process_time()
        build_report(document, tasks, store, Path(folder) / "report")
        seconds = time.process_time() - start
    print(json.dumps({"report_s": seconds, "tasks": len(tasks)}, indent=1))


if __name__ == "__main__":
    main()

"""The content of results.json: every number, and apart from them what two equal runs need not share."""

import json
from typing import Any

import numpy as np

from mlipbench_hpc.report import comparison, sampling
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.committees import Round, rounds, split_of
from mlipbench_hpc.report.drivers import driver

RESULTS_SCHEMA = 1
TOLD_BY_INTERRUPTIONS = ("segments",)


def numbers(results: Results) -> dict[str, Any]:
    """Every number of the report except the figures' and what two equal runs need not share."""
    document = results.document
    return {
        "schema": RESULTS_SCHEMA,
        "mlipbench": document["mlipbench"],
        "campaign": {
            "name": document["name"],
            "description": document["description"],
            "asked": document["campaign"],
        },
        "systems": {
            item.subject["system"]: item.values for item in results.items if "system" in item.subject
        },
        "datasets": {
            item.subject["dataset"]: item.values for item in results.items if "dataset" in item.subject
        },
        "sampling": sampling.numbers(results),
        "dipoles": {item.subject["frames"]: item.values for item in results.of("dipole") if item.done},
        "splits": {item.reported.label: item.values | _split_numbers(item) for item in results.of("split")},
        "committees": {name: _committee_numbers(results, name) for name in results.names("committees")},
        "md": {name: _md_numbers(results, name) for name in results.names("md")},
        "comparisons": comparison.numbers(results),
        "tasks": {item.reported.label: _task_numbers(item) for item in results.items},
    }


def _split_numbers(item: Item) -> dict[str, Any]:
    found = split_of(item)
    sizes = {name: len(found[name]) for name in ("validation", "test") if name in found}
    return sizes | {
        "train": [len(member) for member in found.get("members", [])],
        "reference_energies_eV": found.get("reference_energies", {}),
    }


def _committee_numbers(results: Results, name: str) -> dict[str, Any]:
    return {
        "asked": results.asked("committees", name),
        "visibility": next((item.values for item in results.of("visibility", committee=name)), None),
        "rounds": {str(one.number): _round_numbers(one) for one in rounds(results, name)},
    }


def _round_numbers(one: Round) -> dict[str, Any]:
    return {
        "members_asked": len(one.members),
        "members_trained": len(one.trained),
        "decision": one.decision.values if one.decision else None,
        "calibration": one.calibration.values if one.calibration else None,
        "members": {
            str(member.number): {
                "training_structures": member.structures,
                "train": member.train.values if member.train else {},
                "evaluate": member.evaluate.values if member.evaluate else {},
            }
            for member in one.members
        },
    }


def _md_numbers(results: Results, name: str) -> dict[str, Any]:
    spec = results.asked("md", name)
    final = driver(results, name).final
    return {
        "committee": spec.get("committee"),
        "potential": spec.get("potential"),
        "members_trained": len(final.trained) if final else 0,
        "training_structures": final.structures if final else [],
        "replicas": {
            str(item.subject["replica"]): {
                "md": {
                    name: value for name, value in item.values.items() if name not in TOLD_BY_INTERRUPTIONS
                },
                "analyse": next((a.values for a in analyses(results, item)), {}),
                "reweight": reweighting.values if (reweighting := reweighted(results, item)) else {},
            }
            for item in results.of("md", md=name)
        },
    }


def _task_numbers(item: Item) -> dict[str, Any]:
    told = item.reported
    return {
        "verb": told.verb,
        "key": told.key,
        "environment": told.environment,
        "identity": item.task.get("identity"),
        "status": item.status,
        "failure": None if item.done else told.failure,
    }


def timing(results: Results) -> dict[str, Any]:
    """By task: all that two equal runs need not share (times, hosts, attempts, files that record them)."""
    return {
        "note": "everything here may differ between two equal runs; nothing outside may",
        "site": results.document["site"],
        "tasks": {
            item.reported.label: {
                name: item.result.get(name)
                for name in ("attempt", "timing", "versions", "manifest", "outputs")
            }
            for item in results.items
            if item.done
        },
    }


def as_json(value: Any) -> Any:
    """`value` with every float that is not finite as None, so that strict JSON can hold it."""
    text = json.dumps(value, default=_plain)
    return json.loads(text, parse_constant=lambda _: None)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")

"""Compact results of studies of the kind `truth`: numbers and block averages, no host and no path."""

import hashlib
import json
from typing import Any, cast

import numpy as np
import yaml

from mlipbench_hpc.campaign.study import studies
from mlipbench_hpc.report import layers
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.committees import Round, final_round
from mlipbench_hpc.report.driving import driving_potential
from mlipbench_hpc.report.exclusion import waters_lost
from mlipbench_hpc.report.groups import Line, groups
from mlipbench_hpc.report.numbers import as_json
from mlipbench_hpc.report.origins import start_of
from mlipbench_hpc.report.truth.cost import costs
from mlipbench_hpc.report.truth.lines import judged
from mlipbench_hpc.studies.truth import KIND, NUMBERS

SCHEMA = 3
PROFILES = ("density", "orientation")
COARSE_A = 0.5
OF_ALPHA = (
    "composition",
    "temperature_K",
    "structures",
    "independent",
    "alpha",
    "interval",
    "withheld",
    "why",
)
# Series of which blocks are kept, by number: file and array.
SERIES = {"cosine": ("first_layer.npz", "cosine"), "total_orientation": ("total_orientation.npz", "P_z")}


def compact(results: Results) -> dict[str, Any]:
    """All that the tables of `truth` need of what this store has of a campaign, for JSON."""
    names = results.names("md")
    content = {
        "schema": SCHEMA,
        "campaign": results.document["name"],
        "campaign_sha256": digest(results.document["yaml"]),
        "mlipbench": results.document["mlipbench"],
        "runs": {name: runs for name in names if (runs := _runs(results, name))},
        "ions": _ions(results),
        "committees": {
            name: own for name in results.names("committees") if (own := _committee(results, name))
        },
        "store": _store(results),
        "cost": costs(results.items),
    }
    return cast(dict[str, Any], as_json(content))


def _store(results: Results) -> str:
    """Digest of the identity of the store, by which one is known from another; it names no place."""
    root = next((item.folder.parents[1] for item in results.items), None)
    try:
        return sha256((root / "id").read_text()) if root else ""
    except OSError:
        return ""


def digest(text: str) -> str:
    """sha256 of a campaign's YAML, by which compact results of one campaign are known.

    Of what it says, so that comments and layout are free, and without what is only read: the description and
    the studies' limits.
    """
    content = yaml.safe_load(text)
    content.pop("description", None)
    for study in (content.get("studies") or {}).values():
        study.pop("limits", None)
    return sha256(json.dumps(content, sort_keys=True, default=str))


def sha256(text: str) -> str:
    """Hexadecimal digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def specs(document: dict[str, Any]) -> dict[str, Any]:
    """Studies of the kind `truth` among a campaign's `studies`, by name, by their schema."""
    spec = studies()[KIND].spec
    written = document.get("studies") or {}
    return {name: spec.model_validate(own) for name, own in written.items() if own.get("kind") == KIND}


def _runs(results: Results, name: str) -> dict[str, Any]:
    """By replica, what a finished run gave."""
    done = [item for item in results.of("md", md=name) if item.done]
    model = _model(results, name)
    return {str(item.subject["replica"]): _run(results, item) | {"model": model} for item in done}


def _model(results: Results, name: str) -> str | None:
    """Digest of the trained model that drives a run; None for a reference potential."""
    drives = driving_potential(results, name)
    return models_of(drives.final).get(str(drives.member)) if drives.final else None


def models_of(final: Round | None) -> dict[str, str]:
    """By member, the digest of its trained model: two trainings of one task are two models."""
    every = final.trained if final else []
    return {str(own.number): str(own.train.result["manifest"])[:16] for own in every if own.train}


def _run(results: Results, item: Item) -> dict[str, Any]:
    values, analysis = item.values, next((own for own in analyses(results, item) if own.done), None)
    run = {
        name: values.get(name)
        for name in ("outcome", "cause", "time_ps", "restraints", "temperature_K",
                     "largest_conserved_deviation_meV_per_atom")
    }  # fmt: skip
    # Judged as a run that failed; what the reference loses is not known where it is another part.
    if reason := waters_lost(results, item):
        run |= {"outcome": "unstable", "cause": f"decomposed: {reason}"}
    if analysis is None or "skipped" in analysis.values:
        return run
    own = analysis.values
    run |= {name: own.get(name) for name in ("species", "analysed_ps", "equilibration_ps", "blocks")}
    start = start_of(results, item.subject["md"], int(item.subject["replica"]))
    run["judged"] = judged(analysis, start)
    run["numbers"] = {name: _number(analysis, name) for name in NUMBERS}
    run["profiles"] = {name: curve for name in PROFILES if (curve := _profile(analysis, name))}
    return run | {"reweight": _reweight(reweighted(results, item))}


def _number(analysis: Item, name: str) -> dict[str, Any]:
    """Mean, standard error, degrees of freedom, and averages of blocks where there is a series."""
    blocks = int(analysis.values.get("blocks", 10))
    own = {key: analysis.statistics(name).get(key) for key in ("mean", "se", "dof")}
    file, array = SERIES.get(name, ("", ""))
    series = analysis.arrays(file).get(array) if file else None
    if series is None or len(series) < blocks:
        return own
    length = len(series) // blocks
    means = np.asarray(series, float)[: length * blocks].reshape(blocks, length).mean(axis=1)
    return own | {"block_means": means.tolist()}


def _profile(analysis: Item, name: str) -> dict[str, Any] | None:
    """Averages over bins of 0.5 Å, z at their middle; errors as if neighbours moved together."""
    observable = analysis.observables.get(name)
    table = analysis.table(observable.file) if observable and observable.axis else {}
    if observable is None or observable.axis is None or not table:
        return None
    z, own, se = (table[key] for key in (observable.axis.column, observable.column, observable.error))
    several = max(1, round(COARSE_A / float(z[1] - z[0])))
    first = int(np.argmax(np.isclose((z - (z[1] - z[0]) / 2) % COARSE_A, 0, atol=1e-6)))
    count = (len(z) - first) // several
    rows = [column[first : first + count * several].reshape(count, several) for column in (z, own, se)]
    return {key: rows[place].mean(axis=1).tolist() for place, key in enumerate(("z_A", "mean", "se"))}


def _reweight(item: Item | None) -> dict[str, Any] | None:
    """What the run's frames say of the other members."""
    if item is None or "skipped" in item.values:
        return None
    scalars = {
        name: {key: own.get(key) for key in ("driving_member", "members", "sigma", "se_mean")}
        for name, own in item.values.get("scalars", {}).items()
        if name in NUMBERS
    }
    own = item.values
    return {"verdict": own.get("verdict"), "members": own.get("members"), "scalars": scalars}


def _ions(results: Results) -> dict[str, Any]:
    """Layers, stays and transitions of ions, of each run whose heights are not restrained."""
    return {
        line.name: {symbol: own | _share(line, symbol) for symbol, own in layers.numbers(line).items()}
        for group in groups(results)
        for line in group.drawn
        if not group.restrained and layers.ions_of(line)
    }


def _share(line: Line, symbol: str) -> dict[str, Any]:
    """Share of ions in the inner layer over all runs, with its error, and what it depends on, in words."""
    stays = layers.stays_of(line, symbol)
    own = layers.share_of(stays) if stays else None
    share = {"mean": own.mean, "se": own.se, "dof": own.dof} if own else None
    return {"temperature_K": line.temperature, "share": share, "condition": layers.conditional(line)}


def _committee(results: Results, name: str) -> dict[str, Any] | None:
    """α by composition and temperature, errors of members by composition, training structures and time."""
    final = final_round(results, name)
    if final is None or not final.trained:
        return None
    calibration = final.calibration if final.calibration and final.calibration.done else None
    return {
        "members": len(final.trained),
        "structures": final.trained[0].structures,
        "models": models_of(final),
        "calibrated": calibration is not None,
        "alpha": [
            {key: own.get(key) for key in OF_ALPHA}
            for own in (calibration.values.get("strata", []) if calibration else [])
        ],
        "errors": [_errors(own) for own in results.of("evaluate", committee=name) if own.done],
    }


def _errors(item: Item) -> dict[str, Any]:
    """Force RMSE of one member on test frames, all and by composition and temperature, meV/Å."""
    test = item.values.get("test", {})
    return {
        "member": item.subject.get("member"),
        "energy": {
            key: test.get("energy", {}).get(key) for key in ("rmse_meV_per_atom", "centred_rmse_meV_per_atom")
        },
        "force": _force(test),
        "strata": [
            {key: own.get(key) for key in ("composition", "temperature_K", "frames")} | {"force": _force(own)}
            for own in test.get("strata", [])
        ],
    }


def _force(values: dict[str, Any]) -> dict[str, Any]:
    whole = values.get("force", {}).get("all", {})
    return {key: whole.get(key) for key in ("rmse_meV_per_A", "std_meV_per_A") if key in whole}

"""reweight: what every other member of a committee would have given, from the frames that one drove."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from mlipbench_hpc.analysis import advice, layer, rdf
from mlipbench_hpc.analysis.onepass import block_sums
from mlipbench_hpc.analysis.profiles import COUNTED, DIPOLE, ORIENTATION, Samples, column_of
from mlipbench_hpc.analysis.resampling import Weights, bootstrap, combined, reweighted
from mlipbench_hpc.analysis.reweighting import SEVERITY, Quality, quality, reduced
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.profiles import layered, profiler, watched
from mlipbench_hpc.worker.reevaluate import ENERGIES
from mlipbench_hpc.worker.stretch import Notes, Stretch, number, write_csv

FEWEST_FRAMES = 2
Axis = tuple[str, Floats]


def run(context: Context) -> dict[str, Any]:
    """Writes reweighted-<observable>.csv: profiles where there is a slab, else every asked g(r).

    What cannot be reweighted is `skipped`, in words.
    """
    given, notes = context.parameters, Notes()
    if context.upstream_values("md").get("outcome") == "unstable":
        return {"skipped": "the run was unstable: it is left out"}
    stretch = Stretch.of(context.upstream("md"), given["equilibration"], given["blocks"])
    indices, energies = member_energies(context)
    known = np.isfinite(energies).all(axis=0)
    if not known.all():
        notes.say(f"{int((~known).sum())} frames where a member's energy is not finite were left out")
    known &= np.isin(indices, stretch.chosen)
    rows = np.searchsorted(stretch.chosen, indices[known])
    if len(rows) < FEWEST_FRAMES:
        return {"skipped": f"{len(rows)} of {len(stretch)} frames carry every member's energy: too few"}
    notes.dropped(stretch.dropped)
    energies = energies[:, known]
    h = reduced(energies, energies[given["driver"]], given["temperature"])
    qualities = {member: quality(one) for member, one in enumerate(h) if member != given["driver"]}
    alpha = alpha_of(context, notes)
    weights = Weights.of(len(stretch), given["blocks"], rows, h)
    axis, sums = summed(context, stretch, weights, notes)
    interval = _interval(stretch)
    observables, said = write_observables(context, axis, sums, weights, alpha, notes, interval, qualities)
    return {
        "frames": len(stretch),
        "reweighted_frames": len(rows),
        "stride": given["stride"],
        "analysed_ps": float(np.ptp(stretch.times)),
        "members": {str(member): one.described() for member, one in qualities.items()},
        "verdict": worst(qualities.values()),
        "next_member": advice.next_member(qualities),
        "advice": [advice.about_members(qualities), *said],
        "alpha": alpha,
        "observables": observables,
        "scalars": scalars(axis[1], sums, weights, alpha),
        "warnings": notes.warnings,
    }


def _interval(stretch: Stretch) -> float | None:
    """ps between analysed frames."""
    return float(np.ptp(stretch.times)) / (len(stretch) - 1) if len(stretch) > 1 else None


def member_energies(context: Context) -> tuple[Ints, Floats]:
    """Indices (K,) into the trajectory and energies (M, K) eV of all members there.

    Raises InputFailure where members were evaluated on different frames.
    """
    found = []
    for role in context.upstream_roles("member-"):
        with np.load(context.upstream(role) / ENERGIES, allow_pickle=False) as archive:
            found.append((archive["indices"], archive["energies"]))
    indices = found[0][0]
    if any(not np.array_equal(indices, other) for other, _ in found):
        raise InputFailure("the members were evaluated on different frames of the run; plan again")
    return indices, np.array([energies for _, energies in found])


def alpha_of(context: Context, notes: Notes) -> float | None:
    """α with mean errors removed, for constant errors cancel in reweighting too; else None and a note."""
    centred = context.upstream_values("calibration")["centred"]
    if "refused" in centred:
        notes.say(f"the spread of the committee is not calibrated ({centred['why']}): bands are 1 σ")
        return None
    return float(centred["alpha"])


def worst(qualities: Iterable[Quality]) -> str:
    """The worst verdict over all members but the driver, which needs no reweighting."""
    return max((one.verdict for one in qualities), key=SEVERITY.index)


def write_observables(
    context: Context,
    axis: Axis,
    sums: Samples,
    weights: Weights,
    alpha: float | None,
    notes: Notes,
    interval: float | None,
    qualities: dict[int, Quality],
) -> tuple[dict[str, Any], list[str]]:
    """One CSV for each observable; returns its axis, unit and how the bands compare; and advice in words."""
    label = "z_A" if axis[0] == "z" else "r_A"
    found, said = {}, []
    for name, part in sums.items():
        if name in (COUNTED, DIPOLE):
            continue
        made = columns(part, weights, alpha)
        write_csv(context.folder / f"reweighted-{name}.csv", {label: axis[1]} | made)
        found[name] = compared(made) | {"column": column_of(name) if axis[0] == "z" else name, "axis": label}
        said += _advice(name, made, weights, alpha, interval, qualities)
        if found[name]["negative_bins"] and name != ORIENTATION:
            notes.say(f"{name}: reweighted values below zero stand as they are")
    return found, said


def columns(sums: Floats, weights: Weights, alpha: float | None) -> dict[str, Floats]:
    """Averages, bands apart and combined, and each member with its sampling error, of sums (N, K, B).

    se: sampling error of the driver, σ_block/√N; se_mean, se_sigma, se_member_*: by block bootstrap.
    combined: √(se² + band²), band α·σ, or σ without α.
    """
    found, error = reweighted(weights, sums), bootstrap(weights, sums)
    blocks = sums[:, 0] / weights.length
    se = np.asarray(blocks.std(axis=0, ddof=1) / np.sqrt(weights.blocks))
    sigma = found.sigma
    made = {
        "driver": found.driver,
        "se": se,
        "mean": found.mean,
        "sigma": sigma,
        "alpha_sigma": sigma * (np.nan if alpha is None else alpha),
        "combined": combined(se, sigma * (alpha or 1.0)),
        "se_mean": error.mean,
        "se_sigma": error.sigma,
    }
    made |= {f"member_{m}": row for m, row in enumerate(found.cea)}
    made |= {f"se_member_{m}": row for m, row in enumerate(error.cea)}
    return made | {f"direct_{m}": row for m, row in enumerate(found.direct)}


def _advice(
    name: str,
    made: dict[str, Floats],
    weights: Weights,
    alpha: float | None,
    interval: float | None,
    qualities: dict[int, Quality],
) -> list[str]:
    """Which error is the larger, and how long until 2·SE is within 5 % of the largest value."""
    reached, scale = advice.in_reach(qualities), alpha or 1.0
    widest = np.maximum(made["se"], made["se_mean"]) if reached else made["se"]
    tolerance = advice.RELATIVE_TOLERANCE * float(np.abs(made["driver"]).max(initial=0.0))
    frames = weights.blocks * weights.length
    kinds = advice.about_kinds(
        name, 2 * made["se"], scale * made["sigma"], scale * made["se_sigma"], qualities
    )
    return [
        *([kinds] if kinds else []),
        *([advice.about_length(name, frames, widest, tolerance, interval)] if tolerance > 0 else []),
    ]


def compared(columns: dict[str, Floats]) -> dict[str, Any]:
    """Root-mean-square over the bins of the three widths, and how many reweighted values are negative.

    A negative one counts only where the driver's own is not.
    """
    members = np.array([values for name, values in columns.items() if name.startswith("member_")])
    names = {"sampling_2se": 2 * columns["se"]} | {name: columns[name] for name in ("sigma", "alpha_sigma")}
    widths = {f"rms_{name}": number(np.sqrt(np.mean(values**2))) for name, values in names.items()}
    return widths | {"negative_bins": int(((members < 0) & (columns["driver"] >= 0)).any(axis=0).sum())}


def scalars(z: Floats, sums: Samples, weights: Weights, alpha: float | None) -> dict[str, Any]:
    """Mean P_z and the numbers of the first layer: the driver's, each member's, their σ and α·σ.

    {} without a slab. A number that is no average is made from each member's reweighted profiles.
    """
    if DIPOLE not in sums:
        return {}
    found = {DIPOLE: averages(weights, sums[DIPOLE])[:, 0]}
    profiles = layered({name: averages(weights, part) for name, part in sums.items()})
    layers = np.array([layer.first_layer(z, one) for one in profiles])
    found |= {name: layers[:, place] for place, name in enumerate(layer.NAMES)}
    return {name: _scalar(values, alpha) for name, values in found.items()}


def averages(weights: Weights, sums: Floats) -> Floats:
    """The driver's average and each member's by CEA, (1 + M, B), of sums (N, K, B)."""
    found = reweighted(weights, sums)
    return np.vstack([found.driver, found.cea])


def _scalar(values: Floats, alpha: float | None) -> dict[str, Any]:
    """values (1 + M,): the driver's own average and what each member would give."""
    sigma = float(values[1:].std(ddof=1))
    return {
        "driver": number(values[0]),
        "members": [number(value) for value in values[1:]],
        "sigma": number(sigma),
        "alpha_sigma": None if alpha is None else number(alpha * sigma),
    }


def summed(context: Context, stretch: Stretch, weights: Weights, notes: Notes) -> tuple[Axis, Samples]:
    """The common axis (B,) Å and the weighted block sums (N, K, B): profiles with a slab, g(r) without."""
    try:
        made = profiler(stretch, context.parameters["profiles"])
    except ValueError:
        made = None
    if made is None or not made.faces:
        axis, samples = radial(context, stretch, notes)
        return axis, weights.sums(samples)
    sums, dipole = block_sums(made, watched(context, stretch), weights.rows, weights.blocks)
    return ("z", made.z), sums | weights.sums([{DIPOLE: dipole[:, None]}])


def radial(context: Context, stretch: Stretch, notes: Notes) -> tuple[Axis, Iterator[Samples]]:
    """Each frame's own g(r) of all asked pairs that the run holds."""
    asked, cells = context.parameters["rdf"], stretch.cells
    allowed = rdf.largest_radius(cells) if np.linalg.det(cells).all() else 0.0
    r_max, width = min(asked["r_max"], allowed), asked["bin"]
    if r_max < width:
        notes.say("no slab, and the cell leaves no whole bin for g(r): nothing is reweighted")
        return ("r", np.zeros(0)), iter([])
    species = {f"g_{one}-{other}": groups(stretch, one, other) for one, other in asked["pairs"]}
    held = {name: pair for name, pair in species.items() if pair is not None}
    bins = int(r_max / width + 1e-9)

    def samples() -> Iterator[Samples]:
        size = min(rdf.frames_at_once(*pair) for pair in held.values())
        for part, positions in stretch.positions(size):
            context.check()
            yield {
                name: rdf.samples(positions, cells[part], *pair, r_max, width) for name, pair in held.items()
            }

    return ("r", (np.arange(bins) + 0.5) * width), samples() if held else iter([])


def groups(stretch: Stretch, one: str, other: str) -> tuple[Ints, Ints] | None:
    """Indices of both species; None where there is no pair of them."""
    numbers = stretch.trajectory.numbers
    first, second = (np.flatnonzero(numbers == atomic_numbers[symbol]) for symbol in (one, other))
    return (first, second) if min(len(first), len(second)) >= 1 + (one == other) else None

"""reweight: averages of other committee members from the frames of the driving one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis import advice, layer, peaks
from mlipbench_hpc.analysis.committee import band_factor, student_factor
from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.pieces import errors, of_mean
from mlipbench_hpc.analysis.profiles import ORIENTATION_WIDTH, TOTAL_ORIENTATION, concentration
from mlipbench_hpc.analysis.resampling import Weights, bootstrap, combined, resampled, reweighted
from mlipbench_hpc.analysis.reweighting import SEVERITY, Quality, quality, reduced
from mlipbench_hpc.analysis.spread import Spread, spread
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints, composition
from mlipbench_hpc.data.observable import Observable, height_of
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.observing import Run, descriptors
from mlipbench_hpc.worker.profiles import layered
from mlipbench_hpc.worker.reevaluate import ENERGIES
from mlipbench_hpc.worker.reweighted_sums import SQUARE, Curve, Sums, summed
from mlipbench_hpc.worker.stretch import Notes, Stretch, write_csv

FEWEST_FRAMES = 2


def run(context: Context) -> dict[str, Any]:
    """Write reweighted-NAME.csv of each curve: profiles where there is a slab, else every g(r).

    Members are those of the driving committee, among which `driving_member` drove, or, where that is None,
    those of another one; then the energies of what drove are upstream as `driving`. `skipped` gives the
    reason where reweighting is impossible.
    """
    parameters, notes = context.parameters, Notes()
    if context.upstream_values("md").get("outcome") == "unstable":
        return {"skipped": "the run was unstable: it is left out"}
    stretch = Stretch.of(context.upstream("md"), parameters["equilibration"], parameters["blocks"])
    indices, energies, driving = member_energies(context)
    known = np.isfinite(energies).all(axis=0) & np.isfinite(driving)
    if not known.all():
        notes.say(f"{int((~known).sum())} frames where a member's energy is not finite were left out")
    known &= np.isin(indices, stretch.chosen)
    rows = np.searchsorted(stretch.chosen, indices[known])
    if len(rows) < FEWEST_FRAMES:
        reason = f"{len(rows)} of {len(stretch)} frames have energies of all members"
        return {"skipped": f"{reason}, fewer than {FEWEST_FRAMES}: use longer runs"}
    notes.dropped(stretch.dropped)
    h = reduced(energies[:, known], driving[known], parameters["temperature"])
    qualities = {
        member: quality(row) for member, row in enumerate(h) if member != parameters["driving_member"]
    }
    alpha = alpha_of(context, composition(stretch.trajectory.numbers), notes)
    weights = Weights.of(len(stretch), parameters["blocks"], rows, h)
    sums = summed(Run(context, stretch, notes), weights)
    reweighting = Reweighting(weights, alpha, _interval(stretch), qualities)
    observables, sentences = write_observables(context, sums.curves, reweighting, notes)
    return {
        "frames": len(stretch),
        "reweighted_frames": len(rows),
        "stride": parameters["stride"],
        "analysed_ps": stretch.length_ps,
        "members": {str(member): value.described() for member, value in qualities.items()},
        "verdict": worst(qualities.values()),
        "next_member": advice.next_member(qualities),
        "advice": [advice.about_members(qualities), *sentences],
        "alpha": alpha,
        "observables": observables,
        "scalars": scalars(sums, weights, alpha),
        "descriptors": descriptors([*(written(curve) for curve in sums.curves), *sums.numbers]),
        "warnings": notes.warnings,
    }


def _interval(stretch: Stretch) -> float | None:
    """Interval in ps between analysed frames."""
    return float(np.ptp(stretch.times)) / (len(stretch) - 1) if len(stretch) > 1 else None


def member_energies(context: Context) -> tuple[Ints, Floats, Floats]:
    """Indices (K,) into the trajectory, energies (M, K) eV of all members there, and (K,) of what drove."""
    indices, energies = _energies(context, "energies")
    if (member := context.parameters["driving_member"]) is not None:
        return indices, energies, energies[member]
    same, driving = _energies(context, "driving")
    if not np.array_equal(indices, same):
        raise InputFailure("the driving member was evaluated on other frames than the others; plan again")
    return indices, energies, driving[0]


def _energies(context: Context, role: str) -> tuple[Ints, Floats]:
    with np.load(context.upstream(role) / ENERGIES, allow_pickle=False) as archive:
        return archive["indices"], archive["energies"]


def alpha_of(context: Context, formula: str, notes: Notes) -> float | None:
    """α at the composition and temperature of the MD, else None and a note with the reason.

    Where the data do not state a temperature, all frames of the composition count, which a note says.
    """
    kelvin, calibration = context.parameters["temperature"], context.upstream_values("calibration")
    strata = {
        stratum["temperature_K"]: stratum
        for stratum in calibration["strata"]
        if stratum["composition"] == formula and stratum["temperature_K"] in (kelvin, None)
    }
    stratum = strata.get(kelvin, strata.get(None))
    if reason := without_alpha(stratum, f"{formula} at {kelvin:g} K"):
        factor = student_factor(calibration["members"])
        notes.say(
            f"the spread of the committee is not calibrated ({reason}): bands are {factor:.3g} σ, Student's "
            f"t for M = {calibration['members']} members"
        )
        return None
    assert stratum is not None
    if stratum["temperature_K"] is None:
        notes.say(
            f"the temperature of the validation frames is not stated: their α counts as that of {kelvin:g} K"
        )
    return float(stratum["alpha"])


def without_alpha(stratum: dict[str, Any] | None, what: str) -> str | None:
    """Reason why no band is scaled with α of a stratum of the calibration; None where α is used."""
    if stratum is None:
        return f"no validation frame of {what} that is not rattled"
    return str(stratum["why"]) if "refused" in stratum else stratum["withheld"]


def worst(qualities: Iterable[Quality]) -> str:
    """The worst verdict over all members but the driving one, which needs no reweighting."""
    return max((value.verdict for value in qualities), key=SEVERITY.index)


@dataclass(frozen=True)
class Reweighting:
    """Quantities common to all observables of a run: weights, α, ps between frames, quality by member."""

    weights: Weights
    alpha: float | None
    interval: float | None
    qualities: dict[int, Quality]


def written(curve: Curve) -> Observable:
    """Observable with file and column of its reweighted averages: the driving member's is the column."""
    name = curve.observable.name
    return replace(curve.observable, file=f"reweighted-{name}.csv", column="driving_member", error="se")


def write_observables(
    context: Context, curves: list[Curve], reweighting: Reweighting, notes: Notes
) -> tuple[dict[str, Any], list[str]]:
    """Write one CSV for each curve; returns the comparison of its bands by name, and advice in words."""
    values, sentences = {}, []
    for curve in curves:
        name, axis = curve.observable.name, curve.observable.axis
        assert axis is not None
        table, members = columns(curve.sums, reweighting.weights, reweighting.alpha)
        write_csv(context.folder / written(curve).file, {axis.column: curve.x} | table)
        values[name] = compared(table)
        sentences += _advice(name, table, members, reweighting)
        if values[name]["negative_bins"] and curve.observable.positive:
            notes.say(f"{name}: negative reweighted values are not clipped")
    return values, sentences


def columns(sums: Floats, weights: Weights, alpha: float | None) -> tuple[dict[str, Floats], Spread]:
    """Averages, bands separate and combined, and each member with its sampling error, from sums (N, K, B).

    Also returns the spread of the members averaged over bins. se: sampling error of the driving member, the
    larger of σ_block/√N and that of the blocks' autocorrelation; se_mean, se_member_*: by block bootstrap,
    larger by the same factor. sigma: without sampling noise, with its limits, NaN where it is not determined;
    sigma_observed: with it; noise: their difference as a standard deviation. combined: √(se² + band²), band
    α·σ, or without α Student's factor times σ, without a band where σ is not determined.
    """
    average, error = reweighted(weights, sums), bootstrap(weights, sums)
    blocks = sums[:, 0] / weights.length
    own = np.asarray(blocks.std(axis=0, ddof=1) / np.sqrt(weights.blocks))
    se = errors(own, of_mean(blocks, np.ones(weights.blocks))).larger
    factor = np.divide(se, own, out=np.ones_like(se), where=own > 0)
    sigma, limits = error.spread.determined, error.spread.limits
    table = {
        "driving_member": average.driving,
        "se": se,
        "mean": average.mean,
        "sigma": sigma,
        "sigma_low": limits[0],
        "sigma_high": limits[1],
        "sigma_observed": average.sigma,
        "noise": np.sqrt(error.spread.noise),
        "alpha_sigma": sigma * (np.nan if alpha is None else alpha),
        "combined": combined(se, error.spread.sigma * band_factor(alpha, weights.members)),
        "se_mean": factor * error.mean,
    }
    table |= {f"member_{m}": row for m, row in enumerate(average.cea)}
    table |= {f"se_member_{m}": factor * row for m, row in enumerate(error.cea)}
    table |= {f"direct_{m}": row for m, row in enumerate(average.direct)}
    return table, error.mean_spread


def _advice(name: str, table: dict[str, Floats], members: Spread, reweighting: Reweighting) -> list[str]:
    """Comparison of both errors, and the length until 2·SE is within 5 % of the largest value, in words.

    members: their spread, averaged over bins.
    """
    weights, qualities = reweighting.weights, reweighting.qualities
    reached, factor = advice.in_reach(qualities), band_factor(reweighting.alpha, weights.members)
    widest = np.maximum(table["se"], table["se_mean"]) if reached else table["se"]
    tolerance = advice.RELATIVE_TOLERANCE * float(np.abs(table["driving_member"]).max(initial=0.0))
    frames = weights.blocks * weights.length
    kinds = advice.about_kinds(name, 2 * table["se"], members, factor, qualities)
    length = advice.about_length(name, frames, widest, tolerance, reweighting.interval)
    return [*([kinds] if kinds else []), *([length] if tolerance > 0 else [])]


def compared(columns: dict[str, Floats]) -> dict[str, Any]:
    """Root mean square of each width over the bins where it is known, and number of negative averages.

    A negative value counts only where the driving member's own is not negative.
    """
    members = np.array([values for name, values in columns.items() if name.startswith("member_")])
    own = ("sigma", "sigma_low", "sigma_high", "sigma_observed", "alpha_sigma")
    names = {"sampling_2se": 2 * columns["se"]} | {name: columns[name] for name in own}
    return {f"rms_{name}": _rms(values) for name, values in names.items()} | {
        "negative_bins": int(((members < 0) & (columns["driving_member"] >= 0)).any(axis=0).sum())
    }


def _rms(widths: Floats) -> float | None:
    """Root mean square of widths (B,) without NaN; None where all are NaN."""
    known = widths[~np.isnan(widths)]
    return number(np.sqrt(np.mean(known**2))) if len(known) else None


def scalars(sums: Sums, weights: Weights, alpha: float | None) -> dict[str, Any]:
    """Single numbers: of the driving member and of each member, σ without sampling noise, and α·σ.

    A number that is no average, such as those of the first layer, is computed from each member's reweighted
    profiles, and again in every draw of the bootstrap.
    """
    counts = np.vstack([np.ones(weights.blocks), resampled(weights)])
    values = {name: averages(weights, part, counts)[..., 0] for name, part in sums.averages.items()}
    if sums.interface:
        layers = first_layers(weights, sums.interface, counts)
        values |= {name: layers[..., place] for place, name in enumerate(layer.NAMES)}
        values |= mean_heights(weights, sums.interface, counts)
    if SQUARE in values:
        values[ORIENTATION_WIDTH] = widths(values[TOTAL_ORIENTATION], values.pop(SQUARE))
    return {name: _scalar(rows, weights.blocks, alpha) for name, rows in values.items()}


def averages(weights: Weights, sums: Floats, counts: Floats) -> Floats:
    """Averages (C, 1 + M, B) of the driving member and of each member by CEA, from sums (N, K, B).

    counts (C, N): multiplicity of each block.
    """
    average = reweighted(weights, sums, counts)
    return np.concatenate([average.driving[:, None], average.cea], axis=1)


def first_layers(weights: Weights, interface: BlockSums, counts: Floats) -> Floats:
    """Numbers of the first layer (C, 1 + M, 3), of the driving member and of each member by CEA."""
    parts = {name: averages(weights, part, counts) for name, part in interface.sums.items()}
    shape = next(iter(parts.values())).shape[:2]
    rows = layered({name: part.reshape(-1, part.shape[-1]) for name, part in parts.items()})
    z, length = interface.profiler.z, weights.length
    blocks = layered({name: part[:, 0] / length for name, part in interface.sums.items()})
    around = peaks.centre(z, blocks)
    layers = np.array([peaks.first_layer(z, profiles, around) for profiles in rows])
    return layers.reshape(*shape, -1)


def mean_heights(weights: Weights, interface: BlockSums, counts: Floats) -> dict[str, Floats]:
    """Mean height (C, 1 + M) Å of each species of ions by name, from the reweighted concentrations.

    Heights are those of the bins' centres: members are compared with the driving one in the same bins.
    """
    z, heights = interface.profiler.z, {}
    for symbol in interface.profiler.ions:
        profile = averages(weights, interface.sums[concentration(symbol)], counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            heights[height_of(symbol)] = profile @ z / profile.sum(axis=-1)
    return heights


def widths(mean: Floats, square: Floats) -> Floats:
    """Standard deviation from averages of a number and of its square; NaN where CEA leaves none."""
    variance = square - np.square(mean)
    return np.sqrt(np.where(variance >= 0, variance, np.nan))


def _scalar(values: Floats, blocks: int, alpha: float | None) -> dict[str, Any]:
    """Statistics of a single number from values (C, 1 + M): driving member, then each member by CEA.

    The first row is over all frames, the others are draws of the bootstrap. se_mean: sampling error of the
    mean over members.
    """
    members = spread(values[0, 1:, None], values[1:, 1:, None], blocks)
    sigma, noise = float(members.determined[0]), float(members.noise[0])
    means = values[1:, 1:].mean(axis=1)
    means = means[np.isfinite(means)]
    se_mean = np.sqrt(blocks / (blocks - 1)) * means.std(ddof=1) if len(means) > 1 else np.nan
    return {
        "driving_member": number(values[0, 0]),
        "members": [number(value) for value in values[0, 1:]],
        "sigma": number(sigma),
        "sigma_low": number(members.limits[0][0]),
        "sigma_high": number(members.limits[1][0]),
        "sigma_observed": number(np.sqrt(members.observed[0])),
        "noise": number(np.sqrt(noise)),
        "se_mean": number(se_mean),
        "alpha_sigma": None if alpha is None else number(alpha * sigma),
    }

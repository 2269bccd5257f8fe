"""`mlipbench reweight`: the committee part alone, of energies and an observable that anybody has made."""

import argparse
import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.analysis import advice
from mlipbench_hpc.analysis.committee import band_factor
from mlipbench_hpc.analysis.resampling import Reweighted, Sampling, Weights, bootstrap, combined, reweighted
from mlipbench_hpc.analysis.reweighting import Quality, quality, reduced
from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.arrays import Unusable, read_npy
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.summary import number

FEWEST_MEMBERS = 2
LEAST, MOST = 1e-6, 1e9
MEAN_ROUNDING = 1e-7  # relative, as float32 rounds
DRIVER = {
    "verdict": "driving member", "std_h": 0.0, "effective_frames": None, "statistical_inefficiency": None,
    "independent_frames": None,
}  # fmt: skip


@dataclass(frozen=True)
class Arrays:
    """Energies (M, T) and of what drove the MD (T,), eV; observable (T, B).

    place: the driving member's index; None where the mean of all members drove the MD.
    """

    driver: Floats
    energies: Floats
    place: int | None
    observable: Floats


def run(options: argparse.Namespace) -> int:
    """Read, compute, write reweight.json and say what matters."""
    arrays = read(options)
    result = compute(arrays, options)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "reweight.json"
    write_json(path, result)
    for member in result["members"]:
        line = f"member {member['member']} ({member['file']}): {member['verdict']}"
        if not member["driving"]:
            line += (
                f", std(h) {member['std_h']:.3g} kT, {member['effective_frames']:.0f} of {result['frames']} "
                f"frames effective, {member['independent_frames']:.0f} of them independent"
            )
        print(line)
    print("\n".join([*result["notes"], *result["advice"], str(path)]), flush=True)
    return 0


def read(options: argparse.Namespace) -> Arrays:
    """The arrays, or InputFailure with every mistake."""
    arrays: dict[Path, Floats] = {}
    wrong = list(_numbers_wrong(options))
    for path in dict.fromkeys([options.driver, *options.members, options.observable]):
        try:
            arrays[path] = _as_series(read_npy(path), path == options.observable)
        except Unusable as error:
            wrong.append(f"{error}{_near(path)}")
    wrong += _shapes_wrong(options, arrays)
    if len(options.members) < FEWEST_MEMBERS:
        wrong.append(f"--members: received {len(options.members)}, expected the whole committee, at least 2")
    if not wrong:
        energies = np.array([arrays[path] for path in options.members])
        driver = arrays[options.driver]
        same = [place for place, row in enumerate(energies) if np.array_equal(row, driver)]
        if same or _is_mean(driver, energies):
            return Arrays(driver, energies, same[0] if same else None, arrays[options.observable])
        wrong.append(
            f"--members: none equals --driver {options.driver}, nor does their mean; give the whole "
            "committee with the driving member among them, all evaluated on the same stored frames"
        )
    mistakes = "1 mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
    raise InputFailure("\n".join([*wrong, f"{mistakes}; nothing was written"]))


def _as_series(array: Floats, is_observable: bool) -> Floats:
    """Energies (T, 1) as (T,), and an observable of one number a frame, (T,), as (T, 1)."""
    if is_observable:
        return array[:, None] if array.ndim == 1 else array
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _is_mean(driver: Floats, energies: Floats) -> bool:
    """True where the committee's mean drove the MD: energies agree but for the rounding of stored numbers."""
    return bool(np.allclose(driver, energies.mean(axis=0), rtol=MEAN_ROUNDING, atol=0.0))


def _numbers_wrong(options: argparse.Namespace) -> Iterator[str]:
    for name in ("temperature", "alpha", "tolerance", "frame_every"):
        value = getattr(options, name)
        if value is not None and not LEAST <= value <= MOST:
            yield f"--{name.replace('_', '-')}: received {value:g}, expected {LEAST:g} to {MOST:g}"
    for path in (member for member, times in Counter(options.members).items() if times > 1):
        yield f"--members: {path} is given more than once"
    if options.blocks < 2:
        yield f"--blocks: received {options.blocks}, expected at least 2"


def _near(path: Path) -> str:
    """A file beside a missing one with nearly its name."""
    if path.exists() or not path.parent.is_dir():
        return ""
    near = difflib.get_close_matches(path.name, [file.name for file in path.parent.glob("*.npy")], 1)
    return f"; did you mean `{path.parent / near[0]}`?" if near else ""


def _shapes_wrong(options: argparse.Namespace, arrays: dict[Path, Floats]) -> list[str]:
    """The number of frames is the length of --driver; without that file, of the observable."""
    observable, driver = arrays.get(options.observable), arrays.get(options.driver)
    wrong = []
    frames: int | str = "frames"
    if driver is not None and driver.ndim == 1:
        frames = len(driver)
    elif observable is not None and observable.ndim == 2:
        frames = len(observable)
    for path in dict.fromkeys([options.driver, *options.members]):
        if path in arrays and (arrays[path].ndim != 1 or frames not in ("frames", len(arrays[path]))):
            wrong.append(f"{path}: received shape {arrays[path].shape}, expected ({frames},)")
    if observable is not None and (
        observable.ndim != 2 or len(observable) != frames or 0 in observable.shape
    ):
        frames = frames or "frames"
        hint = "; transposed?" if observable.ndim == 2 and observable.shape[1] == frames else ""
        wrong.append(
            f"{options.observable}: received shape {observable.shape}, expected ({frames}, bins) or "
            f"({frames},){hint}"
        )
    if isinstance(frames, int) and frames < max(2, options.blocks):
        wrong.append(f"{options.driver}: {frames} frames do not fill {options.blocks} blocks (--blocks)")
    return wrong


def compute(arrays: Arrays, options: argparse.Namespace) -> dict[str, Any]:
    """The content of reweight.json."""
    frames = len(arrays.driver)
    h = reduced(arrays.energies, arrays.driver, options.temperature)
    weights = Weights.of(frames, options.blocks, np.arange(frames), h)
    sums = weights.sums([{"n": arrays.observable}])["n"]
    average, error = reweighted(weights, sums), bootstrap(weights, sums)
    used = weights.blocks * weights.length
    qualities = {member: quality(row[:used]) for member, row in enumerate(h)}
    others = {member: value for member, value in qualities.items() if member != arrays.place}
    members = [
        {
            "member": member, "file": options.members[member].name, "driving": member == arrays.place,
            **(value.described() if member != arrays.place else DRIVER), **_profiles(average, error, member),
        }
        for member, value in qualities.items()
    ]  # fmt: skip
    return {
        "frames": used,
        "temperature_K": options.temperature,
        "alpha": options.alpha,
        "bootstrap": {
            "blocks": options.blocks,
            "block_frames": weights.length,
            "draws": error.draws,
            "seed": 0,
        },
        "driving_member": arrays.place,
        "members": members,
        "driven_by": "mean of the members" if arrays.place is None else f"member {arrays.place}",
        "bands": _bands(average, error, options.alpha),
        "notes": _notes(average, error, frames - used, options) + _short(others, weights.length),
        "advice": _advice(others, average, error, used, options),
        "next_member": advice.next_member(others),
    }


def _profiles(average: Reweighted, error: Sampling, member: int) -> dict[str, list[float]]:
    columns = {
        "cea": average.cea[member], "se_cea": error.cea[member], "low_cea": error.interval[0, member],
        "high_cea": error.interval[1, member], "direct": average.direct[member],
        "se_direct": error.direct[member],
    }  # fmt: skip
    return {name: values.tolist() for name, values in columns.items()}


def _bands(average: Reweighted, error: Sampling, alpha: float | None) -> dict[str, list[float | None]]:
    """Centre lines, and the sampling and the training error apart and combined.

    sigma: without sampling noise, None where members differ by no more than that; sigma_observed: with it.
    training: α·σ, without α Student's factor times σ; combined: without it where σ is None.
    """
    sigma, limits = error.spread.determined, error.spread.limits
    training = sigma * band_factor(alpha, average.cea.shape[-2])
    columns = {
        "driving_member": average.driving, "se_driving_member": error.driving,
        "mean": average.mean, "se_mean": error.mean,
        "sigma": sigma, "sigma_low": limits[0], "sigma_high": limits[1], "sigma_observed": average.sigma,
        "sampling_2se": 2 * error.driving, "training": training,
        "combined": combined(error.driving, np.nan_to_num(training)),
    }  # fmt: skip
    return {name: [number(value) for value in values] for name, values in columns.items()}


def _notes(average: Reweighted, error: Sampling, dropped: int, options: argparse.Namespace) -> list[str]:
    notes = []
    if dropped:
        notes.append(f"{dropped} frames after the last whole block were dropped.")
    negative = int(((average.cea < 0) & (average.driving >= 0)).any(axis=0).sum())
    if negative:
        notes.append(f"In {negative} bins CEA is negative; the values are not clipped.")
    lost = int(np.isnan(error.spread.determined).sum())
    if lost:
        notes.append(
            f"In {lost} of {len(average.mean)} bins members differ by no more than their sampling noise: "
            "σ is not determined there (`sigma` null; `sigma_high` is its upper limit)."
        )
    if options.alpha is None:
        factor = band_factor(None, average.cea.shape[-2])
        notes.append(
            f"The committee's spread is not calibrated (no --alpha): the training band is {factor:.3g} σ, "
            f"Student's t for M = {average.cea.shape[-2]} members."
        )
    return notes


def _short(qualities: dict[int, Quality], block: int) -> list[str]:
    """Blocks shorter than the autocorrelation time of h make every error too small."""
    longest = max((value.inefficiency for value in qualities.values()), default=1.0)
    if longest <= block:
        return []
    return [
        f"autocorrelation time of h, {longest:.0f} frames, exceeds the block length {block} frames: use "
        "longer runs or fewer --blocks."
    ]


def _advice(
    qualities: dict[int, Any], average: Reweighted, error: Sampling, frames: int, options: argparse.Namespace
) -> list[str]:
    tolerance = options.tolerance or advice.RELATIVE_TOLERANCE * float(np.abs(average.driving).max())
    widest = np.maximum(error.driving, error.mean) if advice.in_reach(qualities) else error.driving
    name, factor = options.observable.name, band_factor(options.alpha, average.cea.shape[-2])
    kinds = advice.about_kinds(name, 2 * error.driving, error.mean_spread, factor, qualities)
    sentences = [advice.about_members(qualities), kinds]
    if tolerance > 0:
        sentences.append(advice.about_length(name, frames, widest, tolerance, options.frame_every))
    return [sentence for sentence in sentences if sentence]

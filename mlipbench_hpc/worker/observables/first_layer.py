"""Numbers of the first layer: mean cos θ, height of the density's peak, density there."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from mlipbench_hpc.analysis import layer, peaks
from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.analysis.onepass import BlockSums, ProfileAverages
from mlipbench_hpc.analysis.pieces import errors, of_statistic
from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.dynamics import Motion, motion_of
from mlipbench_hpc.worker.observables.profiles import block_sums
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.profiles import layered
from mlipbench_hpc.worker.series import averaged

PART, ROOM, FILE = "profiles", "first_layer", "first_layer.npz"
PEAK = (
    "First peak: first maximum of the water density from the metal, of at least a tenth of the layer's "
    "highest density, below which the density falls by more than two standard errors; not given where a "
    "maximum more than 0.6 Å away agrees with it within two standard errors (ambiguous)."
)
FIT = (
    "Its position and density are those of a Gaussian fitted to bins within 0.6 Å, without the averaging "
    "over a bin, so that the density may exceed that of every bin. In bins up to 0.3 Å the bias is below "
    "1 % of a Gaussian; a peak that falls off slowly (skew normal of shape 4 and width 0.3 Å, bins of 0.25 "
    "Å) is placed 0.03 to 0.09 Å too far out and its density up to 15 % too low, which is not in the error."
)


def of_layer(name: str, title: str, symbol: str, unit: str, order: int, definition: str = "") -> Observable:
    """Observable of a number of the first layer, which is not drawn."""
    return Observable(
        name, title, symbol, unit, definition=definition, path=(PART, ROOM, name), needs=("slab", "water"),
        blocks="jackknife over blocks", compared="interface", reweighted=True, order=order,
    )  # fmt: skip


OBSERVABLES = [
    replace(
        of_layer(
            layer.COSINE, "⟨cos θ⟩ of the first layer", "⟨cos θ⟩", "", 60,
            "First layer: 0 < z ≤ 4.5 Å above the surface; ⟨cos θ⟩ is the mean over its molecules.",
        ),
        file=FILE, column=layer.COSINE,
    ),
    of_layer(layer.PEAK_Z, "position of the first peak", "z", "Å", 80, PEAK),
    of_layer(layer.PEAK_DENSITY, "density at the first peak", "ρ", "g/cm³", 81, FIT),
]  # fmt: skip


def start(run: Run) -> Finish | None:
    """Ask for the profiles' sums where there is a surface, and for the layer's series."""
    if not run.interface.faces:
        return None
    with suppress(ValueError):
        return partial(finish, run, run.shared(block_sums), run.shared(motion_of))
    return partial(finish, run, run.shared(block_sums), None)


def finish(run: Run, sums: BlockSums, motion: Motion | None) -> Produced:
    """Write first_layer.npz: time_ps (T,) and cosine (T,), whose mean is the layer's ⟨cos θ⟩."""
    numbers = first_layer(sums.profiler, sums.averages)
    if words := peaks.ambiguity(sums.profiler.z, layered(sums.averages.means)):
        run.notes.say(words)
    cosines = motion.cosines if motion else np.full(1, np.nan)
    if np.isfinite(cosines).all():
        numbers[layer.COSINE] |= _error(cosines, numbers[layer.COSINE]["se_blocks"], run.blocks)
        with writing(run.context.folder / FILE) as stream:
            np.savez(stream, allow_pickle=False, time_ps=run.stretch.times, **{layer.COSINE: cosines})
    return Produced({ROOM: numbers}, [with_bins(own, sums.profiler.width) for own in OBSERVABLES])


def with_bins(observable: Observable, width: float) -> Observable:
    """The observable; of the peak's density the definition also says the width (Å) of the profile's bins."""
    if observable.name != layer.PEAK_DENSITY:
        return observable
    return replace(observable, definition=f"{observable.definition} Bins here: {width:g} Å.")


def _error(cosines: Floats, jackknifed: float | None, blocks: int) -> dict[str, float | None]:
    """Larger of the blocks' error and that of the autocorrelation."""
    average = averaged(series_average(cosines, blocks))
    both = [error for error in (jackknifed, average["se"]) if error is not None]
    error = {"se": max(both, default=None), "se_blocks": jackknifed}
    return {name: average[name] for name in ("se_autocorrelation", "dof")} | error


def first_layer(interface: Profiler, averages: ProfileAverages) -> dict[str, dict[str, float | None]]:
    """Mean of each number of the first layer, with the larger of two standard errors and its degrees.

    From blocks (jackknife) and from the autocorrelation of its pieces. The peak is fitted around one height
    in all of them (`analysis.peaks`).
    """
    blocks = layered(averages.means)
    around = peaks.centre(interface.z, blocks)

    def numbers(profiles: Floats) -> Floats:
        return peaks.first_layer(interface.z, profiles, around)

    means, own = jackknife(blocks, numbers)
    both = errors(own, of_statistic(layered(averages.parts), averages.lengths, numbers))
    dof = np.maximum(1.0, np.fmin(len(blocks), both.independent) - 1)
    names = ("mean", "se", "se_blocks", "se_autocorrelation", "dof")
    rows = zip(means, both.larger, both.blocks, both.correlated, dof, strict=True)
    return {
        name: dict(zip(names, map(number, row), strict=True))
        for name, row in zip(layer.NAMES, rows, strict=True)
    }


FAMILY = Family(PART, 30, start)

"""Weighted block sums of a run, from which averages of every committee member follow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mlipbench_hpc.analysis import rdf
from mlipbench_hpc.analysis.onepass import BlockSums, feed
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION, Samples
from mlipbench_hpc.analysis.resampling import Weights
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.worker.framewise import FrameSums
from mlipbench_hpc.worker.observables import first_layer, ion_heights, outside, profiles, total_orientation
from mlipbench_hpc.worker.observables.rdf import observable as radial_distribution
from mlipbench_hpc.worker.observables.rdf import species
from mlipbench_hpc.worker.observing import Run, watched

SQUARE = "square of P_z"


@dataclass(frozen=True)
class Curve:
    """An observable along x (B,), and its weighted block sums (N, K, B)."""

    observable: Observable
    x: Floats
    sums: Floats


@dataclass(frozen=True)
class Sums:
    """Weighted block sums of a run: of curves, and of averages (N, K, 1) by name of a single number.

    interface: profiles, from which the numbers of the first layer follow; None without a slab. numbers: the
    observables that are single numbers.
    """

    curves: list[Curve]
    averages: dict[str, Floats]
    interface: BlockSums | None
    numbers: list[Observable]


def summed(run: Run, weights: Weights) -> Sums:
    """Sums of profiles and P_z with a slab, or g(r) without, and of outside packages: from one reading.

    g(r) needs a reading of its own.
    """
    interface = outside.interface_of(run)
    surface = interface is not None and bool(interface.faces)
    own = BlockSums(interface, weights.rows, weights.blocks) if interface and surface else None
    foreign = foreign_sums(run, weights)
    if takers := [sums.add for sums in (own, foreign) if sums is not None]:
        feed(watched(run.context, run.stretch), takers)
    curves = of_profiles(own) if own else radial(run, weights)
    averages, numbers = of_interface(own, weights) if own else ({}, [])
    if foreign is not None:
        curves += of_packages(foreign)
        averages |= {name: foreign.sums[name] for name in foreign.series}
        numbers += [framewise.described for framewise in foreign.framewise if not framewise.bins]
    places = [replace(observable, file="", path=("scalars", observable.name)) for observable in numbers]
    return Sums(curves, averages, own, places)


def of_interface(own: BlockSums, weights: Weights) -> tuple[dict[str, Floats], list[Observable]]:
    """Weighted block sums of P_z and of its square, and the single numbers of an interface."""
    dipole = own.dipole[:, None]
    heights = [ion_heights.observable(symbol, 90 + place) for place, symbol in enumerate(own.profiler.ions)]
    numbers = [total_orientation.OBSERVABLE, total_orientation.WIDTH, *first_layer.OBSERVABLES, *heights]
    return weights.sums([{TOTAL_ORIENTATION: dipole, SQUARE: dipole**2}]), numbers


def of_packages(foreign: FrameSums) -> list[Curve]:
    """Every curve of packages outside this one."""
    curves = [framewise for framewise in foreign.framewise if framewise.bins]
    return [
        Curve(framewise.described, np.array(framewise.bins), foreign.sums[framewise.observable.name])
        for framewise in curves
    ]


def foreign_sums(run: Run, weights: Weights) -> FrameSums | None:
    """Sums of observables from packages outside this one; None where there are none."""
    if not run.parameters.get("observables"):
        return None
    return FrameSums(*outside.usable(run), weights.rows, weights.blocks, run.notes.say)


def of_profiles(own: BlockSums) -> list[Curve]:
    """Every profile that can be reweighted."""
    z, sums = own.profiler.z, own.sums
    observables = [observable for observable in profiles.observables(own.profiler) if observable.reweighted]
    return [Curve(observable, z, sums[observable.name]) for observable in observables]


def radial(run: Run, weights: Weights) -> list[Curve]:
    """g(r) of all pairs of species that the campaign names and the run contains."""
    parameters, cells = run.parameters["rdf"], run.stretch.cells
    allowed = rdf.largest_radius(cells) if np.linalg.det(cells).all() else 0.0
    r_max, width = min(parameters["r_max"], allowed), parameters["bin"]
    if r_max < width:
        run.notes.say("no slab, and the cell leaves no whole bin for g(r): nothing is reweighted")
        return []
    pairs = [tuple(pair) for pair in parameters["pairs"]]
    groups = {pair: atoms for pair in pairs if (atoms := species(run.stretch.trajectory, pair))}
    if not groups:
        return []
    observables = {radial_distribution(pair, 50 + place): groups[pair] for place, pair in enumerate(groups)}
    named = {observable.name: atoms for observable, atoms in observables.items()}
    sums = weights.sums(radial_samples(run, named, r_max, width))
    r = (np.arange(int(r_max / width + 1e-9)) + 0.5) * width
    return [Curve(observable, r, sums[observable.name]) for observable in observables]


def radial_samples(
    run: Run, groups: dict[str, tuple[Ints, Ints]], r_max: float, width: float
) -> Iterator[Samples]:
    """Each frame's own g(r) (f, B) by name, piece by piece; r_max and width of bins in Å."""
    size = min(rdf.frames_at_once(*pair) for pair in groups.values())
    cells = run.stretch.cells
    for part, positions in run.stretch.positions(size):
        run.context.check()
        yield {
            name: rdf.samples(positions, cells[part], *pair, r_max, width) for name, pair in groups.items()
        }

"""`python -m mlipbench_hpc.worker.analyse_files request.json`: `mlipbench analyse` in its environment."""

import itertools
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.onepass import BlockSums, ProfileAverages, feed
from mlipbench_hpc.analysis.pieces import PIECES
from mlipbench_hpc.analysis.profiles import ORIENTATION, Profiler
from mlipbench_hpc.analysis.slab import Slab, atomic_numbers_of
from mlipbench_hpc.analysis.waters import OXIDE
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.printing import WhileRead
from mlipbench_hpc.contract.task import EXIT_OF_FAILURE, InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.dynamics import Motion, spacing
from mlipbench_hpc.worker.foreign.trajectory import Foreign, open_foreign
from mlipbench_hpc.worker.observables import dipole_correlation, profiles, survival, total_orientation
from mlipbench_hpc.worker.observables.faces import BY_FACE, by_face, tell_unlike
from mlipbench_hpc.worker.observables.first_layer import first_layer
from mlipbench_hpc.worker.observables.profiles import described, tell, tell_absences, write_profiles
from mlipbench_hpc.worker.observing import descriptors
from mlipbench_hpc.worker.profiles import FROZEN, SAMPLE
from mlipbench_hpc.worker.series import summary
from mlipbench_hpc.worker.stretch import ATOMS_AT_ONCE, Notes, whole, write_csv

FEWEST = 2  # blocks, each of one frame at least
NO_SURFACE = "none: z is from the origin of the cell, densities alone"


class Shorter(Exception):
    """Error: the trajectory holds fewer whole frames than its headers state."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.frames = frames


def main(arguments: list[str]) -> int:
    """Run the request; returns 0, or 65 after one sentence on stderr."""
    sys.unraisablehook = lambda _: None  # MDAnalysis readers of broken files raise once more in __del__
    request = read_json(Path(arguments[0]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MDAnalysis, on masses and the like, which are not used here
            lines = analyse(request, open_foreign(request))
        with WhileRead():
            print("\n".join(lines))
        return 0
    except InputFailure as error:
        message = str(error)
        for link, path in request["shown"].items():
            message = message.replace(link, path)
        print(message, file=sys.stderr)
        return EXIT_OF_FAILURE["input"]


@dataclass
class Averages:
    """Sums over blocks, times (T,) ps or (0,), and the first layer's motion."""

    sums: BlockSums
    times: Floats
    motion: Motion | None

    @property
    def profiler(self) -> Profiler:
        """Surface, waters and ions of the first frame."""
        return self.sums.profiler

    @cached_property
    def profiles(self) -> ProfileAverages:
        """Averages of profiles, symmetrised over two faces."""
        return self.sums.averages

    @property
    def dipole(self) -> Floats:
        """P_z (T,)."""
        return self.sums.dipole


def analyse(request: dict[str, Any], source: Foreign) -> list[str]:
    """Write analysis.json, CSV of profiles, P_z and dynamics into request["out"]; returns lines to print."""
    notes = Notes(list(source.warnings))
    averages, frames = averaged_over_whole_frames(request, source)
    if source.truncated:
        notes.say(f"{', '.join(source.truncated)} is truncated: {frames} whole frames are read")
    out, after_skip = Path(request["out"]), frames - request["skip"]
    used = whole(after_skip, request["blocks"])
    observables = profiles.observables(averages.profiler, averages.profiles.means)
    write_profiles(out / "profiles.csv", averages.profiler, averages.profiles, notes)
    notes.dropped(after_skip - used)
    tell(averages.profiler, notes, request["skip"])
    tell_absences(averages.sums, notes, averages.times, request["skip"])
    interface = described(averages.profiler, " ".join(request["surface"]))
    if faces := by_face(out, averages.profiler, averages.sums.face_averages, notes):
        interface[BY_FACE] = faces
        tell_unlike(averages.profiler, faces, notes)
    values: dict[str, Any] = {
        "trajectory": source.name, "format": source.contents[0].format,
        "frames": used, "skipped": request["skip"],
        "dropped": after_skip - used, "blocks": request["blocks"],
        "atoms": len(source.numbers), "cell_A": source.cell.tolist(),
        "metal": " ".join(request["surface"]), "profiles": interface,
    }  # fmt: skip
    if ORIENTATION in averages.profiles.means:
        values["first_layer"] = first_layer(averages.profiler, averages.profiles)
        values["total_orientation"] = write_total_orientation(out, request, averages, notes)
        values["dynamics"] = write_dynamics(out, averages, notes)
        observables.append(
            replace(total_orientation.OBSERVABLE, file="total_orientation.csv", path=("total_orientation",))
        )
    if "ions" in values.get("dynamics", {}):
        observables += [dipole_correlation.OBSERVABLE, survival.OBSERVABLE]
    values["descriptors"] = descriptors(observables)
    values["notes"] = notes.warnings
    values["doubts"] = doubts(averages.profiler, request["surface"])
    values["found"] = summary_of(source, averages.profiler, request, used, averages.times)
    write_json(out / "analysis.json", values)
    return [*values["found"], *notes.warnings]


def averaged_over_whole_frames(request: dict[str, Any], source: Foreign) -> tuple[Averages, int]:
    """Averages, and number of whole frames in the files. InputFailure for molecules at one point."""
    try:
        return averaged(request, source, source.expected), source.expected
    except Shorter as short:
        return averaged(request, source, short.frames), short.frames
    except ZeroDivisionError as error:
        reason = source.coincidence() or f"{source.path}: a water molecule has no direction"
        raise InputFailure(reason) from error


def doubts(interface: Profiler, metals: list[str]) -> list[str]:
    """Doubts that these are numbers of an interface, in words; the command then ends with 1."""
    intact = len(interface.waters.intact)
    oxygens = len(interface.waters.oxygens) - len(interface.waters.kinds[OXIDE])
    lines = list(interface.surface.doubts)
    if not interface.faces:
        lines.append(f"there is no {' or '.join(metals)} in it, so no surface: check --surface")
    if 2 * intact < oxygens:
        lines.append(
            f"{intact} of {oxygens} oxygens outside the slab are intact water in the first frame, fewer than "
            "half: check elements, cell and unit of length"
        )
    return lines


def write_total_orientation(
    out: Path, request: dict[str, Any], averages: Averages, notes: Notes
) -> dict[str, Any]:
    """Write total_orientation.csv, P_z frame by frame; returns its summary."""
    counted = {"frame": range(request["skip"], request["skip"] + len(averages.dipole))}
    timed = {"time_ps": averages.times} if len(averages.times) else {}
    write_csv(out / "total_orientation.csv", counted | timed | {"P_z": averages.dipole})
    return summary(total_orientation.OBSERVABLE.name, averages.dipole, request["blocks"], notes)


def write_dynamics(out: Path, averages: Averages, notes: Notes) -> dict[str, Any]:
    """Write C_dip and P_surv; returns the summary of ions, or the reason why there are none."""
    if averages.motion is None:
        reason = "the file says no times; pass --frame-every PS"
    else:
        try:
            rounding = 2 * float(np.spacing(np.float32(averages.times[-1])))
            averages.motion.step = spacing(averages.times, rounding)
            averages.motion.write(out)
            return averages.motion.summary(notes)
        except ValueError as error:
            reason = f"{error}; pass a stretch without gaps"
    notes.say(f"no dynamics of the first layer: {reason}")
    return {"skipped": reason}


def averaged(request: dict[str, Any], source: Foreign, frames: int) -> Averages:
    """Averages over the whole blocks of `frames` minus the skipped ones.

    Raises InputFailure where no block is whole, Shorter where the file ends before `frames`.
    """
    skip, used = request["skip"], whole(frames - request["skip"], request["blocks"])
    if used <= 0:
        raise InputFailure(f"{source.path}: {too_few(frames, skip, request['blocks'])}")
    pieces = used_pieces(source, skip, skip + used, frames)
    first = next(pieces)
    observed = profiler(request, source, first)
    times = np.zeros(0) if source.times is None else source.times[skip : skip + used]
    step = request["frame_every"] or interval(times)
    motion = Motion(observed, request, used, step, request["blocks"]) if observed.faces and step else None
    sums = BlockSums(observed, np.broadcast_to(1.0, (1, used)), request["blocks"], PIECES)
    positions = itertools.chain([first], pieces)
    feed(positions, [sums.add, *([motion.add] if motion else [])], request["threads"])
    return Averages(sums, times, motion)


def too_few(frames: int, skip: int, blocks: int) -> str:
    """Reason why so many frames fill no blocks, and next step, in words."""
    content = f"it holds {frames} whole frame{'s' * (frames != 1)}" + f", {skip} skipped" * bool(skip)
    if frames - skip >= FEWEST:
        return f"{content}, which do not fill {blocks} blocks; pass --blocks {FEWEST} to {frames - skip}"
    if frames >= FEWEST:
        return f"{content}; {FEWEST} or more must be left for standard errors; pass a smaller --skip"
    return f"{content}, expected {FEWEST} or more for standard errors; pass a longer trajectory"


def interval(times: Floats) -> float | None:
    """Interval in ps between frames (T,); None where their times do not give one."""
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    return float((times[-1] - times[0]) / (len(times) - 1))


def used_pieces(source: Foreign, skip: int, stop: int, frames: int) -> Iterator[NDArray[np.floating]]:
    """Positions of frames `skip` to `stop` in pieces; raises Shorter where the file ends before `frames`."""
    seen = 0
    for piece in source.pieces(max(1, ATOMS_AT_ONCE // len(source.numbers))):
        part = piece.positions[max(0, skip - seen) : max(0, stop - seen)]
        seen += len(piece.positions)
        if len(part):
            yield part
    if seen < frames:
        raise Shorter(seen)


def profiler(request: dict[str, Any], source: Foreign, first: NDArray[np.floating]) -> Profiler:
    """Profiler of the first used frames (F, N, 3) Å; InputFailure where nothing can be profiled."""
    elements = tuple(atomic_numbers_of(request["surface"]))
    slab = Slab(elements, tuple(request["layer_atoms"]), request["face"])
    some = first[np.unique(np.linspace(0, len(first) - 1, SAMPLE).round().astype(np.int64))]
    try:
        profiler = Profiler.of(
            source.numbers, some, source.cell, slab, request["bin"], request["assignment"] == FROZEN
        )
    except ValueError as error:
        raise InputFailure(f"{source.path}: {error}") from error
    if request["ions"]:
        profiler.ions = {
            symbol: atoms
            for symbol, atoms in profiler.ions.items()
            if symbol in request["ions"] or symbol in request["surface"]
        }
    return profiler


def summary_of(
    source: Foreign, observed: Profiler, request: dict[str, Any], used: int, times: Floats
) -> list[str]:
    """Summary in words of the frames, cell, surface and molecules read."""
    counts = np.unique(source.numbers, return_counts=True)
    formula = " ".join(f"{chemical_symbols[z]}{n}" for z, n in zip(*counts, strict=True))
    span = f", {times[0]:g} to {times[-1]:g} ps" if len(times) else "; the file says no times"
    edges = ", ".join(f"{value:.3f}" for value in source.cell[np.tril_indices(3)])
    present = {chemical_symbols[z] for z in counts[0]}
    absent = [symbol for symbol in request["surface"] if symbol not in present]
    ions = [f"{len(atoms)} {symbol}" for symbol, atoms in observed.ions.items()]
    inside = observed.molecules
    outside = observed.waters.left_out - sum(group.oxygens(source.numbers) for group in inside.values())
    missing = absent + [symbol for symbol in request["ions"] if symbol not in observed.ions]
    lines = [
        f"{used} frames of {len(source.numbers)} atoms ({formula}){span}",
        *source.facts,
        f"cell, lower triangle: {edges} Å" + (" (as given)" if source.cell_from_request else ""),
        f"surface: {'; '.join(observed.surface.facts) or NO_SURFACE}",
        f"{len(observed.waters.intact)} intact water molecules, {outside} other oxygens",
        *molecules_in_words(observed, source.numbers),
        f"ions: {', '.join(ions) or 'none'}{' (single atoms, with no covalent partner)' * bool(inside)}",
    ]
    if missing:
        form = " as single atoms" * bool(inside)
        lines.append(f"requested, but absent from the file{form}: {', '.join(missing)}")
    return lines


def molecules_in_words(observed: Profiler, numbers: Ints) -> list[str]:
    """Line of the molecules other than water, with their oxygens; [] where there are none."""
    parts = []
    for formula, group in observed.molecules.items():
        oxygens = group.oxygens(numbers)
        words = f" with {oxygens} oxygen{'s' * (oxygens > 1)}" if oxygens else ""
        parts.append(f"{len(group.centres)} {formula}{words}")
    return [f"other molecules, by covalent bonds in the first frame: {', '.join(parts)}"] if parts else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m mlipbench_hpc.worker.by_hand request.json`: what `mlipbench analyse` starts in `analysis`."""

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.onepass import BlockSums, feed
from mlipbench_hpc.analysis.profiles import ORIENTATION, Profiler, Samples
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.printing import WhileRead
from mlipbench_hpc.contract.task import EXIT_OF_FAILURE, InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.dynamics import Motion, spacing
from mlipbench_hpc.worker.foreign import Foreign, open_foreign
from mlipbench_hpc.worker.observables import dipole_correlation, profiles, survival, total_orientation
from mlipbench_hpc.worker.observables.first_layer import first_layer
from mlipbench_hpc.worker.observables.profiles import columns, described, tell
from mlipbench_hpc.worker.observing import descriptors
from mlipbench_hpc.worker.readers import Piece
from mlipbench_hpc.worker.series import summary
from mlipbench_hpc.worker.stretch import ATOMS_AT_ONCE, Notes, whole, write_csv

FEWEST = 2  # blocks, of a frame each


class Shorter(Exception):
    """The trajectory holds fewer whole frames than it says."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.frames = frames


def main(arguments: list[str]) -> int:
    """0, or 65 and one sentence on stderr."""
    sys.unraisablehook = lambda _: None  # MDAnalysis' readers of broken files complain once more when they go
    request = read_json(Path(arguments[0]))
    try:
        said = "\n".join(analyse(request, open_foreign(request)))
        with WhileRead():
            print(said)
        return 0
    except InputFailure as error:
        said = str(error)
        for link, path in request["shown"].items():
            said = said.replace(link, path)
        print(said, file=sys.stderr)
        return EXIT_OF_FAILURE["input"]


@dataclass
class Averages:
    """Block means (blocks, B) of profiles, P_z (T,), times (T,) ps or (0,), and the first layer's motion."""

    profiler: Profiler
    means: Samples
    dipole: Floats
    times: Floats
    motion: Motion | None


def analyse(request: dict[str, Any], source: Foreign) -> list[str]:
    """Writes analysis.json, CSV of profiles, P_z and dynamics into the asked folder; returns what to say."""
    frames, notes = source.expected, Notes()
    try:
        found = averaged(request, source, frames)
    except Shorter as short:
        frames = short.frames
        found = averaged(request, source, frames)
    if source.more or source.ends or frames < source.expected:
        notes.say(f"{source.path.name} is truncated: it holds {frames} whole frames")
    out, kept = Path(request["out"]), frames - request["skip"]
    used = whole(kept, request["blocks"])
    observables = profiles.observables(found.profiler)
    write_csv(out / "profiles.csv", {"z_A": found.profiler.z} | columns(observables, found.means))
    notes.dropped(kept - used)
    tell(found.profiler, notes)
    values: dict[str, Any] = {
        "trajectory": source.path.name, "format": source.format, "frames": used, "skipped": request["skip"],
        "dropped": kept - used, "blocks": request["blocks"],
        "atoms": len(source.numbers), "cell_A": source.cell.tolist(),
        "metal": request["surface"], "profiles": described(found.profiler, request["surface"]),
    }  # fmt: skip
    if ORIENTATION in found.means:
        values["first_layer"] = first_layer(found.profiler, found.means)
        values["dipole"] = write_dipole(out, request, found, notes)
        values["dynamics"] = write_dynamics(out, found, notes)
        observables.append(replace(total_orientation.OBSERVABLE, file="dipole.csv", path=("dipole",)))
    if "ions" in values.get("dynamics", {}):
        observables += [dipole_correlation.OBSERVABLE, survival.OBSERVABLE]
    values["descriptors"] = descriptors(observables)
    values["notes"] = notes.warnings
    values["found"] = said_of(source, found.profiler, request, used, found.times)
    write_json(out / "analysis.json", values)
    return [*values["found"], *notes.warnings]


def write_dipole(out: Path, request: dict[str, Any], found: Averages, notes: Notes) -> dict[str, Any]:
    """dipole.csv, P_z frame by frame; returns its summary."""
    counted = {"frame": range(request["skip"], request["skip"] + len(found.dipole))}
    timed = {"time_ps": found.times} if len(found.times) else {}
    write_csv(out / "dipole.csv", counted | timed | {"P_z": found.dipole})
    return summary(total_orientation.OBSERVABLE.name, found.dipole, request["blocks"], notes)


def write_dynamics(out: Path, found: Averages, notes: Notes) -> dict[str, Any]:
    """C_dip, P_surv, and what is to say of ions; in words why there is none."""
    if found.motion is None:
        reason = "the file says no times; pass --frame-every PS"
    else:
        try:
            found.motion.step = spacing(found.times, 2 * float(np.spacing(np.float32(found.times[-1]))))
            found.motion.write(out)
            return found.motion.summary(notes)
        except ValueError as error:
            reason = f"{error}; pass --frame-every PS if they are"
    notes.say(f"no dynamics of the first layer: {reason}")
    return {"skipped": reason}


def averaged(request: dict[str, Any], source: Foreign, frames: int) -> Averages:
    """Of the whole blocks of `frames` less those skipped.

    Raises InputFailure where there are none, Shorter where the file ends before `frames`.
    """
    skip, used = request["skip"], whole(frames - request["skip"], request["blocks"])
    if used <= 0:
        raise InputFailure(f"{source.path}: {too_few(frames, skip, request['blocks'])}")
    read = used_pieces(source, skip, skip + used, frames)
    first = next(read)
    # Two frames say how far apart they are.
    begin = [first] if len(first.positions) > 1 else [first, next(read)]
    made = profiler(request, source, first.positions[0])
    step = request["frame_every"] or interval(begin)
    motion = Motion(made, request, used, step, request["blocks"]) if made.faces and step else None
    sums, times = BlockSums(made, np.broadcast_to(1.0, (1, used)), request["blocks"]), list[Floats]()

    def watched() -> Iterator[NDArray[np.floating]]:
        for piece in itertools.chain(begin, read):
            if piece.times is not None:
                times.append(piece.times)
            yield piece.positions

    feed(watched(), [sums.add, *([motion.add] if motion else [])], request["threads"])
    given, said = request["frame_every"], np.concatenate([*times, np.zeros(0)])
    said = (skip + np.arange(used)) * given if given else said
    return Averages(made, sums.means, sums.dipole, said, motion)


def too_few(frames: int, skip: int, blocks: int) -> str:
    """Why so many frames fill no blocks, and what to do."""
    held = f"it holds {frames} whole frame{'s' * (frames != 1)}" + f", {skip} skipped" * bool(skip)
    if frames - skip >= FEWEST:
        return f"{held}, which do not fill {blocks} blocks; pass --blocks {FEWEST} to {frames - skip}"
    if frames >= FEWEST:
        return f"{held}; {FEWEST} or more must be left for standard errors; pass a smaller --skip"
    return f"{held}, expected {FEWEST} or more for standard errors; pass a longer trajectory"


def interval(pieces: list[Piece]) -> float | None:
    """ps between frames, of the first pieces; None where their times say nothing."""
    times = np.concatenate([piece.times for piece in pieces if piece.times is not None] or [np.zeros(0)])
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    return float((times[-1] - times[0]) / (len(times) - 1))


def used_pieces(source: Foreign, skip: int, stop: int, frames: int) -> Iterator[Piece]:
    """Frames `skip` to `stop` in pieces; raises Shorter where the file ends before `frames`."""
    seen = 0
    for piece in source.pieces(max(1, ATOMS_AT_ONCE // len(source.numbers))):
        kept = slice(max(0, skip - seen), max(0, stop - seen))
        seen += len(piece.positions)
        part = Piece(piece.positions[kept], piece.cells, None if piece.times is None else piece.times[kept])
        if len(part.positions):
            yield part
    if seen < frames:
        raise Shorter(seen)


def profiler(request: dict[str, Any], source: Foreign, first: NDArray[np.floating]) -> Profiler:
    """From the first used frame; InputFailure in words where there is nothing to profile."""
    metal = atomic_numbers[request["surface"]]
    try:
        made = Profiler.of(source.numbers, first, source.cell, metal, request["bin"])
    except ValueError as error:
        raise InputFailure(f"{source.path}: {error}") from error
    if request["ions"]:
        made.ions = {symbol: atoms for symbol, atoms in made.ions.items() if symbol in request["ions"]}
    return made


def said_of(source: Foreign, made: Profiler, request: dict[str, Any], used: int, times: Floats) -> list[str]:
    """What was found, in words."""
    counts = np.unique(source.numbers, return_counts=True)
    formula = " ".join(f"{chemical_symbols[z]}{n}" for z, n in zip(*counts, strict=True))
    span = f", {times[0]:g} to {times[-1]:g} ps" if len(times) else "; the file says no times"
    edges = ", ".join(f"{value:.3f}" for value in source.cell[np.tril_indices(3)])
    absent = [] if (source.numbers == atomic_numbers[request["surface"]]).any() else [request["surface"]]
    faces = [
        f"{'upper' if face.normal > 0 else 'lower'} face of {len(face.layer)} {request['surface']} atoms"
        for face in made.faces
    ]
    ions = [f"{len(atoms)} {symbol}" for symbol, atoms in made.ions.items()]
    missing = absent + [symbol for symbol in request["ions"] if symbol not in made.ions]
    said = [
        f"{used} frames of {len(source.numbers)} atoms ({formula}){span}",
        *source.said,
        f"cell, lower triangle: {edges} Å" + (" (as given)" if source.given else ""),
        f"surface: {' and '.join(faces) or 'none: z is from the origin of the cell, densities alone'}",
        f"{len(made.waters.intact)} intact water molecules, {made.waters.left_out} other oxygens",
        f"ions: {', '.join(ions) or 'none'}",
    ]
    return [*said, f"asked for, but not in it: {', '.join(missing)}"] if missing else said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

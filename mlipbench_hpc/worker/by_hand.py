"""`python -m mlipbench_hpc.worker.by_hand request.json`: what `mlipbench analyse` starts in `analysis`."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from mlipbench_hpc.analysis.fused import block_means
from mlipbench_hpc.analysis.profiles import ORIENTATION, Profiler, Samples
from mlipbench_hpc.contract.folder import read_json, write_bytes, write_json
from mlipbench_hpc.contract.task import EXIT_OF_FAILURE, InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.foreign import Foreign, open_foreign
from mlipbench_hpc.worker.profiles import columns, described, dipole_summary, first_layer, tell
from mlipbench_hpc.worker.stretch import ATOMS_AT_ONCE, Notes, as_csv


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
        print("\n".join(analyse(request, open_foreign(request))), flush=True)
        return 0
    except InputFailure as error:
        said = str(error)
        for link, path in request["shown"].items():
            said = said.replace(link, path)
        print(said, file=sys.stderr)
        return EXIT_OF_FAILURE["input"]


def analyse(request: dict[str, Any], source: Foreign) -> list[str]:
    """Writes analysis.json, profiles.csv and dipole.csv into the asked folder; returns what to say."""
    frames, notes = source.expected, Notes()
    try:
        made, means, series, times = averaged(request, source, frames)
    except Shorter as short:
        frames = short.frames
        made, means, series, times = averaged(request, source, frames)
    if source.more or frames < source.expected:
        notes.say(f"{source.path.name} is truncated: the last of {frames} whole frames is the last used")
    out = Path(request["out"])
    write_bytes(out / "profiles.csv", as_csv({"z_A": made.z} | columns(means)))
    used = frames - request["skip"]
    if used % request["blocks"]:
        notes.say(f"{used % request['blocks']} frames after the last whole block were dropped")
    tell(made, notes)
    values: dict[str, Any] = {
        "trajectory": source.path.name, "format": source.format, "frames": used, "skipped": request["skip"],
        "atoms": len(source.numbers), "cell_A": source.cell.tolist(), "blocks": request["blocks"],
        "metal": request["surface"], "profiles": described(made, request["surface"]),
    }  # fmt: skip
    if ORIENTATION in means:
        values["first_layer"] = first_layer(made, means)
    if len(series):
        columns_ = {"frame": np.arange(used) + request["skip"]} | ({"time_ps": times} if len(times) else {})
        write_bytes(out / "dipole.csv", as_csv(columns_ | {"P_z": series}))
        values["dipole"] = dipole_summary(series, request["blocks"])
    values["notes"] = notes.warnings
    values["found"] = found(source, made, request, used, times)
    write_json(out / "analysis.json", values)
    return [*values["found"], *notes.warnings]


def averaged(
    request: dict[str, Any], source: Foreign, frames: int
) -> tuple[Profiler, Samples, Floats, Floats]:
    """Profiler, block means, P_z (T,) and times (T,) ps or (0,), of `frames` less those skipped."""
    skip, used = request["skip"], frames - request["skip"]
    if used < request["blocks"]:
        raise InputFailure(f"{source.path}: {frames} whole frames, {skip} skipped, do not fill "
                           f"{request['blocks']} blocks; pass --blocks or --skip")  # fmt: skip
    pieces = read(source, skip, frames)
    first, _ = next(pieces)
    made = profiler(request, source, first[0])
    times: list[float | None] = []

    def watched() -> Iterator[Floats]:
        for positions, moments in read(source, skip, frames):
            times.extend(moments)
            yield positions

    means, dipole = block_means(made, watched(), used, request["blocks"])
    return made, means, dipole, np.array([time for time in times if time is not None])


def read(source: Foreign, skip: int, frames: int) -> Iterator[tuple[Floats, list[float | None]]]:
    """Pieces (f, N, 3) Å and times; raises Shorter where the file ends before `frames`."""
    size = max(1, ATOMS_AT_ONCE // len(source.numbers))
    held: list[Floats] = []
    times: list[float | None] = []
    index = -1
    for index, (positions, time) in enumerate(itertools.islice(source.frames(), frames)):
        if index >= skip:
            held.append(positions)
            times.append(time)
        if len(held) == size:
            yield np.array(held), times
            held, times = [], []
    if index + 1 < frames:
        raise Shorter(index + 1)
    if held:
        yield np.array(held), times


def profiler(request: dict[str, Any], source: Foreign, first: Floats) -> Profiler:
    """From the first used frame; InputFailure in words where there is nothing to profile."""
    metal = atomic_numbers[request["surface"]]
    try:
        made = Profiler.of(source.numbers, first, source.cell, metal, request["bin"])
    except ValueError as error:
        raise InputFailure(f"{source.path}: {error}") from error
    asked = {f"concentration-{symbol}" for symbol in request["ions"]}
    if request["ions"]:
        made.ions = {name: atoms for name, atoms in made.ions.items() if name in asked}
    return made


def found(source: Foreign, made: Profiler, request: dict[str, Any], used: int, times: Floats) -> list[str]:
    """What was found, in words."""
    counts = np.unique(source.numbers, return_counts=True)
    formula = " ".join(f"{chemical_symbols[z]}{n}" for z, n in zip(*counts, strict=True))
    span = f", {times[0]:g} to {times[-1]:g} ps" if len(times) else "; the file says no times"
    edges = ", ".join(f"{value:.3f}" for value in source.cell[np.tril_indices(3)])
    faces = [
        f"{'upper' if face.normal > 0 else 'lower'} face of {len(face.layer)} {request['surface']} atoms"
        for face in made.faces
    ]
    ions = [f"{len(atoms)} {name.removeprefix('concentration-')}" for name, atoms in made.ions.items()]
    missing = [one for one in request["ions"] if f"concentration-{one}" not in made.ions]
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

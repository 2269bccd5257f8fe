"""speed: steps of MD timed at growing numbers of atoms, until time or memory ends."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, prod
from statistics import median
from typing import Any

from mlipbench_hpc.contract.folder import newest, read_json
from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.worker import machine
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.copies import Repeats, doubled, edges, repeated
from mlipbench_hpc.worker.driving import driving_potential
from mlipbench_hpc.worker.engines.interface import DrivingPotential, Engine, Exploded
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.start import Start
from mlipbench_hpc.worker.md import start_engine

SIZES = "sizes.json"
# Energies of copies differ by rounding, and more where atoms are summed in another order.
LOOSER = 10.0
OUT_OF_MEMORY = ("out of memory", "resource_exhausted", "failed to allocate", "cannot allocate memory")
GIB = 2**30
# A call of LAMMPS takes 0.1 ms beside its steps.
CALL_COUNTS_S, MOST_AT_ONCE = 0.01, 30
Size = dict[str, Any]


def run(context: Context) -> dict[str, Any]:
    """Times in s of a step by number of atoms (`sizes`), why there are no more (`ended`), and the machine.

    Of each size: `first_s` until the first forces are there, compilation included; `warm_up_s` of steps
    before the blocks, those among them that show how many steps a block has;
    `seconds_per_step` of each block; `skin_A` beyond the cutoff in the engine's neighbour lists, None where
    it does not say. A size that ran is kept by a later attempt on the same hardware.
    """
    begin = time.perf_counter()
    start = Start.of(context)
    potential = driving_potential(context, start.system.start)
    load_s = time.perf_counter() - begin
    hardware = machine.hardware(context.parameters["device"])
    scan = Scan(context, start, potential, hardware, machine.used_bytes(), earlier_sizes(context, hardware))
    ended = scan.run()
    return {
        "sizes": scan.sizes,
        "ended": ended,
        "load_s": load_s,
        "hardware": hardware,
        "cutoff_A": context.parameters["cutoff"],
        "engine": context.parameters["engine"],
        "timestep_ps": context.parameters["timestep"],
    }


def earlier_sizes(context: Context, hardware: dict[str, Any]) -> list[Size]:
    """Sizes that an earlier attempt has timed on this hardware."""
    for _, folder, _ in context.earlier_checkpoints():
        record = read_json(folder / SIZES)
        if record and record["hardware"] == hardware:
            sizes: list[Size] = record["sizes"]
            return sizes
    return []


@dataclass
class Scan:
    """Sizes that are timed one after another. base: bytes of this process with the model loaded."""

    context: Context
    start: Start
    potential: DrivingPotential
    hardware: dict[str, Any]
    base: int
    sizes: list[Size]
    _pairs: int = field(init=False)

    def __post_init__(self) -> None:
        self._pairs = edges(self.start.system, self.context.parameters["cutoff"])

    def run(self) -> dict[str, str]:
        """Time all sizes; returns the reason of the end, in a word and in a sentence."""
        repeats: Repeats | None = (1, 1, 1)
        if self.sizes:
            a, b, c = self.sizes[-1]["repeats"]
            repeats = doubled(self.start.system, (a, b, c), self.start.wall is not None)
        while True:
            if repeats is None:
                return _end("copies", "no direction is periodic in which the start could be repeated")
            if self.sizes and (reason := self.limit(prod(repeats))):
                return reason
            if reason := self.attempt(repeats):
                return reason
            repeats = doubled(self.start.system, repeats, self.start.wall is not None)

    def limit(self, copies: int) -> dict[str, str] | None:
        """Reason not to begin so many copies, twice as many as the last; None without one."""
        most = self.context.parameters["copies"]
        if copies > most:
            return _end("copies", f"{most} copies were asked for at most")
        needed, left = self.memory(), machine.free_bytes() + machine.used_bytes()
        if needed > left:
            return _end(
                "memory", f"{copies} copies need about {needed / GIB:.1f} GiB of {left / GIB:.1f} GiB"
            )
        if self.context.smaller_by > 1:
            return _end("memory", f"an attempt with {copies} copies or more was ended for want of memory")
        needed_s, limit_s = self.seconds(), self.context.parameters["scan_time"]
        if needed_s > limit_s:
            return _end("time", f"with {copies} copies it would take {needed_s:.0f} s, above {limit_s:.0f} s")
        return None

    def memory(self) -> float:
        """Bytes that this process would need: as many more as the largest size has taken, doubled."""
        peak: int = self.sizes[-1]["peak_bytes"]
        return self.base + 2.0 * max(0, peak - self.base)

    def seconds(self) -> float:
        """Seconds of all sizes until the end of the next one, which takes twice as long for each step."""
        last, asked = self.sizes[-1], self.context.parameters
        block_s = max(asked["block_time"], 2 * median(last["seconds_per_step"]))
        following = 2 * (last["first_s"] + last["warm_up_s"]) + asked["blocks"] * block_s
        return float(sum(size["wall_s"] for size in self.sizes) + following)

    def attempt(self, repeats: Repeats) -> dict[str, str] | None:
        """Time one size and keep it; returns the reason where it cannot be timed. Size ×1 must be."""
        copies = prod(repeats)
        try:
            size = self.timed(repeats)
        except Exploded as explosion:
            if not self.sizes:
                raise TaskFailure(
                    f"the start is not stable in MD with this model: {explosion}"
                ) from explosion
            return _end("unstable", f"{copies} copies: {explosion}")
        except Exception as error:
            if not self.sizes or not is_out_of_memory(error):
                raise
            return _end("memory", f"{copies} copies: {str(error).splitlines()[0]}")
        self.sizes.append(size)
        record = json.dumps({"sizes": self.sizes, "hardware": self.hardware}).encode()
        self.context.save_checkpoint(len(self.sizes), {SIZES: record}, newest)
        self.context.progress(copies, self.context.parameters["copies"], "copies")
        return None

    def timed(self, repeats: Repeats) -> Size:
        """Size with its times."""
        self.context.check()
        begin, copies = time.perf_counter(), prod(repeats)
        start = Start(repeated(self.start.system, repeats), self.start.wall)
        load = machine.load_average()
        engine, energy, first_s = self.prepared(start)
        self.require_same(energy / copies)
        warm_up = [seconds(engine, 1) for _ in range(self.context.parameters["warm_up"])]
        steps, tried_s = self.block_length(engine, median(warm_up))
        return {
            "copies": copies,
            "repeats": list(repeats),
            "atoms": len(start.system.start),
            "mobile": len(start.system.mobile),
            "edges": copies * self._pairs,
            "skin_A": getattr(engine, "skin", None),
            "energy_eV": energy,
            "first_s": first_s,
            "warm_up_s": sum(warm_up) + tried_s,
            "steps_per_block": steps,
            "seconds_per_step": list(self.blocks(engine, steps)),
            "load_average": load,
            "peak_bytes": machine.peak_bytes(),
            "wall_s": time.perf_counter() - begin,
        }

    def block_length(self, engine: Engine, pace: float) -> tuple[int, float]:
        """Steps of a block, and seconds spent to find out; pace: s of a step that is called alone.

        Where a step is so short that the call counts, more and more steps are tried in one call: twice, for
        other work may stop one of them.
        """
        wanted = self.context.parameters["block_time"]
        steps, spent = max(1, ceil(wanted / pace)), 0.0
        while pace < CALL_COUNTS_S:
            times = [seconds(engine, steps) for _ in range(2)]
            spent += sum(times)
            if min(times) >= wanted / 2:
                break
            steps = ceil(min(steps * wanted / min(times), MOST_AT_ONCE * steps))
        return steps, spent

    def prepared(self, start: Start) -> tuple[Engine, float, float]:
        """Engine, its energy in eV at the start, and the seconds until it was known."""
        begin = time.perf_counter()
        engine = start_engine(self.context, start, self.potential)
        energy, first_s = engine.answer().energy, time.perf_counter() - begin
        if not self.sizes:
            tolerance = TOLERANCES[self.context.parameters["dtype"]]
            name = self.context.parameters["engine"]
            Parity(self.potential, start.system, name, tolerance).check(engine)
        return engine, energy, first_s

    def require_same(self, energy: float) -> None:
        """Raise TaskFailure where the energy of a copy (eV) is not that of the start: a size is wrong."""
        if not self.sizes:
            return
        first = self.sizes[0]
        limit = LOOSER * TOLERANCES[self.context.parameters["dtype"]].energy
        apart = abs(energy - first["energy_eV"]) / first["atoms"]
        if not apart <= limit:
            raise TaskFailure(
                f"energy of each of {2 * self.sizes[-1]['copies']} copies {energy:.9g} eV, "
                f"of the start alone {first['energy_eV']:.9g} eV: {apart:.2g} eV/atom apart, "
                f"limit {limit:g}; the engine does not compute systems of this size"
            )

    def blocks(self, engine: Engine, steps: int) -> Iterator[float]:
        """Seconds of a step in each block."""
        for _ in range(self.context.parameters["blocks"]):
            self.context.check()
            yield seconds(engine, steps) / steps


def seconds(engine: Engine, steps: int) -> float:
    """Seconds of so many steps in one call."""
    begin = time.perf_counter()
    engine.advance(steps)
    return time.perf_counter() - begin


def is_out_of_memory(error: Exception) -> bool:
    """True where memory of the machine or of a GPU ran out, in the words of the libraries in use."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in words for sign in OUT_OF_MEMORY)


def _end(word: str, sentence: str) -> dict[str, str]:
    return {"by": word, "sentence": sentence}

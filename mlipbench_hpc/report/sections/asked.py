"""The campaign as validated, its file, and the site."""

import json
from typing import Any

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Content, Folded, Listing, Section, Table

UNITS = {
    "timestep": ("fs", 1000.0), "frame_every": ("fs", 1000.0), "damping": ("fs", 1000.0),
    "length": ("ps", 1.0),
    "equilibration": ("ps", 1.0), "every": ("ps", 1.0), "checkpoint_every": ("ps", 1.0),
    "dipole_correlation": ("ps", 1.0), "survival": ("ps", 1.0), "friction": ("1/ps", 1.0),
    "temperature": ("K", 1.0), "temperatures": ("K", 1.0), "density": ("g/cm³", 1.0), "r_max": ("Å", 1.0),
    "bin": ("Å", 1.0), "hydrogen_oxygen": ("Å", 1.0), "contact": ("Å", 1.0), "distance": ("Å", 1.0),
    "lattice_constant": ("Å", 1.0), "radii": ("Å", 1.0), "vacuum": ("Å", 1.0), "wall": ("Å", 1.0),
    "coordination": ("Å", 1.0), "cell": ("Å", 1.0),
    "conserved_energy": ("meV/atom", 1000.0),
    "block_time": ("s", 1.0), "scan_time": ("s", 1.0),
    "height": ("Å", 1.0), "spring": ("eV/Å²", 1.0), "hydrogen_mass": ("u", 1.0),
    "force": ("eV/Å", 1.0), "energy": ("meV/atom", 1000.0),
    "force_rmse": ("meV/Å", 1000.0), "largest_force": ("eV/Å", 1.0),
}  # fmt: skip


KINDS = (
    "systems", "datasets", "splits", "models", "committees", "md", "trajectories", "speed", "reweighting",
    "scans", "locality", "studies",
)  # fmt: skip


def build(results: Results) -> Content:
    """Table of the campaign's entries, the campaign's file and the site's settings."""
    document = results.document
    site = json.dumps(document["site"], indent=1, ensure_ascii=False)
    campaign = {name: document[name] for name in ("name", "description")} | {"asked": document["campaign"]}
    nothing = "The campaign defines neither committees nor MD: data only."
    alone = not any(results.names(kind) for kind in ("committees", "md", "studies"))
    return Content(
        [
            asked(results),
            Folded("The campaign file", [Listing(document["yaml"])]),
            Folded("The site", [Listing(site)]),
        ],
        {"campaign": campaign},
        [[nothing]] if alone else [],
    )


def asked(results: Results) -> Table:
    """Table of the campaign, one row for each entry, with units."""
    campaign = results.document["campaign"]
    rows = [
        [kind if first == 0 else "", name, "; ".join(phrases(results.asked(kind, name)))]
        for kind in KINDS
        for first, name in enumerate(results.names(kind))
    ]
    rows += [
        [kind, "", "; ".join(phrases(campaign[kind]))]
        for kind in ("evaluation", "analysis")
        if campaign.get(kind)
    ]
    return Table("The campaign as validated, defaults included.", ["", "name", "values"], rows, words=3)


def phrases(spec: dict[str, Any]) -> list[str]:
    """Settings as `name value unit`; nested ones stand in parentheses."""
    parts = []
    for name, value in spec.items():
        readable_name = name.replace("_", " ")
        if isinstance(value, dict) and (inner := phrases(value)):
            parts.append(f"{readable_name} ({', '.join(inner)})")
        elif isinstance(value, list) and value and all(isinstance(element, dict) for element in value):
            parts.extend(f"{readable_name} ({', '.join(phrases(element))})" for element in value)
        elif value not in (None, [], {}, ""):
            parts.append(f"{readable_name} {quantity(name, value)}")
    return parts


def quantity(name: str, value: Any) -> str:
    """One value with the unit that its name implies; quantities are floats, and integers count something."""
    values = value if isinstance(value, list) else [value]
    unit, factor = UNITS.get(name, ("", 1.0))
    if not unit or not all(isinstance(element, float) for element in values):
        return ", ".join(
            "–".join(map(str, element)) if isinstance(element, list) else str(element) for element in values
        )
    return f"{', '.join(f'{element * factor:.6g}' for element in values)} {unit}"


SECTION = Section("asked", "What was asked", 40, build)

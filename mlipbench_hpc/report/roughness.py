"""Roughness of potentials along the scans of one study, beside the reference's and the paper's words."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.scans import DEGREE, HALF_A, Rough, half_of, over_scans, roughness
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.section import Caution, Consequence, Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, number, with_error
from mlipbench_hpc.studies.roughness import scan_name

SCANS, MILLI = "scans.npz", 1000.0
# Section IV.B and Fig. S9 of arXiv:2602.22931: these are much rougher than those, trained on 50 structures.
ROUGH, SMOOTH = ("dp", "dp-mp"), ("grace-1l", "mace")
Key = tuple[int, str, int, str]


@dataclass(frozen=True)
class Scans:
    """Scans by one potential: forces and energies (M, S, P) eV/Å and eV of M members, along shift (P,) Å.

    keys (S): frame, particle, atom and direction of each; structures: of training, None of a reference.
    """

    whose: str
    architecture: str
    structures: int | None
    keys: list[Key]
    shift: Floats
    forces: Floats
    energies: Floats

    @property
    def reference(self) -> bool:
        """True for the scans of the reference potential."""
        return self.structures is None

    @property
    def step(self) -> float:
        """Å between points."""
        return float(self.shift[1] - self.shift[0])

    def chosen(self, particle: str = "", direction: str = "") -> list[int]:
        """Scans of a kind of particle along a direction; all where these are empty."""
        return [
            row
            for row, (_, moved, _, along) in enumerate(self.keys)
            if particle in ("", moved) and direction in ("", along)
        ]

    @cached_property
    def each(self) -> Floats:
        """Roughness (M, S) of each member along each scan, meV/Å."""
        return MILLI * roughness(self.forces, self.step)

    def rough(self, rows: list[int]) -> Rough:
        """Roughness over some scans, meV/Å."""
        frames: Ints = np.array([self.keys[row][0] for row in rows], dtype=np.int64)
        return over_scans(self.each[:, rows], frames)

    def error(self, reference: "Scans | None", rows: list[int]) -> float:
        """Root mean square difference of the force along scans to the reference's, meV/Å; NaN without one."""
        if reference is None or reference is self or reference.keys != self.keys:
            return float("nan")
        return float(MILLI * np.sqrt(np.square(self.forces[:, rows] - reference.forces[0, rows]).mean()))


def scanned(part: Part) -> list[Scans]:
    """Scans by the reference, then by each committee, of those that have run."""
    names = [*([part.spec.reference_name] if part.spec.reference_name else []), *part.spec.committees]
    every = [_scans(part, name, name == part.spec.reference_name) for name in names]
    return [own for own in every if own is not None]


def _scans(part: Part, name: str, reference: bool) -> Scans | None:
    items = [item for item in part.results.of("scan", scan=scan_name(part.name, name)) if item.done]
    known = [(item, arrays) for item in items if (arrays := item.arrays(SCANS))]
    if not known:
        return None
    keys = [_key(one) for one in known[0][0].values["scans"]]
    forces, energies = (np.array([arrays[key] for _, arrays in known]) for key in ("force", "energy"))
    architecture, structures = ("", None) if reference else _of_committee(part, name)
    return Scans(name, architecture, structures, keys, known[0][1]["shift"], forces, energies)


def _key(one: dict[str, Any]) -> Key:
    return one["frame"], one["particle"], one["atom"], one["direction"]


def _of_committee(part: Part, name: str) -> tuple[str, int]:
    results = part.results
    model = results.asked("committees", name)["model"]
    final = final_round(results, name)
    sizes = final.structures if final else []
    split = results.asked("splits", results.asked("committees", name)["split"])
    return str(results.asked("models", model)["architecture"]), int(sizes[-1] if sizes else split["train"])


def kinds(every: list[Scans]) -> list[tuple[str, str]]:
    """Particles and directions that occur, in their order."""
    return list(dict.fromkeys((key[1], key[3]) for own in every for key in own.keys))


def table(part: Part, every: list[Scans]) -> Table:
    """One row for each potential: roughness of all scans, and of each kind."""
    reference = next((own for own in every if own.reference), None)
    columns = [("", ""), *kinds(every)]
    rows = [
        [own.whose, _about(own), *(_of_kind(own, *kind) for kind in columns),
         number(own.error(reference, own.chosen()))]
        for own in every
    ]  # fmt: skip
    header = ["potential", "training", "roughness, meV/Å"]
    header += [f"of {particle} along the {direction}" for particle, direction in columns[1:]]
    header += ["difference to the reference, meV/Å"]
    window = f"{2 * half_of(every[0].step) * every[0].step:.2g} Å" if every else f"{2 * HALF_A:g} Å"
    caption = (
        f"{part.name}: one water or ion is moved as a whole, {number(part.spec.distance / 2)} Å to either "
        "side. Roughness ρ: root mean square of the net force along the scan less its least-squares "
        f"polynomial of degree {DEGREE} over {window} around each point, over all scans and members. ± "
        "standard error, the larger of that over frames and over members. A real force has some of it: "
        "compare with the reference. Difference: root mean square over the scans, of what is smooth as well "
        "as of what is not."
    )
    return Table(caption, header, rows, words=2, open=True)


def _of_kind(own: Scans, particle: str, direction: str) -> str:
    rows = own.chosen(particle, direction)
    return _words(own.rough(rows)) if rows else NOTHING


def _about(own: Scans) -> str:
    if own.structures is None:
        return "reference potential"
    return f"{count(len(own.forces), 'member')}, {count(own.structures, 'structure')}"


def _words(rough: Rough) -> str:
    return with_error(rough.value, rough.error)


def paper(part: Part, every: list[Scans]) -> Table | None:
    """Ratios of roughness that the paper's words order; None without models of both sorts."""
    rows = [
        [f"{rough.whose} / {smooth.whose}", "above 1 (n = 50)", *_ratio(rough, smooth)]
        for rough in every
        for smooth in every
        if rough.architecture in ROUGH and smooth.architecture in SMOOTH
    ]
    header = ["roughness of", "paper", "here", "training structures here"]
    caption = (
        f"{part.name}, beside the paper, which calls the energy surface of DP and DP-MP much rougher than "
        "that of GRACE-1L and MACE after training on 50 structures; it prints no number. The paper: "
        "Au(111)/water of 384 atoms, DFT labels. Here: the data and models of this campaign. Systems differ."
    )
    return Table(caption, header, rows, words=2, open=True) if rows else None


def _ratio(rough: Scans, smooth: Scans) -> list[str]:
    own, other = rough.rough(rough.chosen()), smooth.rough(smooth.chosen())
    ratio = own.value / other.value if other.value > 0 else float("nan")
    error = ratio * float(np.hypot(own.error / own.value, other.error / other.value)) if ratio > 0 else np.nan
    return [with_error(ratio, error), f"{rough.structures} / {smooth.structures}"]


def numbers(every: list[Scans]) -> dict[str, Any]:
    """Values for results.json by potential, in meV/Å."""
    reference = next((own for own in every if own.reference), None)
    return {
        own.whose: {
            "structures": own.structures,
            "members": len(own.forces),
            "scans": len(own.keys),
            "roughness_meV_per_A": _numbers(own.rough(own.chosen())),
            "by_kind": {
                f"{particle}-{direction}": _numbers(own.rough(rows))
                for particle, direction in kinds(every)
                if (rows := own.chosen(particle, direction))
            },
            "rms_from_reference_meV_per_A": own.error(reference, own.chosen()),
        }
        for own in every
    }


def _numbers(rough: Rough) -> dict[str, Any]:
    return {"value": rough.value, "se": rough.error, "scans": rough.scans, "members": rough.members}


def sentence(part: Part, every: list[Scans]) -> str:
    """Roughness of every potential."""
    state = f"Study {part.name} (roughness): "
    if not every:
        return f"{state}no scan has run."
    words = [f"{own.whose} {_words(own.rough(own.chosen()))}" for own in every]
    return f"{state}{count(len(every[0].keys), 'scan')}, roughness in meV/Å: {'; '.join(words)}."


def cautions(part: Part, every: list[Scans]) -> list[Caution]:
    """Scans that failed, and forces that are not finite, without which there is no roughness."""
    words = [
        f"{own.whose}: forces along scans are not finite, its roughness is unknown."
        for own in every
        if not np.isfinite(own.forces).all()
    ]
    failed = [item for item in _items(part) if item.status == "failed"]
    words += [f"{item.reported.label} failed: its member is left out." for item in failed]
    about = f"Study {part.name}"
    return [Caution(part.name, about, sentence, Consequence.LIMITED) for sentence in words]


def _items(part: Part) -> list[Item]:
    names = [*part.spec.committees, *([part.spec.reference_name] if part.spec.reference_name else [])]
    return [item for name in names for item in part.results.of("scan", scan=scan_name(part.name, name))]

"""Roughness of potentials along the scans of one study, beside the reference's and the paper's words."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.scans import DEGREE, FEWEST_FRAMES, HALF_A, Rough, half_of, over_scans, roughness
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.section import Caution, Consequence, Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus
from mlipbench_hpc.studies.roughness import scan_name

SCANS, MILLI = "scans.npz", 1000.0
# Section IV.B and Fig. S9 of arXiv:2602.22931: these are much rougher than those, trained on 50 structures.
ROUGH, SMOOTH = ("dp", "dp-mp"), ("grace-1l", "mace")
# A ratio says something of the models where the reference's own ρ² is at most half of theirs.
MOST_OF_REFERENCE = 0.5
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
        """Roughness over some scans, meV/Å; its error is NaN with too few frames of a particle in them."""
        return self._over(self.each, rows)

    def error(self, reference: "Scans | None", rows: list[int]) -> Rough | None:
        """Rms difference of the force along scans to the reference's, meV/Å; None without one."""
        if reference is None or reference is self or reference.keys != self.keys:
            return None
        apart = np.square(self.forces - reference.forces[:1]).mean(axis=-1)
        return self._over(MILLI * np.sqrt(apart), rows)

    def _over(self, each: Floats, rows: list[int]) -> Rough:
        """√⟨x²⟩ over scans of some rows, and all members, of a number (M, S) of each."""
        frames: Ints = np.array([self.keys[row][0] for row in rows], dtype=np.int64)
        known = over_scans(each[:, rows], frames)
        return known if self.fewest(rows) >= FEWEST_FRAMES else replace(known, error=float("nan"))

    def fewest(self, rows: list[int]) -> int:
        """Number of frames of that particle among some scans which is scanned in fewest."""
        frames: dict[str, set[int]] = {}
        for row in rows:
            frames.setdefault(self.keys[row][1], set()).add(self.keys[row][0])
        return min(map(len, frames.values()), default=0)


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


def reference_of(every: list[Scans]) -> Scans | None:
    """Scans by the reference potential; None without them."""
    return next((own for own in every if own.reference), None)


def table(part: Part, every: list[Scans]) -> Table:
    """One row for each potential: difference to the reference, roughness of all scans, and of each kind."""
    reference = reference_of(every)
    columns = [("", ""), *kinds(every)]
    rows = [
        [own.whose, _about(own), _words(own.error(reference, own.chosen())),
         *(_of_kind(own, *kind) for kind in columns)]
        for own in every
    ]  # fmt: skip
    header = ["potential", "training", "difference to the reference, meV/Å", "roughness, meV/Å"]
    header += [f"of {particle} along the {direction}" for particle, direction in columns[1:]]
    window = f"{2 * half_of(every[0].step) * every[0].step:.2g} Å" if every else f"{2 * HALF_A:g} Å"
    caption = (
        f"{part.name}: one water or ion is moved as a whole, {number(part.spec.distance / 2)} Å to either "
        "side. Difference: root mean square over the scans of the force less the reference's, of what is "
        "smooth as well as of what is not. Roughness ρ: root mean square of the net force along the scan "
        f"less its least-squares polynomial of degree {DEGREE} over {window} around each point, over all "
        "scans and members. A real force has some of it, as where a repulsive wall is steep: compare with "
        "the reference. ± standard error, of that over frames and that over members in squares; not "
        f"determined from fewer than {FEWEST_FRAMES} frames with a particle."
    )
    return Table(caption, header, rows, words=2, open=True)


def _of_kind(own: Scans, particle: str, direction: str) -> str:
    rows = own.chosen(particle, direction)
    return _words(own.rough(rows)) if rows else NOTHING


def _about(own: Scans) -> str:
    if own.structures is None:
        return "reference potential"
    return f"{count(len(own.forces), 'member')}, {count(own.structures, 'structure')}"


def _words(rough: Rough | None) -> str:
    """`16.2 ± 4.1`; three digits alone where the error is not determined, which the caption says."""
    if rough is None:
        return NOTHING
    return plus_minus(rough.value, rough.error) if np.isfinite(rough.error) else number(rough.value)


def paper(part: Part, every: list[Scans]) -> Table | None:
    """Ratios of roughness that the paper's words order; None without models of both sorts."""
    reference = reference_of(every)
    rows = [
        [f"{rough.whose} / {smooth.whose}", "above 1 (n = 50)", *_ratio(rough, smooth, reference)]
        for rough in every
        for smooth in every
        if rough.architecture in ROUGH and smooth.architecture in SMOOTH
    ]
    header = ["roughness of", "paper", "here", "conclusion here", "training structures here"]
    caption = (
        f"{part.name}, beside the paper, which calls the energy surface of DP and DP-MP much rougher than "
        "that of GRACE-1L and MACE after training on 50 structures; it prints no number. The paper: "
        "Au(111)/water of 384 atoms, DFT labels. Here: the data and models of this campaign. Systems differ. "
        "No conclusion where the reference's own ρ² is more than half of a model's, for then both have the "
        "true force's; resolved: a ratio more than two standard errors from 1."
    )
    return Table(caption, header, rows, words=2, open=True) if rows else None


def _ratio(rough: Scans, smooth: Scans, reference: Scans | None) -> list[str]:
    own, other = rough.rough(rough.chosen()), smooth.rough(smooth.chosen())
    ratio = own.value / other.value if other.value > 0 else float("nan")
    error = ratio * float(np.hypot(own.error / own.value, other.error / other.value)) if ratio > 0 else np.nan
    words = plus_minus(ratio, error) if np.isfinite(error) else number(ratio)
    outcome = _outcome(ratio, error, dominated([rough, smooth], reference), rough.fewest(rough.chosen()))
    return [words, outcome, f"{rough.structures} / {smooth.structures}"]


def _outcome(ratio: float, error: float, same: list[str], frames: int) -> str:
    """Conclusion from a ratio, or why there is none; frames: of the particle that is scanned in fewest."""
    if same:
        return f"withheld: the reference's own ρ dominates in {listed(same)}"
    if not np.isfinite(error):
        return f"cannot be tested: {count(frames, 'frame')} with a particle, at least {FEWEST_FRAMES} needed"
    if abs(ratio - 1) <= 2 * error:
        return "not resolved"
    return "above 1" if ratio > 1 else "below 1"


def dominated(every: list[Scans], reference: Scans | None) -> list[str]:
    """Models of which more than half of ρ² is no more than the reference has; [] without a reference."""
    if reference is None:
        return []
    own = reference.rough(reference.chosen()).value ** 2
    return [one.whose for one in every if own > MOST_OF_REFERENCE * one.rough(one.chosen()).value ** 2]


def numbers(every: list[Scans]) -> dict[str, Any]:
    """Values for results.json by potential, in meV/Å."""
    reference = reference_of(every)
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
            "rms_from_reference_meV_per_A": _numbers(own.error(reference, own.chosen())),
        }
        for own in every
    }


def _numbers(rough: Rough | None) -> dict[str, Any] | None:
    if rough is None:
        return None
    return {"value": rough.value, "se": rough.error, "scans": rough.scans, "members": rough.members}


def sentence(part: Part, every: list[Scans]) -> str:
    """Difference to the reference and roughness of every potential, and what keeps from concluding."""
    state = f"Study {part.name} (roughness): "
    if not every:
        return f"{state}no scan has run."
    first, reference = every[0], reference_of(every)
    frames = len({key[0] for key in first.keys})
    state += f"{count(len(first.keys), 'scan')} of {count(frames, 'frame')}."
    models = [own for own in every if not own.reference]
    far = [f"{own.whose} {_words(error)}" for own in models if (error := own.error(reference, own.chosen()))]
    if reference and far:
        state += f" Rms difference of the force to {reference.whose}'s in meV/Å: {'; '.join(far)}."
    words = [f"{own.whose} {_words(own.rough(own.chosen()))}" for own in every]
    return f"{state} Roughness in meV/Å: {'; '.join(words)}.{_doubts(every)}"


def _doubts(every: list[Scans]) -> str:
    """Sentences on what these numbers cannot tell, each after a space."""
    first = every[0]
    words, fewest = "", first.fewest(first.chosen())
    if fewest < FEWEST_FRAMES:
        words += (
            f" Errors are not determined: a particle is scanned in {count(fewest, 'frame')}, at least "
            f"{FEWEST_FRAMES} are needed; use more frames as `start`."
        )
    if same := dominated([own for own in every if not own.reference], reference_of(every)):
        words += (
            f" {listed(same)}: the reference's own ρ² is more than half of theirs, so that their roughness "
            "cannot be ranked."
        )
    return words


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

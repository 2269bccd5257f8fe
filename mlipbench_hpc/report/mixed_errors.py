"""Errors and calibration of one study's specific and mixed committees, at each number of ions."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.errors import energy_errors, force_errors
from mlipbench_hpc.analysis.inference import LEVEL, holm
from mlipbench_hpc.data.formulas import atoms_in
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.split import holding
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Round, final_round
from mlipbench_hpc.report.extremes import Extremes, Ratio, spread_in_words, to_json
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.paper import paper_name
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, number
from mlipbench_hpc.studies.mixed_vs_specific import (
    MIXED,
    SMALL,
    SPECIFIC,
    Arm,
    arms,
    committee_name,
)

NEEDED = {"offsets", "numbers", "energies", "forces", "label_energies", "label_forces"}
FRAMES, MILLI = "frames.npz", 1000.0
# Section IV.C of arXiv:2602.22931, neutral surface: RMSE of mixed over specific models.
PAPER_RATIOS = {"centred": ("about 2", 2.0), "force": ("1.1 to 1.2", 1.15)}
# What mixed models are compared with specific ones by: without constant offsets of energies, which differ
# from member to member, and without stiff O-H bonds, which hide everything else in the forces on atoms.
QUANTITIES = {"centred": "centred energy RMSE", "force": "force RMSE", "net": "RMSE of net forces on water"}
COMPARED = ("centred", "net")
# Section IV.D, three ions: energy RMSE of MACE in meV per structure, specific and mixed.
PAPER_MACE_ENERGY = (70.0, 300.0)
# Table S-III: α of committees for three ions, and mixed.
PAPER_ALPHA = {
    "dp": (2.1, 5.4), "dp-mp": (1.0, 8.1), "grace-1l": (7.7, 12.0), "mace": (4.1, 6.7),
}  # fmt: skip
SYSTEMS = (
    "The paper: Au(111)/water of 376 to 384 atoms, DFT labels, M = 5; specific training sets of up to 1200 "
    "(neutral) and 2250 (three ions) structures, mixed ones of 2500 with 500 of each number of ions, so in "
    "between the mixed and the small mixed ones here. Here: the data, models and sizes of this campaign. "
    "Systems differ: trends can be compared and values cannot."
)


@dataclass(frozen=True)
class Tested:
    """RMSE of one member on the test frames with so many ions: meV per structure, centred, and meV/Å.

    force: of all components; net: of net forces on water molecules, None where there are none.
    """

    frames: int
    energy: float | None
    centred: float | None
    force: float | None
    net: float | None = None


@dataclass(frozen=True)
class Judged:
    """One committee at one number of ions, over its members.

    alphas: `raw` and `centred` calibration of its most frequent composition; {} where there is none.
    """

    arm: Arm
    model: str
    ions: int
    final: Round | None
    tested: list[Tested]
    alphas: dict[str, Any] = field(default_factory=dict)

    @property
    def energy(self) -> Extremes | None:
        """RMSE of energies, meV per structure."""
        return Extremes.of(own.energy for own in self.tested)

    @property
    def centred(self) -> Extremes | None:
        """The same without the mean error of each composition."""
        return Extremes.of(own.centred for own in self.tested)

    @property
    def force(self) -> Extremes | None:
        """RMSE of all components of forces, meV/Å."""
        return Extremes.of(own.force for own in self.tested)

    @property
    def net(self) -> Extremes | None:
        """RMSE of net forces on water molecules, meV/Å."""
        return Extremes.of(own.net for own in self.tested)

    @property
    def frames(self) -> int | None:
        """Test frames with so many ions; None before any member is evaluated."""
        return self.tested[0].frames if self.tested else None

    def alpha(self, kind: str) -> float | None:
        """α of `raw` or `centred` energies there; None where it is refused, or of too few structures."""
        return known_alpha(self.alphas.get(kind, {}))

    def numbers(self) -> dict[str, Any]:
        """Values for results.json."""
        return {
            "members": len(self.tested), "test_structures": self.frames,
            "energy_rmse_meV": to_json(self.energy), "energy_centred_rmse_meV": to_json(self.centred),
            "force_rmse_meV_per_A": to_json(self.force), "net_force_rmse_meV_per_A": to_json(self.net),
            "alpha_raw": self.alpha("raw"), "alpha_centred": self.alpha("centred"),
        }  # fmt: skip


def known_alpha(estimate: dict[str, Any]) -> float | None:
    """α of one calibration; None where it is refused, or of too few members or frames to scale a band."""
    if "alpha" not in estimate or estimate.get("withheld"):
        return None
    return float(estimate["alpha"])


def judged(part: Part) -> list[Judged]:
    """Every committee at every number of ions where it is tested: by target, model, then arm."""
    spec = part.spec
    targets = [target.ions for target in spec.targets]
    tested = {(arm, model): _tested(part, arm, model, targets) for arm in arms(spec) for model in spec.models}
    return [
        _judged(part, arm, model, ions, tested[arm, model][ions])
        for ions in targets
        for model in spec.models
        for arm in arms(spec)
        if arm.runs_at(ions)
    ]


def _judged(part: Part, arm: Arm, model: str, ions: int, tested: list[Tested]) -> Judged:
    final = final_round(part.results, committee_name(part.name, arm, model))
    calibration = final.calibration.values if final and final.calibration else {}
    here: list[dict[str, Any]] = [
        own
        for formula, own in calibration.get("compositions", {}).items()
        if atoms_in(formula).get(part.spec.element, 0) == ions
    ]
    here.sort(key=lambda own: int(own["raw"]["structures"]))
    return Judged(arm, model, ions, final, tested, here[-1] if here else {})


def _tested(part: Part, arm: Arm, model: str, targets: list[int]) -> dict[int, list[Tested]]:
    """Errors of all evaluated members by number of ions; the file of each is read once."""
    final = final_round(part.results, committee_name(part.name, arm, model))
    evaluated = [member.evaluate for member in final.members if member.evaluate] if final else []
    parts = [on_ions(part.results, item, part.spec.element, targets) for item in evaluated]
    return {ions: [own[ions] for own in parts if ions in own] for ions in targets}


def on_ions(results: Results, evaluated: Item, element: str, targets: list[int]) -> dict[int, Tested]:
    """Errors of one member on the test frames with each of these numbers of atoms of an element."""
    arrays = evaluated.arrays("predictions-test.npz")
    if not set(arrays) >= NEEDED:
        return {}
    labelled = _labelled(results, evaluated, arrays)
    chosen = {ions: holding(labelled, {element: ions}) for ions in targets}
    return {ions: _errors(labelled, arrays, own) for ions, own in chosen.items() if own}


def _labelled(results: Results, evaluated: Item, arrays: dict[str, Any]) -> Frames:
    """Test frames of one member; positions are NaN where the store has lost the dataset."""
    known = _dataset(results, evaluated.task.get("upstream", {}).get("frames"))
    atoms, frames = len(arrays["numbers"]), len(arrays["energies"])
    own = known.select(arrays["indices"]) if known is not None else None
    return Frames(
        arrays["offsets"], arrays["numbers"],
        np.full((atoms, 3), np.nan) if own is None else own.positions,
        np.zeros((frames, 3, 3)) if own is None else own.cells,
        np.ones((frames, 3), dtype=bool) if own is None else own.pbc,
        arrays["label_energies"], arrays["label_forces"],
    )  # fmt: skip


@remembered
def _dataset(results: Results, key: str | None) -> Frames | None:
    """Frames of the task with this key, read once for all members; None where they cannot be read."""
    item = next((item for item in results.with_key(key) if item.done), None)
    return Frames.load(item.folder / FRAMES) if item and item.arrays(FRAMES) else None


def _errors(labelled: Frames, arrays: dict[str, Any], chosen: list[int]) -> Tested:
    """Errors on the frames chosen; energies of the others, or without a label, are of no account."""
    asked = np.isin(np.arange(len(labelled)), chosen)
    only = replace(labelled, energies=np.where(asked, labelled.energies, np.nan))
    energy, own = energy_errors(only, arrays["energies"]), asked[labelled.frame_of_atom()]
    forces = arrays["forces"][own]
    force = MILLI * np.sqrt(np.mean((forces - arrays["label_forces"][own]) ** 2))
    raw, centred = (energy[name] for name in ("rmse_meV", "centred_rmse_meV"))
    return Tested(
        len(chosen),
        raw,
        centred,
        float(force) if np.isfinite(force) else None,
        _net(labelled, chosen, forces),
    )


def _net(labelled: Frames, chosen: list[int], forces: Floats) -> float | None:
    """RMSE of net forces on water molecules, meV/Å; None without molecules, or where no place is known."""
    if not np.isfinite(labelled.positions).all():
        return None
    error: float | None = force_errors(labelled.select(chosen), forces)["molecules"]["rmse_meV_per_A"]
    return error


def table(part: Part, every: list[Judged]) -> Table:
    """One row for each committee and number of ions."""
    rows = [
        [f"{own.ions} {part.spec.element}", own.model, own.arm.label, own.final.describe() if own.final else
         NOTHING, number(own.frames),
         *map(_two_lines, (own.energy, own.centred, own.force, own.net)),
         number(own.alpha("raw")), number(own.alpha("centred"))]
        for own in every
    ]  # fmt: skip
    header = ["tested with", "model", "trained", "size, training", "test structures",
              "energy RMSE, meV/structure", "centred, meV/structure", "force RMSE, meV/Å",
              "net on water, meV/Å", "α, raw", "α, centred"]  # fmt: skip
    return Table(f"{part.name}: {_caption(part)}", header, rows, words=4, open=True)


def _two_lines(extremes: Extremes | None) -> str:
    """Mean ± standard deviation, and the range below it, so that the columns of an open table stay narrow."""
    return spread_in_words(extremes).replace(" (", "\n(")


def _caption(part: Part) -> str:
    spec = part.spec
    size, counts = number(spec.train), ", ".join(map(number, spec.counts))
    text = (
        "errors on the same test frames of each number of ions, mean ± standard deviation (least to "
        f"greatest) over members. Specific: {size} training structures with so many {spec.element}. Mixed: "
        f"{size} of each of {counts} {spec.element}, those of the specific set among them, so that the "
        f"target's structures are as many. Small mixed: {size} in all, in equal numbers, so that the sizes "
        "are equal. "
    )
    text += "Without: as mixed, but none of the target. " if spec.held_out else ""
    return text + (
        "Centred: mean error of each composition removed; without that, energies are mostly a constant "
        "offset of each member, which acts on no force. Net on water: sum over O and its two H. α (Eq. "
        f"S11): on the validation structures of the most frequent composition with so many {spec.element}; "
        "a dash where it is refused, or of few independent structures."
    )


def paper(part: Part, every: list[Judged]) -> Table | None:
    """What the paper states beside the same of this study; None where it has nothing of the kind."""
    by_place = {(own.ions, own.model, own.arm.kind): own for own in every}
    rows = [row for model in part.spec.models for row in _rows(part, model, by_place)]
    header = ["quantity", "paper", "here", "here / paper"]
    caption = (
        f"{part.name}, beside the paper. {SYSTEMS} Ratios here: ± standard error over members; other "
        "numbers: mean ± standard deviation (least to greatest) over members. Energies here without the "
        "mean error of each composition; the paper does not say that it removes one."
    )
    return Table(caption, header, rows, open=True) if rows else None


Places = dict[tuple[int, str, str], Judged]


def _rows(part: Part, model: str, by_place: Places) -> Iterator[list[str]]:
    targets = sorted(target.ions for target in part.spec.targets)
    if targets[0] == 0:
        yield from _ratios(part, model, by_place)
    if targets[-1] > 0:
        yield from _charged(part, model, targets[-1], by_place)


def _ratios(part: Part, model: str, by_place: Places) -> Iterator[list[str]]:
    """Errors of mixed over specific models of the neutral surface."""
    specific = by_place[0, model, SPECIFIC]
    for kind, (name, (words, value)) in product((MIXED, SMALL), PAPER_RATIOS.items()):
        over, under = (getattr(own, name) for own in (by_place[0, model, kind], specific))
        if ratio := Ratio.of(over, under):
            what = f"{QUANTITIES[name]}, {kind} / specific {model}, no {part.spec.element}"
            yield [what, words, ratio.words(), number(ratio.value / value)]


def _charged(part: Part, model: str, ions: int, by_place: Places) -> Iterator[list[str]]:
    """α, and energy errors of MACE, with the most ions."""
    architecture = paper_name(part.results.asked("models", model)["architecture"])
    system = count(ions, f"{part.spec.element} ion")
    for kind, place in ((SPECIFIC, 0), (MIXED, 1), (SMALL, 1)):
        own = by_place[ions, model, kind]
        if architecture == "mace" and own.centred:
            words = f"centred energy RMSE of {kind} {model}, {system} (paper: 3, raw), meV/structure"
            yield _row(words, PAPER_MACE_ENERGY[place], own.centred.spread_words(), own.centred.mean)
        if architecture in PAPER_ALPHA and (alpha := _overall(own)) is not None:
            words = f"α of {kind} {model} (paper: 3 ions, mixed)"
            yield _row(words, PAPER_ALPHA[architecture][place], number(alpha), alpha)


def _overall(own: Judged) -> float | None:
    """α of raw energies over all validation structures, as in Table S-III."""
    calibration = own.final.calibration.values if own.final and own.final.calibration else {}
    return known_alpha(calibration.get("raw", {}))


def _row(words: str, stated: float, here: str, value: float) -> list[str]:
    return [words, number(stated), here, number(value / stated)]


def sentence(part: Part, every: list[Judged]) -> str:
    """Members evaluated, and the ratio of errors of mixed to specific models at each target."""
    committees = {own.final.committee: own.final for own in every if own.final}
    done = sum(bool(member.errors("test")) for final in committees.values() for member in final.members)
    asked = part.spec.members * len(arms(part.spec)) * len(part.spec.models)
    state = f"Study {part.name} (mixed and specific training): {done} of {count(asked, 'member')} evaluated."
    known = ratios(every)
    parts = [_of_quantity(part, name, known) for name in COMPARED if any(name == own for own, _, _ in known)]
    if not parts:
        return state
    few = any(np.isnan(ratio.p) for ratio in known.values())
    return (
        f"{state} Mixed / specific (± standard error over members; resolved at p ≤ {LEVEL:g} of Welch's "
        f"test, Holm-corrected): {'. '.join(parts)}."
        + " A test needs at least two members of each, which differ: train more members."
        * few
    )


Ratios = dict[tuple[str, int, str], Ratio]


def ratios(every: list[Judged]) -> Ratios:
    """Mixed over specific errors by quantity, number of ions and model.

    p of each test is Holm-corrected over all of them, since each is looked at.
    """
    by_place = {(own.ions, own.model, own.arm.kind): own for own in every}
    known = {
        (name, ions, model): ratio
        for name in COMPARED
        for ions, model, kind in by_place
        if kind == MIXED
        if (ratio := Ratio.of(*(getattr(by_place[ions, model, of], name) for of in (MIXED, SPECIFIC))))
    }
    adjusted = holm(np.array([ratio.p for ratio in known.values()]))
    return {
        place: replace(ratio, p=float(p)) for (place, ratio), p in zip(known.items(), adjusted, strict=True)
    }


def _of_quantity(part: Part, name: str, known: Ratios) -> str:
    """`Centred energy RMSE 0.51 ± 0.15 of dp with 0 Na (below 1); …`."""
    words = [
        f"{ratio.words()} of {model} with {ions} {part.spec.element} ({ratio.outcome()})"
        for (own, ions, model), ratio in known.items()
        if own == name
    ]
    title = QUANTITIES[name]
    return f"{title[0].upper()}{title[1:]} {'; '.join(words)}"

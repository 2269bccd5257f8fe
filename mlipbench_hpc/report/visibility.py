"""What models see of the ions, and the locality floor beside their errors on the same waters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.composition import FEWEST_HOSTS, Floor
from mlipbench_hpc.analysis.scans import over_scans
from mlipbench_hpc.analysis.stationarity import FEWEST_INDEPENDENT
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.floors import ANY, KINDS, MILLI, SAME, Composed
from mlipbench_hpc.report.paper import paper_name
from mlipbench_hpc.report.section import Caution, Consequence, Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import count, listed, number, with_error

REACH_A = 1.0  # of a hydrogen from its oxygen, from which radii count
TOO_SMALL = "nothing beyond this radius is exchanged: the cell is too small for a floor"
# Table II and section IV.C of arXiv:2602.22931: receptive field in Å, and how many waters see all ions.
MOST, PART = "nearly all", "many do not"
PAPER = {"dp": (6.0, PART), "grace-1l": (6.0, PART), "dp-mp": (10.0, MOST), "mace": (10.0, MOST)}


@dataclass(frozen=True)
class Sight:
    """What a committee's model sees: receptive field in Å; by composition frames and share of waters."""

    committee: str
    architecture: str
    radius: float
    shares: dict[str, tuple[int, float]]

    @property
    def share(self) -> float:
        """Mean share over all frames."""
        frames = sum(amount for amount, _ in self.shares.values())
        return sum(amount * share for amount, share in self.shares.values()) / frames if frames else np.nan


def sights(part: Part) -> list[Sight]:
    """Of each committee of the study whose training data hold ions above a metal."""
    found = []
    for name in part.spec.committees:
        item = next((own for own in part.results.of("visibility", committee=name) if own.done), None)
        if item is not None:
            model = part.results.asked("committees", name)["model"]
            shares = {
                formula: (one["frames"], one["share"]) for formula, one in item.values["compositions"].items()
            }
            architecture = part.results.asked("models", model)["architecture"]
            found.append(Sight(name, architecture, item.values["radius_A"], shares))
    return found


@dataclass(frozen=True)
class WaterErrors:
    """Force RMSE of a committee on the waters of composed frames in their hosts, meV/Å; waters: how many."""

    committee: str
    radius: float
    rmse: float
    se: float
    waters: int


def water_errors(part: Part, own: Composed, seen: list[Sight]) -> list[WaterErrors]:
    """Net forces on the same waters by every member of each committee, in the hosts as they are.

    Of hosts that are test frames of the committee. Error: the larger of that over hosts and over members.
    """
    radii, every = {sight.committee: sight.radius for sight in seen}, list[WaterErrors]()
    for name in part.spec.committees:
        if not _same_dataset(part, name):  # hosts are counted in the dataset of the floor
            continue
        final = final_round(part.results, name)
        evaluations = [member.evaluate for member in final.members if member.evaluate] if final else []
        tested = [squares for item in evaluations if len((squares := _squares(item, own))[1])]
        if tested:
            errors = np.sqrt(np.array([squares for squares, _ in tested]))
            rough = over_scans(errors, tested[0][1])
            radius = radii.get(name, float("nan"))
            every.append(WaterErrors(name, radius, rough.value, rough.error, rough.scans))
    return every


def _same_dataset(part: Part, committee: str) -> bool:
    """True where a committee was tested on frames of the dataset of the floor's hosts."""
    asked = part.results.asked
    splits = asked("committees", committee)["split"], part.spec.floor.split
    own, floor = (asked("splits", split)["dataset"] for split in splits)
    return bool(own == floor)


def _squares(item: Item, own: Composed) -> tuple[Floats, Ints]:
    """Squared error (W,) (meV/Å)² of a component of the net force on each water, and its host (W,)."""
    arrays = item.arrays("predictions-test.npz")
    places = {int(frame): place for place, frame in enumerate(arrays.get("indices", []))}
    tested = {water: atoms for water, atoms in own.waters.items() if water[0] in places}
    if not tested:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    errors = MILLI * (arrays["forces"] - arrays["label_forces"])
    net = np.array([
        errors[int(arrays["offsets"][places[host]]) + np.array(atoms)].sum(axis=0)
        for (host, _), atoms in tested.items()
    ])  # fmt: skip
    return np.square(net).mean(axis=1), np.array([host for host, _ in tested], dtype=np.int64)


def table(part: Part, seen: list[Sight]) -> Table:
    """One row for each committee and composition."""
    rows = [
        [sight.committee, sight.architecture, formula, number(frames), number(sight.radius), number(share)]
        for sight in seen
        for formula, (frames, share) in sight.shares.items()
    ]
    header = ["committee", "architecture", "composition", "frames", "receptive field, Å", "mean share"]
    caption = (
        f"{part.name}: share of first-layer waters, 0 < z ≤ 4.5 Å, whose receptive field (cutoff × layers) "
        "holds every ion of the cell, in all frames of the data. No model, no MD."
    )
    return Table(caption, header, rows, words=3, open=True)


def floors(part: Part, own: Composed) -> Table:
    """One row for each radius and kind of composed frames."""
    rows = [
        [number(radius), KINDS[kind], number(known.waters), own.donors(radius, kind),
         TOO_SMALL if own.too_small(radius, kind) else _words(known), number(left),
         number(own.floor(radius, kind, left).value)]
        for kind in own.kinds
        for radius in own.radii
        for known in [own.floor(radius, kind)]
        for left in [own.median_left_out(radius, kind)]
    ]  # fmt: skip
    header = ["radius, Å", "composed frames have", "waters", "composed frames of a water", "floor, meV/Å",
              "waters left out, median",
              "floor of the half with fewest left out, meV/Å"]  # fmt: skip
    values = own.item.values
    caption = (
        f"{part.name}: locality floor, √⟨σ²⟩ of a component of the net force on a first-layer water when "
        "all that is within the radius of its oxygen stays as in its host, a test frame, and what is beyond "
        "comes from other reference frames of the data. Labels of the reference potential. No function of "
        "what is within the radius has a smaller error in such frames. Waters of the donor nearer to the "
        "host's atoms than any such pair of the data are left out; frames whose waters are then "
        "more than "
        f"{part.spec.floor.tolerance} off the host's, or with a number of ions that no frame has, are not "
        f"used ({values['donors_refused']} of {values['donors_tried']} tried). No donor is a near copy of "
        "the host or of another donor, closer in one sampling run than its slowest correlation (left out: "
        f"{values['donors_near']}), and no host of another ({values['hosts_near']}). The seam adds to the "
        "floor: compare the last column. A radius at which all composed frames are the host itself, because "
        "the cell has nothing beyond it, has no floor. ± jackknife over hosts, from at least "
        f"{FEWEST_HOSTS}."
    )
    return Table(caption, header, rows, words=2, open=True)


def _words(known: Floor) -> str:
    return with_error(known.value, known.error)


def beside(part: Part, own: Composed, errors: list[WaterErrors]) -> Table:
    """Errors of models on the same waters, and the floor at their receptive field and at twice it."""
    kind = own.kinds[-1]
    rows = [
        [one.committee, number(one.radius), number(one.waters), with_error(one.rmse, one.se),
         *(_at(own, distance, kind) for distance in (one.radius + REACH_A, 2 * one.radius + REACH_A))]
        for one in errors
    ]  # fmt: skip
    header = ["committee", "receptive field R, Å", "waters", "force RMSE, meV/Å", "floor at R + 1 Å, meV/Å",
              "floor at 2 R + 1 Å, meV/Å"]  # fmt: skip
    caption = (
        f"{part.name}: net forces of models on the same waters in the hosts themselves, and the floor with "
        f"{KINDS[kind]}. The energy of each atom depends on what is within R of it, so that a force may "
        "depend on what is within 2 R, through the energies of neighbours; radii count from the oxygen, and "
        "the net force is also that on its hydrogens, up to 1 Å from it. So the floor at 2 R + 1 Å bounds "
        "every such model, that at R + 1 Å one whose forces are made of what the atoms' own energies see. "
        "Between the radii of the study the floor is interpolated in its logarithm; a dash: beyond them. "
        "Committees tested on another dataset than the hosts' are left out."
    )
    return Table(caption, header, rows, words=1, open=True)


def _at(own: Composed, distance: float, kind: int) -> str:
    value, error = own.at(distance, kind)
    return with_error(value, error)


def paper(part: Part, seen: list[Sight]) -> Table | None:
    """Receptive fields of the paper's Table II, and what its text says of them, beside those here."""
    rows = [
        [sight.committee, number(field, 2), number(sight.radius), number(sight.radius / field), words,
         number(sight.share)]
        for sight in seen
        if (name := paper_name(sight.architecture)) in PAPER
        for field, words in [PAPER[name]]
    ]  # fmt: skip
    header = ["committee", "receptive field, paper, Å", "here, Å", "ratio to the paper",
              "waters that see all ions, paper", "here"]  # fmt: skip
    caption = (
        f"{part.name}, beside the paper: Table II and section IV.C, which gives no share in numbers. The "
        "paper: Au(111)/water with 0 to 4 Na⁺ in a cell of 17.8 Å × 10.3 Å. Here: the data and models of "
        "this campaign. Cells differ, and with them how far ions are from a water."
    )
    return Table(caption, header, rows, words=1, open=True) if rows else None


def numbers(seen: list[Sight], own: Composed | None, errors: list[WaterErrors]) -> dict[str, Any]:
    """Values for results.json: shares by committee, floors by kind and radius, errors on the same waters."""
    values: dict[str, Any] = {
        "shares": {
            sight.committee: {
                "receptive_field_A": sight.radius,
                "compositions": {name: share for name, (_, share) in sight.shares.items()},
            }
            for sight in seen
        }
    }
    if own is None:
        return values
    names = {SAME: "same_ions", ANY: "any_ions"}
    values["floor_meV_per_A"] = {
        names[kind]: {
            f"{radius:g}": {"value": known.value, "se": known.error, "waters": known.waters}
            for radius, known in own.known(kind)
        }
        for kind in own.kinds
    }
    values["errors_meV_per_A"] = {
        one.committee: {"rmse": one.rmse, "se": one.se, "waters": one.waters} for one in errors
    }
    return values


def sentence(part: Part, seen: list[Sight], own: Composed | None) -> str:
    """Shares of all committees, and the floor from the smallest to the largest radius."""
    words = [f"{sight.committee} ({number(sight.radius)} Å) {number(sight.share)}" for sight in seen]
    state = f"Study {part.name} (visibility): "
    state += f"share of first-layer waters that see all ions: {', '.join(words)}." if words else "no ions."
    if own is None or not own.kinds:
        return state
    kind = own.kinds[-1]
    known = own.known(kind)
    ends = known if len(known) < 2 else [known[0], known[-1]]
    floors = [f"{_words(one)} meV/Å at {number(radius)} Å" for radius, one in ends]
    state += f" Locality floor with {KINDS[kind]}: {', '.join(floors)}." if floors else " No locality floor."
    at = [number(radius) for radius in own.radii if own.too_small(radius, kind)]
    small = f" At {listed(at)} Å nothing is exchanged: the cell is too small for a floor; use a larger one."
    return state + small * bool(at)


def cautions(part: Part, own: Composed | None) -> list[Caution]:
    """A floor from so few hosts that its error is no estimate, and frames that could not be labelled."""
    if own is None:
        return []
    words, hosts = list[str](), len({host for host, _ in own.waters})
    if hosts < FEWEST_HOSTS:
        words.append(
            f"the floor is of {count(hosts, 'host')}: at least {FEWEST_HOSTS} are needed for an error."
        )
    empty = [
        radius
        for radius in own.radii
        for kind in own.kinds
        if not (own.floor(radius, kind).waters or own.too_small(radius, kind))
    ]
    if empty or not own.kinds:
        radii = ", ".join(number(radius) for radius in dict.fromkeys(empty or own.radii))
        words.append(
            f"no two composed frames of a water at {radii} Å: too few frames fit each other, or are no near "
            "copies; give frames of more `starts`, or a larger `tolerance`."
        )
    words += copies(own.item.values)
    if failed := own.item.values["without_label"]:
        words.append(f"the reference potential could not label {count(failed, 'composed frame')}.")
    return [Caution(part.name, f"Study {part.name}", one, Consequence.LIMITED) for one in words]


def copies(values: dict[str, Any]) -> list[str]:
    """Sentences on near copies among the donors that nothing can tell."""
    if not values["runs_stated"]:
        return [
            "the data do not say which frames are of one trajectory: near copies among hosts and donors, "
            "which make the floor too small, cannot be told; name each frame's run (`labels: {trajectory: "
            "…}`)."
        ]
    if short := values["runs_too_short"]:
        return [
            f"{short} of {count(values['runs'], 'sampling run')} have fewer than {FEWEST_INDEPENDENT:g} "
            "independent frames, too few to tell how long frames stay alike: what is left may still hold "
            "near copies, and the floor is a lower limit; sample longer, or give frames of more `starts`."
        ]
    return []

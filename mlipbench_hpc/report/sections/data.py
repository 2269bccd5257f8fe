"""Labelled data: sizes, sampling, dipoles, splits, and the receptive fields of models."""

from typing import Any

from mlipbench_hpc.potentials.card import cards
from mlipbench_hpc.report import dipoles, sampling, uncertainty
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import only, split_of
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Gallery,
    Paragraph,
    Section,
    Table,
    cautions,
)
from mlipbench_hpc.report.splits import dataset_warnings, offsets, separation
from mlipbench_hpc.report.splits import warnings as split_warnings
from mlipbench_hpc.report.text import NOTHING, number

NO_DIPOLE = "No frame with surface, intact water and slab dipole."


def build(results: Results) -> Content:
    """Tables of the datasets and splits, and the figures of their dipoles."""
    blocks: list[Block] = [data(results), *(Paragraph(words) for words in potentials(results))]
    blocks += [table for table in [sampling.table(results)] if table]
    if compared := dipoles.table(results):
        blocks += [compared, Gallery(dipoles.figures(results), NO_DIPOLE)]
    blocks.append(splits(results))
    blocks += [table for table in [separation(results), offsets(results)] if table]
    blocks += [table for table in [uncertainty.visibility(results)] if table]
    return Content(blocks, numbers(results), warnings=warnings(results))


def potentials(results: Results) -> list[str]:
    """Description of each reference potential that samples, labels or runs MD, from its card."""
    campaign = results.document["campaign"]
    entries = [*(campaign.get("datasets") or {}).values(), *(campaign.get("md") or {}).values()]
    uses = [use for entry in entries for use in (entry, *entry.values()) if isinstance(use, dict)]
    names = dict.fromkeys(str(use["potential"]) for use in uses if use.get("potential"))
    known = cards()
    return [
        f"Reference potential {name}: {known[name].description}"
        for name in names
        if name in known and known[name].description
    ]


def numbers(results: Results) -> dict[str, Any]:
    """Numbers of systems, datasets and splits for results.json."""
    by_name = {
        f"{kind}s": {item.subject[kind]: item.values for item in results.items if kind in item.subject}
        for kind in ("system", "dataset")
    }
    return by_name | {
        "sampling": sampling.numbers(results),
        "dipoles": {item.subject["frames"]: item.values for item in results.of("dipole") if item.done},
        "splits": {item.reported.label: item.values | _split_numbers(item) for item in results.of("split")},
    }


def _split_numbers(item: Item) -> dict[str, Any]:
    split = split_of(item)
    sizes = {name: len(split[name]) for name in ("validation", "test") if name in split}
    offsets = item.values.get("offsets", {})
    return sizes | {
        "offsets": {name: entry | _undetermined(entry) for name, entry in offsets.items()},
        "train": [len(member) for member in split.get("members", [])],
        "reference_energies_eV": split.get("reference_energies", {}),
    }


def _undetermined(offset: dict[str, Any]) -> dict[str, None]:
    """Numbers of an energy offset that a single frame does not determine."""
    return {} if offset["frames"] > 1 else {"scatter_meV_per_atom": None}


def warnings(results: Results) -> list[Caution]:
    """Warnings about each dataset and split."""
    every: list[Caution] = []
    for name in results.names("datasets"):
        place, about = f"dataset {name}", f"Dataset {name} ({sampling.about(results, name)})"
        every += cautions(place, about, sampling.warnings(results, name), Consequence.ERROR_UNKNOWN)
        every += cautions(place, about, dipoles.warnings(results, name), Consequence.NOTE)
        every += cautions(place, about, dataset_warnings(results, name), Consequence.NOTE)
    return every + cautions(
        "splits", "Splits (of labelled frames)", split_warnings(results), Consequence.WRONG
    )


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
    return Table("Labelled data; σ is the standard deviation of the labels.", header, rows, words=2)


def compositions(counts: dict[str, int]) -> str:
    """At most four compositions with their number of frames."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{formula} ({amount})" for formula, amount in ordered[:4]]
    return ", ".join(shown) + (f" and {len(ordered) - 4} more" if len(ordered) > 4 else "") or NOTHING


def splits(results: Results) -> Table:
    """Sizes of the held-out and training sets."""
    rows = []
    for item in results.of("split"):
        split = split_of(item)
        members = [len(member) for member in split.get("members", [])]
        sizes = sorted(set(members))
        rows.append([
            str(item.subject["split"]),
            only(results, str(item.subject["split"])) or "all",
            number(len(split["validation"])) if split else NOTHING,
            number(len(split["test"])) if split else NOTHING,
            " or ".join(map(number, sizes)) if sizes else NOTHING,
            number(len(members)) if split else NOTHING,
        ])  # fmt: skip
    header = ["split", "frames drawn from", "validation", "test", "training, each member", "members M"]
    caption = "Frames in each set; validation, test and training sets are disjoint."
    return Table(caption, header, rows, words=2)


def _milli(value: float | None) -> float | None:
    return None if value is None else 1000 * value


SECTION = Section("data", "Data", 50, build)

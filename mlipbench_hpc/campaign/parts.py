"""Parts of a campaign: some of its runs with all that they need, which is a campaign of the same tasks."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mlipbench_hpc.campaign.problem import Mistake, near
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.campaign.study import studies as kinds
from mlipbench_hpc.campaign.unfold import unfold

# Sections whose entries no part holds.
WITHOUT = ("speed", "scans", "locality", "reweighting")


class NoPart(ValueError):
    """A part that the campaign does not have; the message names those that it has."""


def check_parts(document: Mapping[str, Any], campaign: Campaign) -> Iterator[Mistake]:
    """Names under `parts` of no run, study or committee. document: as written, with its studies."""
    sections = (document.get(name) for name in ("md", "committees", "studies", "trajectories"))
    known = [name for section in sections if isinstance(section, dict) for name in section]
    made = unfold({"studies": campaign.studies})
    for part, names in campaign.parts.items():
        for index, name in enumerate(names):
            if name not in known:
                place, expected = (
                    ("parts", part, index),
                    "an entry of `md`, `committees`, `studies` or `trajectories`",
                )
                yield Mistake(place, "no such entry", repr(name), expected, near(name, known))
            elif lost := sorted(set(made.entries(name)) & set(WITHOUT)):
                place, received = ("parts", part, index), f"{name}, which makes {', '.join(lost)}"
                yield Mistake(place, "parts hold runs and committees", received, "another study")


def part_of(campaign: Campaign, part: str) -> Campaign:
    """The campaign of one of its `parts`: keys of its tasks are those that they have in the whole.

    What a study is compared with is another part, or named with it. Raises NoPart.
    """
    if part not in campaign.parts:
        known = ", ".join(campaign.parts) or "none: add `parts` to the campaign"
        raise NoPart(f"no part {part!r} in campaign `{campaign.name}`; it has {known}")
    names = set(campaign.parts[part])
    studies = {name: spec for name, spec in campaign.studies.items() if name in names}
    made = unfold({"studies": campaign.studies})
    for name in studies:
        if not made.entries(name):  # It says something of other entries, which are all that it needs.
            names |= named_by(studies[name])
    entries = {name: made.entries(name) for name in studies}
    runs = names | {run for own in entries.values() for run in own.get("md", [])}
    md = _chosen(campaign.md, runs)
    committees = names | {run.committee or "" for run in md.values()}
    committees |= {name for own in entries.values() for name in own.get("committees", [])}
    closed = _closed(campaign, md, _chosen(campaign.committees, committees), studies, names)
    return closed.model_copy(update={"trajectories": _chosen(campaign.trajectories, names)})


def named_by(spec: Mapping[str, Any]) -> set[str]:
    """Names of the entries that a study refers to, by the keys that its kind says."""
    values = [value for *_, value in kinds()[str(spec["kind"])].referred(spec)]
    return {name for value in values for name in (value if isinstance(value, list) else [value]) if name}


def _chosen(entries: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: entry for name, entry in entries.items() if name in names}


def _closed(
    campaign: Campaign,
    md: dict[str, Any],
    committees: dict[str, Any],
    studies: dict[str, Any],
    named: Collection[str],
) -> Campaign:
    """Campaign of these runs and committees, with the splits, models, datasets and systems that they need.

    named: datasets among them are part of it too.
    """
    splits = _chosen(campaign.splits, {one.split for one in committees.values()})
    datasets = _with_sources(
        campaign,
        [
            *(one.dataset for one in splits.values()),
            *(run.start.dataset for run in md.values()),
            *(name for name in campaign.datasets if name in named),
        ],
    )
    systems = {run.start.system for run in md.values()}
    systems |= {name for one in datasets.values() if one.generate for name in one.generate.origins}
    reweight = campaign.analysis.reweight
    if reweight and reweight.md is not None:
        reweight = reweight.model_copy(update={"md": [name for name in reweight.md if name in md]})
    comparisons = [own for own in campaign.analysis.comparisons if {own.run, own.against} <= set(md)]
    update = {
        "systems": _chosen(campaign.systems, systems),
        "datasets": datasets,
        "splits": splits,
        "models": _chosen(campaign.models, {one.model for one in committees.values()}),
        "committees": committees,
        "md": md,
        **{section: {} for section in WITHOUT},
        "studies": studies,
        "analysis": campaign.analysis.model_copy(update={"reweight": reweight, "comparisons": comparisons}),
    }
    return campaign.model_copy(update=update)


def _with_sources(campaign: Campaign, names: Iterable[str | None]) -> dict[str, Any]:
    """Datasets of these names, and those that they are made of, in the campaign's order."""
    waiting, needed = [name for name in names if name], set[str]()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        dataset = campaign.datasets[name]
        waiting += [dataset.label.frames] if dataset.label else dataset.join or []
    return _chosen(campaign.datasets, needed)

"""Unfold the studies of a campaign into ordinary entries: pure functions of the document."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlipbench_hpc.campaign.complaints import conform
from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.problem import Mistake, Place, near, shown
from mlipbench_hpc.campaign.recorded import Recorded
from mlipbench_hpc.campaign.references import lost
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.campaign.spec.base import NAME
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study, studies

STUDIES = "studies"


@dataclass(frozen=True)
class Home:
    """Study that made an entry: its name and keys, and the origins of the entry's values."""

    study: str
    keys: frozenset[str]
    origins: Mapping[Place, Place]

    def place(self, path: Place) -> Place:
        """Place in the study of what stands at `path` in the entry."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return (STUDIES, self.study, *self.origins[path[:length]], *path[length:])
        return (STUDIES, self.study, *(path if path and path[0] in self.keys else ()))


@dataclass(frozen=True)
class Unfolded:
    """A campaign's document in which the entries that studies make stand beside the user's own.

    wrong: mistakes in the studies themselves; homes: by section and name, the home of each of these entries.
    """

    document: Any
    wrong: list[Mistake] = field(default_factory=list)
    homes: dict[Place, Home] = field(default_factory=dict)

    def at_home(self, mistake: Mistake) -> Mistake:
        """The mistake at the line that the user wrote."""
        home = self.homes.get(mistake.place[:2])
        return replace(mistake, place=home.place(mistake.place[2:])) if home else mistake

    def follows(self, mistake: Mistake) -> bool:
        """True for a study, or a run, that is lacking because the study itself has mistakes."""
        if mistake.message not in ("no such study", "no such entry in `md`"):
            return False
        broken = {
            str(own.place[1]) for own in self.wrong if own.place[:1] == (STUDIES,) and len(own.place) > 1
        }
        broken -= {home.study for home in self.homes.values()}
        received = mistake.received.strip("'")
        return any(received == name or received.startswith(f"{name}-") for name in broken)

    def plain(self) -> dict[str, Any]:
        """The document without `studies`: an ordinary campaign with the same tasks."""
        return {key: value for key, value in self.document.items() if key != STUDIES}

    def entries(self, study: str) -> dict[str, list[str]]:
        """Names of the entries that a study made, by section."""
        names: dict[str, list[str]] = {}
        for (section, name), home in self.homes.items():
            if home.study == study:
                names.setdefault(str(section), []).append(str(name))
        return names


def unfold(document: Any) -> Unfolded:
    """The document with the entries of its studies; those with mistakes make none.

    Unless `analysis.reweight.md` says which runs are reweighted, those of studies are only where the study
    says so: their runs are many.
    """
    written = document.get(STUDIES) if isinstance(document, dict) else None
    if not isinstance(written, dict) or not written:
        return Unfolded(document)
    copied = {key: dict(value) if isinstance(value, dict) else value for key, value in document.items()}
    unfolded, table = Unfolded(copied), studies()
    named = {
        name: content
        for name, content in written.items()
        if isinstance(content, dict) and re.fullmatch(NAME, name)
    }
    for name, content in named.items():
        _unfold(unfolded, name, content, table)
    for name, content in named.items():
        unfolded.wrong.extend(_lost(unfolded.document, name, content, table))
    _reweight_runs(unfolded, {name for name in named if _reweights(named[name], table)})
    return unfolded


def check_studies(
    campaign: Campaign,
    datasets: Mapping[str, DatasetFacts],
    systems: Mapping[str, DatasetFacts],
    recorded: Recorded,
) -> Iterator[Mistake]:
    """Mistakes of studies that take the whole campaign to see, each at its place."""
    table, earlier = studies() if campaign.studies else {}, dict[str, dict[str, Any]]()
    for name, content in campaign.studies.items():
        study = _kind_of(content, table)
        spec = conform(content, study.spec)[0] if study else None
        if study is None or spec is None:
            continue
        before = earlier.setdefault(study.kind, {})
        examined = Examined(name, spec, dict(before), campaign, datasets, systems, recorded)
        for mistake in study.check(examined) if study.check else ():
            yield replace(mistake, place=(STUDIES, name, *mistake.place))
        before[name] = spec


def _unfold(unfolded: Unfolded, name: str, content: dict[str, Any], table: Mapping[str, Study[Any]]) -> None:
    """Add the entries of one study, and its mistakes."""
    place, study = (STUDIES, name), _kind_of(content, table)
    if study is None:
        unfolded.wrong.append(_unknown((*place, "kind"), content.get("kind"), table))
        return
    spec, wrong = conform(content, study.spec)
    unfolded.wrong.extend(replace(mistake, place=(*place, *mistake.place)) for mistake in wrong)
    if spec is not None:
        _add(unfolded, name, content, study.unfold(Asked(name, spec, content)))


def _kind_of(content: Mapping[str, Any], table: Mapping[str, Study[Any]]) -> Study[Any] | None:
    kind = content.get("kind")
    return table.get(kind) if isinstance(kind, str) else None


def _lost(
    document: Any, name: str, content: Mapping[str, Any], table: Mapping[str, Study[Any]]
) -> Iterator[Mistake]:
    """References of a study to entries that are not there, once every study has made its own."""
    study = _kind_of(content, table)
    for key, section, value in study.referred(content) if study else ():
        beside = "trajectories" if section == "md" else ""
        yield from lost(document, (STUDIES, name, *key.split(".")), value, section, beside)


def _unknown(place: Place, kind: object, table: Iterable[str]) -> Mistake:
    choices = f"one of {', '.join(sorted(table))}"
    if kind is None:
        return Mistake(place, "is required", "nothing", choices)
    return Mistake(place, "is not one of the choices", shown(kind), choices, near(kind, table))


def _add(unfolded: Unfolded, name: str, content: Mapping[str, Any], entries: Iterable[Entry]) -> None:
    """Add entries to their sections, except where the name is taken or the section is no mapping."""
    for entry in entries:
        section = unfolded.document.setdefault(entry.section, {})
        if not isinstance(section, dict):
            continue
        if entry.name in section:
            message = f"the study makes an entry of `{entry.section}` whose name is taken"
            expected = "another name for the study, or for that entry"
            unfolded.wrong.append(Mistake((STUDIES, name), message, repr(entry.name), expected))
            continue
        section[entry.name] = dict(entry.content)
        unfolded.homes[entry.section, entry.name] = Home(name, frozenset(content), entry.origins)


def _reweights(content: Mapping[str, Any], table: Mapping[str, Study[Any]]) -> bool:
    study = _kind_of(content, table)
    return study is not None and study.reweighted


def _reweight_runs(unfolded: Unfolded, reweighting: Collection[str]) -> None:
    """State the runs that are reweighted by default, where studies make runs.

    They are the user's own, and those of the studies in `reweighting`.
    """
    document, homes = unfolded.document, unfolded.homes.items()
    theirs = {name for (section, name), home in homes if section == "md" and home.study not in reweighting}
    analysis = document.setdefault("analysis", {}) if theirs else None
    reweight = analysis.get("reweight", {}) if isinstance(analysis, dict) else None
    if not isinstance(analysis, dict) or not isinstance(reweight, dict) or "md" in reweight:
        return
    own = [
        name
        for name, run in document["md"].items()
        if name not in theirs and isinstance(run, dict) and run.get("committee") is not None
    ]
    analysis["reweight"] = reweight | {"md": own}

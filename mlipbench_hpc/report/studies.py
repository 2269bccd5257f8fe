"""Parts of the results: what the campaign's own entries gave, and what each study made of its entry."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.campaign.study import Study, studies
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Caution, Content, Heading, Section
from mlipbench_hpc.report.sections import md, models

KINDS = ("committees", "md", "speed")


def own(results: Results) -> Results:
    """The results of the campaign's own committees, runs and timings, without those that studies made."""
    entries = [study["entries"] for study in _unfolded(results).values()]
    theirs = {kind: {name for own in entries for name in own.get(kind, [])} for kind in KINDS}
    if not any(theirs.values()):
        return results
    return _chosen(results, {kind: set(results.names(kind)) - theirs[kind] for kind in KINDS})


@dataclass(frozen=True)
class Part:
    """One study: its name, its entry in the campaign, and the results of what it made alone."""

    name: str
    spec: Any
    results: Results

    def with_runs(self, names: Iterable[str]) -> Results:
        """The part's results, and those of more entries of `md`."""
        mine = {kind: set(self.results.names(kind)) for kind in KINDS}
        mine["md"].update(names)
        return _chosen(self.results, mine)

    def beside(self, names: Iterable[str]) -> Results:
        """As `with_runs`, and with the committees that drive these."""
        runs = self.with_runs(names)
        drive = {runs.asked("md", name).get("committee") for name in runs.names("md")}
        mine = {kind: set(runs.names(kind)) for kind in KINDS}
        mine["committees"].update(name for name in drive if name)
        return _chosen(self.results, mine)


def parts(results: Results, kind: str) -> list[Part]:
    """The studies of one kind, in the order of the campaign."""
    spec = studies()[kind].spec
    return [
        Part(name, spec.model_validate(results.asked("studies", name)), _of_study(results, study["entries"]))
        for name, study in _unfolded(results).items()
        if study["kind"] == kind
    ]


def _unfolded(results: Results) -> Mapping[str, Any]:
    """By study its kind, and the names of the entries that it made."""
    unfolded: Mapping[str, Any] = results.document.get("studies") or {}
    return unfolded


def _of_study(results: Results, entries: Mapping[str, list[str]]) -> Results:
    return _chosen(results, {kind: set(entries.get(kind, [])) for kind in KINDS})


def _chosen(results: Results, names: Mapping[str, set[str]]) -> Results:
    return Results(results.document, results.items, names)


def section(study: Study[Any], order: int, content: Callable[[Part], Content], name: str = "") -> Section:
    """Section of all studies of one kind, each by `content`; name: its anchor, by default after the kind."""
    key = name or study.kind.replace("-", "_")

    def build(results: Results) -> Content:
        return _together(key, [(part, content(part)) for part in parts(results, study.kind)])

    return Section(key, study.title, order, build)


def _together(key: str, every: Iterable[tuple[Part, Content]]) -> Content:
    """One content of the studies of one kind, each below its name; key: of results.json.

    The numbers of a study also hold those of its committees and runs, as other sections give them of the
    campaign's own, and so do its warnings.
    """
    content = Content([])
    for part, mine in every:
        content.blocks.extend([Heading(part.name), *mine.blocks])
        content.numbers.setdefault(key, {})[part.name] = mine.numbers | _entries(part.results)
        content.verdict.extend(mine.verdict)
        content.warnings.extend([*mine.warnings, *_warnings(part.results)])
        content.summary.extend(mine.summary)
    return content


def _entries(results: Results) -> dict[str, Any]:
    return {
        "committees": {name: models.numbers_of(results, name) for name in results.names("committees")},
        "md": {name: md.numbers_of(results, name) for name in results.names("md")},
    }


def _warnings(results: Results) -> list[Caution]:
    decompositions = md.decompositions(results, results.names("md"))
    return [*models.warnings(results), *md.warnings(results, on_page=False), *decompositions]

"""Load a campaign (or any file of a given schema) and find every mistake in it at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from mlipbench_hpc.campaign.checkpoints import CheckpointFacts, check_checkpoints, checkpoint_facts
from mlipbench_hpc.campaign.complaints import conform
from mlipbench_hpc.campaign.document import parse
from mlipbench_hpc.campaign.facts import (
    DatasetFacts,
    built_facts,
    generated_facts,
    joined_facts,
    labelled_facts,
)
from mlipbench_hpc.campaign.files import Brought, file_facts, repeated
from mlipbench_hpc.campaign.parts import check_parts
from mlipbench_hpc.campaign.potentials import Potentials, check_potentials
from mlipbench_hpc.campaign.problem import CampaignError, Lines, Mistake, Place, Problem
from mlipbench_hpc.campaign.recorded import SECTION as RECORDED
from mlipbench_hpc.campaign.recorded import Opener, RecordedFiles, look, opened
from mlipbench_hpc.campaign.references import Architectures, check_names, check_references
from mlipbench_hpc.campaign.spec import Campaign, Dataset, Name
from mlipbench_hpc.campaign.unfold import check_studies, unfold
from mlipbench_hpc.potentials.card import cards

SECTIONS = (
    "systems", "datasets", "splits", "models", "committees", "md", "trajectories", "speed", "reweighting",
    "scans", "locality",
)  # fmt: skip
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Validated:
    """A campaign without a mistake: what each dataset and system holds, and where the user's files lie.

    files: of datasets and systems; models: trained ones; both by their place in the campaign.
    """

    campaign: Campaign
    datasets: Mapping[str, DatasetFacts]
    systems: Mapping[str, DatasetFacts]
    files: Mapping[Place, Path]
    models: Mapping[Place, Path] = field(default_factory=dict)
    recorded: Mapping[str, RecordedFiles] = field(default_factory=dict)

    @property
    def inputs(self) -> list[tuple[Path, str]]:
        """The user's files, each with its sha256."""
        facts = {"datasets": self.datasets, "systems": self.systems}
        data = [(path, facts[str(place[0])][str(place[1])].sha256) for place, path in self.files.items()]
        pinned = self.campaign.checkpoints
        own = data + [(path, str(pinned[place].sha256)) for place, path in self.models.items()]
        every = [one for files in self.recorded.values() for one in files.every]
        return own + [(one.path, one.sha256) for one in every]


class _Part(Campaign):
    """Campaign without the entries that have mistakes."""

    name: Name = "unnamed"
    datasets: dict[Name, Dataset] = Field(default_factory=dict)


def load(path: Path, model: type[Model]) -> tuple[Model, Lines]:
    """Read a YAML file of any schema; raises CampaignError with every mistake against that schema."""
    document, lines, problems = parse(path)
    value, wrong = conform(document, model)
    problems += [lines.problem(mistake) for mistake in wrong]
    if value is None or problems:
        raise CampaignError(problems)
    return value, lines


def load_campaign(path: Path) -> Campaign:
    """The campaign without a look at its data; raises CampaignError with every other mistake."""
    return _examine(path, None, with_data=False).campaign


def validate(path: Path, cache: Path | None = None, opener: Opener | None = None) -> Validated:
    """The campaign and its data; raises CampaignError with every mistake in either.

    cache: folder where facts about unchanged data files are remembered; opener: opens trajectories, whose
    readers are not installed here; without it they are hashed alone.
    """
    return _examine(path, cache, True, opener)


def _examine(path: Path, cache: Path | None, with_data: bool, opener: Opener | None = None) -> Validated:
    source, lines, problems = parse(path)
    unfolded = unfold(source)
    document = unfolded.document
    campaign, wrong = conform(document, Campaign)
    written, potentials = document if isinstance(document, dict) else {}, cards()
    wrong += [*unfolded.wrong, *check_names(written), *check_potentials(written, potentials)]
    known = _Known(campaign or _sound_part(document, wrong), path.parent, potentials)
    if known.campaign:
        known.look(cache, with_data)
        if opener:
            known.open_trajectories(opener, cache)
        wrong += known.wrong
        architectures = _architectures(known.campaign)
        facts = known.datasets, known.systems
        wrong += check_references(known.campaign, *facts, architectures, potentials, known.recorded)
        wrong += check_checkpoints(known.campaign, known.checkpoints, known.datasets, architectures)
        wrong += check_parts(written, known.campaign)
        wrong += check_studies(known.campaign, *facts, known.recorded)
    own = (mistake for mistake in wrong if not unfolded.follows(mistake))
    problems += [lines.problem(mistake) for mistake in _once(map(unfolded.at_home, own))]
    if campaign is None or problems:
        raise CampaignError(problems)
    return Validated(campaign, known.datasets, known.systems, known.files, known.models, known.recorded)


def _once(wrong: Iterable[Mistake]) -> list[Mistake]:
    return list(dict.fromkeys(wrong))


def _sound_part(document: object, wrong: list[Mistake]) -> Campaign | None:
    """The campaign without the entries that have mistakes, so that the others are examined all the same."""
    if not isinstance(document, dict):
        return None
    sound = {key: dict(value) if isinstance(value, dict) else value for key, value in document.items()}
    for mistake in wrong:
        _drop(sound, mistake.place)
    try:
        return _Part.model_validate(sound)
    except ValidationError:
        return None


def _drop(document: dict[str, Any], place: Place) -> None:
    section = str(place[0]) if place else ""
    if section in SECTIONS and len(place) > 1 and isinstance(document.get(section), dict):
        document[section].pop(place[1], None)
    else:
        document.pop(section, None)


@dataclass
class _Known:
    """Facts of the sound part of a campaign; relative paths start at `folder`, the campaign file's."""

    campaign: Campaign | None
    folder: Path
    potentials: Potentials
    systems: dict[str, DatasetFacts] = field(default_factory=dict)
    datasets: dict[str, DatasetFacts] = field(default_factory=dict)
    checkpoints: dict[Place, CheckpointFacts] = field(default_factory=dict)
    wrong: list[Mistake] = field(default_factory=list)
    recorded: dict[str, RecordedFiles] = field(default_factory=dict)

    @property
    def brought(self) -> dict[Place, Brought]:
        """Entries of the user's files, which say how these are read, by place."""
        if self.campaign is None:
            return {}
        datasets, systems = self.campaign.datasets.items(), self.campaign.systems.items()
        files: dict[Place, Brought] = {
            ("datasets", name, one.brought[0]): one.brought[1] for name, one in datasets if one.brought
        }
        return files | {
            ("systems", name, "structure"): one.structure for name, one in systems if one.structure
        }

    @property
    def files(self) -> dict[Place, Path]:
        """Where they lie."""
        return {place: self.folder / _at_home(one.path) for place, one in self.brought.items()}

    @property
    def models(self) -> dict[Place, Path]:
        """Where trained models lie."""
        pinned = self.campaign.checkpoints if self.campaign else {}
        return {place: self.folder / _at_home(one.path) for place, one in pinned.items()}

    def look(self, cache: Path | None, with_data: bool) -> None:
        """Fill in `systems`, `datasets`, `checkpoints`, `wrong`; files are only looked at `with_data`."""
        assert self.campaign is not None
        built = {name: built_facts(system) for name, system in self.campaign.systems.items()}
        self.systems |= {name: facts for name, facts in built.items() if facts}
        for place, one in self.brought.items() if with_data else ():
            self._look_at(place, one, cache)
        for place, pinned in self.campaign.checkpoints.items() if with_data else ():
            found = checkpoint_facts(place, self.models[place], pinned, cache)
            if isinstance(found, Mistake):
                self.wrong.append(found)
            else:
                self.checkpoints[place] = found
        for name, dataset in self.campaign.datasets.items():
            if dataset.generate and set(dataset.generate.origins) <= set(self.systems):
                self.datasets[name] = generated_facts(
                    dataset.generate, self.systems, self._answers(dataset.generate.potential)
                )
        self._derived()
        self._compare_joined(cache)
        for name, entry in self.campaign.trajectories.items() if with_data else ():
            files, wrong = look((RECORDED, name), entry, self.folder, cache)
            self.wrong += wrong
            self.recorded |= {name: files} if files else {}

    def open_trajectories(self, opener: Opener, cache: Path | None) -> None:
        """Fill in what the files of `recorded` hold."""
        assert self.campaign is not None
        self.recorded, wrong = opened(self.campaign, self.recorded, opener, cache)
        self.wrong += wrong

    def _look_at(self, place: Place, one: Brought, cache: Path | None) -> None:
        facts = file_facts(self.files[place], one, cache)
        if isinstance(facts, DatasetFacts):
            {"datasets": self.datasets, "systems": self.systems}[str(place[0])][str(place[1])] = facts
        else:
            self.wrong += [Mistake((*place, p.field), p.message, p.received, p.expected) for p in facts]

    def _derived(self) -> None:
        """Datasets made of others hold what those hold; resolved step by step."""
        assert self.campaign is not None
        waiting = {name: one for name, one in self.campaign.datasets.items() if one.label or one.join}
        while ready := [name for name, one in waiting.items() if set(sources(one)) <= set(self.datasets)]:
            for name in ready:
                self.datasets[name] = self._made_of(waiting.pop(name))

    def _compare_joined(self, cache: Path | None) -> None:
        """A structure in two joined files could be in training and test at the same time."""
        assert self.campaign is not None
        files = {
            place[1]: (self.files[place], entry)
            for place, entry in self.brought.items()
            if place[0] == "datasets"
        }
        for name, dataset in self.campaign.datasets.items():
            parts = {
                part: files[part] for part in dataset.join or [] if part in files and part in self.datasets
            }
            if len(parts) > 1 and (same := repeated(parts, cache)):
                expected = "each structure once, else it can be in training and test at the same time"
                self.wrong.append(Mistake(("datasets", name, "join"), same, "", expected))

    def _made_of(self, dataset: Dataset) -> DatasetFacts:
        parts = {name: self.datasets[name] for name in sources(dataset)}
        if dataset.label:
            return labelled_facts(parts[dataset.label.frames], self._answers(dataset.label.potential))
        return joined_facts(parts)

    def _answers(self, potential: str) -> Sequence[str]:
        """Answers of a potential besides energies and forces; none of an unknown one, which is a mistake."""
        return self.potentials[potential].answers if potential in self.potentials else ()


def _at_home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~somebody who is unknown here
        return Path(path)


def sources(dataset: Dataset) -> list[str]:
    """The datasets that this one is made of."""
    return [dataset.label.frames] if dataset.label else dataset.join or []


def _architectures(campaign: Campaign) -> Architectures:
    from mlipbench_hpc.architectures.card import find

    return {name: architecture.card for name, architecture in find().items()} if campaign.models else {}


__all__ = ["CampaignError", "Lines", "Problem", "Validated", "load", "load_campaign", "validate"]

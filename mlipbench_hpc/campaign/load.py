"""Load a campaign (or any file of a given schema) and find every mistake in it at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from mlipbench_hpc.campaign.complaints import mistakes
from mlipbench_hpc.campaign.document import parse
from mlipbench_hpc.campaign.facts import DatasetFacts, file_facts, generated_facts
from mlipbench_hpc.campaign.problem import CampaignError, Lines, Mistake, Place, Problem, shown
from mlipbench_hpc.campaign.references import Architectures, check_names, check_references
from mlipbench_hpc.campaign.spec import Campaign, Dataset, Name

SECTIONS = ("systems", "datasets", "splits", "models", "committees", "md")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Validated:
    """A campaign without a mistake: what each dataset holds, and where the user's files lie."""

    campaign: Campaign
    datasets: Mapping[str, DatasetFacts]
    files: Mapping[str, Path]


class _Part(Campaign):
    """What is left of a campaign when the entries with mistakes are taken out."""

    name: Name = "unnamed"
    datasets: dict[Name, Dataset] = Field(default_factory=dict)


def load(path: Path, model: type[Model]) -> tuple[Model, Lines]:
    """Read a YAML file of any schema; raises CampaignError with every mistake against that schema."""
    document, lines, problems = parse(path)
    value, wrong = _conform(document, model)
    problems += [lines.problem(mistake) for mistake in wrong]
    if value is None or problems:
        raise CampaignError(problems)
    return value, lines


def load_campaign(path: Path) -> Campaign:
    """The campaign without a look at its data; raises CampaignError with every other mistake."""
    return _examine(path, None, with_data=False).campaign


def validate(path: Path, cache: Path | None = None) -> Validated:
    """The campaign and its data; raises CampaignError with every mistake in either.

    cache: folder where facts about unchanged data files are remembered.
    """
    return _examine(path, cache, with_data=True)


def _examine(path: Path, cache: Path | None, with_data: bool) -> Validated:
    document, lines, problems = parse(path)
    campaign, wrong = _conform(document, Campaign)
    wrong += check_names(document if isinstance(document, dict) else {})
    sound = campaign or _sound_part(document, wrong)
    files, facts = _sources(path, sound), dict[str, DatasetFacts]()
    if sound:
        facts, bad_data = _facts(sound, files, cache) if with_data else (_generated(sound), [])
        wrong += bad_data + check_references(sound, facts, _architectures(sound))
    problems += [lines.problem(mistake) for mistake in _once(wrong)]
    if campaign is None or problems:
        raise CampaignError(problems)
    return Validated(campaign, facts, files)


def _once(wrong: list[Mistake]) -> list[Mistake]:
    return list(dict.fromkeys(wrong))


def _conform(document: Any, model: type[Model]) -> tuple[Model | None, list[Mistake]]:
    if not isinstance(document, dict):
        return None, [Mistake((), "the file is no mapping", shown(document), "`name: value` lines")]
    try:
        return model.model_validate(document), []
    except ValidationError as error:
        return None, mistakes(error, model, document)


def _sound_part(document: Any, wrong: list[Mistake]) -> Campaign | None:
    """The campaign without the entries that have mistakes, so that the others are examined all the same."""
    if not isinstance(document, dict):
        return None
    kept = {key: dict(value) if isinstance(value, dict) else value for key, value in document.items()}
    for mistake in wrong:
        _drop(kept, mistake.place)
    try:
        return _Part.model_validate(kept)
    except ValidationError:
        return None


def _drop(document: dict[str, Any], place: Place) -> None:
    section = str(place[0]) if place else ""
    if section in SECTIONS and len(place) > 1 and isinstance(document.get(section), dict):
        document[section].pop(place[1], None)
    else:
        document.pop(section, None)


def _sources(path: Path, campaign: Campaign | None) -> dict[str, Path]:
    """Where the users' data lie: relative paths start at the campaign file."""
    datasets = campaign.datasets if campaign else {}
    return {name: path.parent / _at_home(one.file.path) for name, one in datasets.items() if one.file}


def _at_home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~somebody who is unknown here
        return Path(path)


def _generated(campaign: Campaign) -> dict[str, DatasetFacts]:
    return {
        name: generated_facts(one.generate, campaign.systems[one.generate.system])
        for name, one in campaign.datasets.items()
        if one.generate and one.generate.system in campaign.systems
    }


def _facts(
    campaign: Campaign, files: Mapping[str, Path], cache: Path | None
) -> tuple[dict[str, DatasetFacts], list[Mistake]]:
    """What the readable datasets hold, and what is wrong with the others."""
    facts, wrong = _generated(campaign), list[Mistake]()
    for name, source in files.items():
        dataset = campaign.datasets[name].file
        assert dataset is not None
        found = file_facts(source, dataset, cache)
        if isinstance(found, DatasetFacts):
            facts[name] = found
        else:
            wrong += [
                Mistake(("datasets", name, "file", p.field), p.message, p.received, p.expected) for p in found
            ]
    return facts, wrong


def _architectures(campaign: Campaign) -> Architectures:
    from mlipbench_hpc.architectures.card import find

    return {name: found.card for name, found in find().items()} if campaign.models else {}


__all__ = ["CampaignError", "Lines", "Problem", "Validated", "load", "load_campaign", "validate"]

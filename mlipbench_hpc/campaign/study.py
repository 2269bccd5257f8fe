"""Studies: what unfolds an entry of `studies` into ordinary entries, and the table of those installed."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

import mlipbench_hpc
from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.problem import Mistake, Place, StudyError
from mlipbench_hpc.campaign.recorded import Recorded
from mlipbench_hpc.campaign.spec import Campaign, Spec
from mlipbench_hpc.campaign.spec.base import NAME

# The room of the suite's own studies, and the entry points of those of other packages.
ROOM = "mlipbench_hpc.studies"
SpecOf = TypeVar("SpecOf", bound=Spec)


@dataclass(frozen=True)
class Asked(Generic[SpecOf]):
    """One entry of `studies`: its name, its content by the study's schema, and as it is written."""

    name: str
    spec: SpecOf
    written: Mapping[str, Any]


@dataclass(frozen=True)
class Examined(Generic[SpecOf]):
    """One entry of `studies` by its schema, beside the sound part of its campaign.

    earlier: entries of the same kind that stand before it, by name; datasets, systems, recorded: what they
    hold, where that is known.
    """

    name: str
    spec: SpecOf
    earlier: Mapping[str, SpecOf]
    campaign: Campaign
    datasets: Mapping[str, DatasetFacts]
    systems: Mapping[str, DatasetFacts]
    recorded: Recorded = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """An ordinary entry that a study makes, as a user would write it.

    section: splits, committees, md, …; content: plain values of YAML, quantities with their unit. origins:
    by path within the content, the path within the study's entry that says the value; what is not listed is
    said by the study's key of the same name, or by the study as a whole.
    """

    section: str
    name: str
    content: Mapping[str, Any]
    origins: Mapping[Place, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class Study(Generic[SpecOf]):
    """One kind of study.

    kind: its word in campaigns; spec: schema of an entry, whose `kind` is this word; unfold: the entries that
    it makes, named after the study; a pure function. references: by key of an entry (`check.run` in one of
    its mappings), the section of the campaign where its value has to be, for keys that no made entry holds.
    reweighted: whether its runs are reweighted to all members, as the campaign's own are by default. check:
    mistakes that take the whole campaign to see, at places within the study's entry.
    """

    kind: str
    title: str
    spec: type[SpecOf]
    unfold: Callable[[Asked[SpecOf]], Iterable[Entry]]
    references: Mapping[str, str] = field(default_factory=dict)
    reweighted: bool = False
    check: Callable[["Examined[SpecOf]"], Iterable[Mistake]] | None = None

    def referred(self, content: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """Each key of `references`, its section, and what an entry as written has there, or None."""
        for key, section in self.references.items():
            value: Any = content
            for part in key.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            yield key, section, value


def studies() -> dict[str, Study[Any]]:
    """By kind: `STUDY` of every module in `mlipbench_hpc/studies`, and what packages register.

    They register entry points of the group `mlipbench_hpc.studies`. Modules are found by their place, as
    adapters are, because they stand on this room. Raises StudyError.
    """
    folder = Path(mlipbench_hpc.__file__).parent / "studies"
    names = [module.name for module in pkgutil.iter_modules([str(folder)]) if not module.ispkg]
    own: list[Study[Any]] = [importlib.import_module(f"{ROOM}.{name}").STUDY for name in names]
    every = [*own, *map(_plugin, entry_points(group=ROOM))]
    kinds = Counter(study.kind for study in every)
    if twice := sorted(kind for kind, times in kinds.items() if times > 1):
        raise StudyError(f"studies: {', '.join(twice)} is registered twice; rename yours")
    return {study.kind: study for study in every}


def _plugin(entry: EntryPoint) -> Study[Any]:
    study = entry.load()
    if isinstance(study, Study):
        return study
    raise StudyError(
        f"entry point {entry.name} of {ROOM}: received {type(study).__name__} from {entry.value}, "
        "expected a Study of mlipbench_hpc.campaign.study"
    )


def json_schema() -> dict[str, Any]:
    """JSON Schema of campaigns with the studies of this installation."""
    from pydantic.json_schema import models_json_schema

    specs: list[type[Spec]] = [study.spec for study in studies().values()]
    # Together, so that models of equal names in several packages have names of their own.
    every: list[type[Spec]] = [Campaign, *specs]
    references, together = models_json_schema([(spec, "validation") for spec in every])
    definitions = together["$defs"]
    schema: dict[str, Any] = definitions.pop(references[Campaign, "validation"]["$ref"].rpartition("/")[2])
    choices = {"oneOf": [references[spec, "validation"] for spec in specs]}
    schema["properties"]["studies"]["patternProperties"] = {NAME: choices}
    return schema | {"$defs": definitions}

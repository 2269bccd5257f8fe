"""The table of verbs: what a task can be, in the order in which a campaign needs them.

A package outside this one adds a verb by an entry point of group `mlipbench_hpc.verbs` that leads to a Verb,
whose name is the dotted module that the worker runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

GROUP = "mlipbench_hpc.verbs"


class VerbError(ValueError):
    """A verb is not in the table, or an entry point adds one that cannot be used: its author corrects it."""


@dataclass(frozen=True)
class Verb:
    """One row of the table.

    environment: where its tasks run; empty: in that of the architecture or reference potential that they use.
    consumes: verbs whose results its tasks read. consequence: what a campaign lacks where such a task failed.
    parameters: of a verb from outside: those of its tasks, one for each task of the one verb it consumes.
    """

    name: str
    environment: str
    consumes: tuple[str, ...]
    consequence: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_foreign(self) -> bool:
        """Whether a package outside this one adds it."""
        return "." in self.name

    @property
    def module(self) -> str:
        """What the worker imports and runs."""
        return self.name if self.is_foreign else f"mlipbench_hpc.worker.{self.name}"


BUILT_IN = (
    Verb("build", "analysis", ("build", "label"), "what is made from this dataset or structure is missing"),
    Verb("label", "", ("build",), "the dataset is missing, and all that is trained on it"),
    Verb("dipole", "analysis", ("build", "label"), "P_z of these data is not compared with the slab dipole"),
    Verb("split", "analysis", ("build", "label"), "no committee of this split can be trained"),
    Verb(
        "visibility", "analysis", ("build", "label"),
        "it is not known whether this model can see the charge of the surface",
    ),
    Verb("train", "", ("build", "label", "split"), "the committee lacks a member, and MD that it drives"),
    Verb("evaluate", "", ("train", "split"), "this member has no errors and enters no mean"),
    Verb("calibrate", "analysis", ("evaluate",), "the committee has no α, and none of its MD is reweighted"),
    Verb("decide", "analysis", ("evaluate",), "it is not known whether another round is needed"),
    Verb("md", "", ("build", "label", "train"), "this run has no energies, temperature or structure"),
    Verb("analyse", "analysis", ("md",), "this run has no averages and no profiles"),
    Verb("reevaluate", "", ("md", "train"), "this run is not reweighted to the other members"),
    Verb("reweight", "analysis", ("md", "reevaluate", "calibrate"), "this run has no committee band"),
)  # fmt: skip


@cache
def verbs() -> dict[str, Verb]:
    """Every verb by name, those from outside last. Raises VerbError for one that cannot be used."""
    table = {verb.name: verb for verb in BUILT_IN}
    for entry in sorted(entry_points(group=GROUP)):
        verb = entry.load()
        if not isinstance(verb, Verb) or not verb.is_foreign or len(verb.consumes) != 1:
            raise VerbError(f"{entry.value}: expected a Verb, named after its module, that consumes one verb")
        if verb.name in table or verb.consumes[0] not in table or not verb.environment:
            raise VerbError(f"{entry.value}: its name is taken, it has no environment, or consumes no verb")
        table[verb.name] = verb
    return table


def verb_of(name: str) -> Verb:
    """The row of a verb. Raises VerbError for one that is not in the table."""
    try:
        return verbs()[name]
    except KeyError:
        raise VerbError(f"no verb is called {name!r}: there are {', '.join(verbs())}") from None


def module_of(name: str) -> str:
    """What the worker imports: an image holds no entry points, so a foreign verb is named as its module."""
    return name if "." in name else verb_of(name).module

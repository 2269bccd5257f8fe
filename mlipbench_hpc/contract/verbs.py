"""The table of verbs: what a task can be, in the order in which a campaign needs them.

A package outside this one adds a verb by an entry point of group `mlipbench_hpc.verbs` that leads to a Verb,
whose name is the dotted module that the worker runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from mlipbench_hpc.contract.engines import ENGINES

GROUP = "mlipbench_hpc.verbs"


class VerbError(ValueError):
    """A verb is not in the table, or an entry point adds one that cannot be used: its author corrects it."""


@dataclass(frozen=True)
class Verb:
    """One row of the table.

    environment: where its tasks run; empty: in that of the architecture or reference potential that they use.
    consumes: verbs whose results its tasks read. consequence: what a campaign lacks where such a task failed.
    parameters: of a verb from outside: those of its tasks, one for each task of the one verb it consumes.
    imports: modules that it imports by their name in a table, which its source alone does not show.
    alone: its tasks measure times, so on one machine nothing else of a campaign runs beside them.
    """

    name: str
    environment: str
    consumes: tuple[str, ...]
    consequence: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    alone: bool = False

    @property
    def is_foreign(self) -> bool:
        """True where a package outside this one adds the verb."""
        return "." in self.name

    @property
    def module(self) -> str:
        """Module that the worker imports and runs."""
        return self.name if self.is_foreign else f"mlipbench_hpc.worker.{self.name}"


BUILT_IN = (
    Verb("build", "analysis", ("build", "label"), "no dataset or structure, nor anything derived from it"),
    Verb("label", "", ("build",), "no dataset, nor anything trained on it"),
    Verb("dipole", "analysis", ("build", "label"), "no relation between P_z and slab dipole for these data"),
    Verb("split", "analysis", ("build", "label"), "no committee on this split"),
    Verb(
        "visibility", "analysis", ("build", "label"),
        "unknown whether this model resolves the surface charge",
    ),
    Verb("adopt", "", (), "no model from this file, nor one trained from it"),
    Verb(
        "train", "", ("build", "label", "split", "adopt"), "a smaller committee, or MD without driving member"
    ),
    Verb(
        "kernel", "", ("build", "label", "split", "train", "adopt"),
        "no errors of this member, nor MD that it drives",
    ),
    Verb(
        "evaluate", "", ("train", "adopt", "kernel", "split"),
        "no errors of this member; means are over the others",
    ),
    Verb(
        "calibrate", "analysis", ("build", "label", "evaluate"),
        "no α for this committee, and no reweighting of its MD",
    ),
    Verb("decide", "analysis", ("evaluate",), "no decision on another round"),
    Verb(
        "md", "", ("build", "label", "train", "adopt", "kernel"),
        "no energies, temperatures or structure of this run",
        imports=tuple(entry.module for entry in ENGINES.values()),
    ),
    Verb("record", "analysis", (), "no reference run from this file of yours"),
    Verb(
        "speed", "", ("build", "label", "train", "adopt", "kernel"), "no measured speed of this model",
        imports=tuple(entry.module for entry in ENGINES.values()), alone=True,
    ),
    Verb(
        "scan", "", ("build", "label", "train", "adopt", "kernel"),
        "no energy and force of this model along scans",
    ),
    Verb("locality", "", ("build", "label", "split"), "unknown what a water feels from beyond a radius"),
    Verb(
        "analyse", "analysis", ("md", "record"),
        "no averages, radial distributions or profiles of this run",
    ),
    Verb(
        "reevaluate", "", ("md", "train", "adopt", "kernel"),
        "no reweighting of this run to the other members",
    ),
    Verb("reweight", "analysis", ("md", "reevaluate", "calibrate"), "no training band for this run"),
)  # fmt: skip


@cache
def verbs() -> dict[str, Verb]:
    """Every verb by name, those from outside last and each behind the verb that it consumes.

    Raises VerbError for one that cannot be used, and for verbs that consume one another in a circle.
    """
    table = {verb.name: verb for verb in BUILT_IN}
    waiting = _from_outside()
    while waiting:
        following = {name: verb for name, verb in waiting.items() if verb.consumes[0] in table}
        if not following:
            circle = " consumes ".join(_circle(waiting))
            raise VerbError(f"verbs consume one another in a circle: {circle}; let one consume another verb")
        table |= following
        waiting = {name: verb for name, verb in waiting.items() if name not in following}
    return table


def _from_outside() -> dict[str, Verb]:
    """Verbs of other packages by name, sorted. Raises VerbError for one that cannot be used by itself."""
    own, foreign = {verb.name for verb in BUILT_IN}, dict[str, tuple[str, Verb]]()
    for entry in sorted(entry_points(group=GROUP)):
        verb = entry.load()
        if not isinstance(verb, Verb) or not verb.is_foreign or len(verb.consumes) != 1:
            raise VerbError(f"{entry.value}: expected a Verb, named after its module, that consumes one verb")
        if verb.name in foreign or not verb.environment:
            raise VerbError(f"{entry.value}: its name is taken, or it has no environment")
        foreign[verb.name] = entry.value, verb
    for value, verb in foreign.values():
        if verb.consumes[0] not in own | set(foreign):
            raise VerbError(f"{value}: it consumes {verb.consumes[0]!r}, which is no verb")
    return {name: foreign[name][1] for name in sorted(foreign)}


def _circle(waiting: Mapping[str, Verb]) -> list[str]:
    """Names around a circle, the first again at the end, in verbs that wait for one another alone."""
    path, name = list[str](), next(iter(waiting))
    while name not in path:
        path.append(name)
        name = waiting[name].consumes[0]
    return [*path[path.index(name) :], name]


def verb_of(name: str) -> Verb:
    """The row of a verb. Raises VerbError for one that is not in the table."""
    try:
        return verbs()[name]
    except KeyError:
        raise VerbError(f"no verb is called {name!r}: there are {', '.join(verbs())}") from None


def module_of(name: str) -> str:
    """Module that the worker imports: images hold no entry points, so a foreign verb has that name."""
    return name if "." in name else verb_of(name).module

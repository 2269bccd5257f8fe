"""Cards of reference potentials: their properties, read on the login node without importing an adapter.

    name = "electrode"
    environment = "reference"     # in which its adapter is imported
    engines = ["lammps"]          # in which it runs MD; [] where it runs none
    samples = true                # whether it samples frames for `generate`
    elements = [1, 8, 11, 79]     # atomic numbers that it labels; left out: all
    cutoff = 9.0                  # Å, of pair interactions; left out: none
    answers = ["dipole"]          # labels beyond energy and forces, of ANSWERS
    description = "what it is"    # for the report: force field, charges, images, cutoffs; left out: none

    [[needs]]                     # an element that every frame has to contain
    element = 79
    reason = "why"

    [options.NAME]                # of every use in a campaign; a table as an architecture's hyperparameter,
                                  # `legacy` too: a task's parameters leave the option out at that value
    [sampling.NAME]               # of `generate` alone

    [cost]                        # core-seconds (see architectures/law.py)

Its version is that of its source, as an architecture's is: see contract/versions.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mlipbench_hpc.architectures.card import (
    CardError,
    Problem,
    check_keys,
    check_settings,
    checked_card,
    named_cards,
    plugins,
    unknown_engines,
)
from mlipbench_hpc.architectures.hyperparameters import (
    Hyperparameter,
    keyed,
    legacy_values,
    merged,
    settings_of,
)
from mlipbench_hpc.architectures.law import Laws, complaints
from mlipbench_hpc.contract.task import Potential
from mlipbench_hpc.contract.versions import Source, version

GROUP = "mlipbench_hpc.potentials"
BUILT_IN = Path(__file__).parent
# charges e of all atoms; potential V of an electrode; dipole e·Å along z (see data/answers.py).
ANSWERS = ("charges", "potential", "dipole")
KINDS: dict[str, type] = {
    "name": str, "environment": str, "samples": bool, "engines": list, "cost": dict, "elements": list,
    "description": str,
}  # fmt: skip
Use = Literal["generate", "label", "md"]


@dataclass(frozen=True)
class Need:
    """Element (atomic number) that every frame has to contain, with the reason."""

    element: int
    reason: str


@dataclass(frozen=True)
class Card:
    """card.toml of one reference potential (see above)."""

    name: str
    environment: str
    engines: tuple[str, ...]
    samples: bool
    cost: Laws
    elements: tuple[int, ...] = ()
    cutoff: float | None = None
    answers: tuple[str, ...] = ()
    description: str = ""
    needs: tuple[Need, ...] = ()
    options: Mapping[str, Hyperparameter] = field(default_factory=dict)
    sampling: Mapping[str, Hyperparameter] = field(default_factory=dict)

    def settings(self, use: Use) -> Mapping[str, Hyperparameter]:
        """Options that a campaign may state where it uses the potential."""
        return {**self.options, **self.sampling} if use == "generate" else self.options

    def with_options(
        self, use: Use, parameters: Mapping[str, Any], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Parameters of a task with every option at its value or default, without those at a legacy value.

        Raises CardError for an option that has the name of a parameter.
        """
        settings = self.settings(use)
        if taken := sorted(set(settings) & set(parameters)):
            raise CardError(f"card of {self.name}: `{taken[0]}` is a parameter of {use}: rename this option")
        return {**parameters, **keyed(settings, merged(settings, {}, values))}

    @property
    def legacy(self) -> dict[str, Any]:
        """Legacy value of every option that has one."""
        return legacy_values(self.settings("generate"))


def load_card(path: Path) -> Card:
    """Read and check a card.toml; raises CardError naming all its mistakes."""
    return checked_card(path, _unreadable, _read, _inconsistent)


def _read(data: dict[str, Any]) -> Card:
    plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
    plain["needs"] = tuple(Need(**table) for table in data.get("needs", ()))
    for section in ("options", "sampling"):
        plain[section] = settings_of(data, section)
    return Card(**plain)


def _unreadable(data: dict[str, Any]) -> list[Problem]:
    """Missing and unknown keys, and values of another type."""
    optional = {item.name for item in fields(Card) if item.default is not MISSING}
    optional |= {item.name for item in fields(Card) if item.default_factory is not MISSING}
    wrong = check_keys(data, "", {item.name for item in fields(Card)}, optional)
    for name, kind in KINDS.items():
        if name in data and not isinstance(data[name], kind):
            wrong.append((name, f"expected {kind.__name__}, received {data[name]!r}"))
    for index, table in enumerate(data.get("needs", ())):
        wrong += check_keys(table, f"needs.{index}", {"element", "reason"}, set())
    for section in ("options", "sampling"):
        wrong += check_settings(data.get(section, {}), section)
    return wrong


def _inconsistent(card: Card) -> list[Problem]:
    """Defaults outside their own limits, settings that potentials do not have, and laws without a value."""
    wrong = [
        (f"answers.{name}", f"expected one of {', '.join(ANSWERS)}")
        for name in card.answers
        if name not in ANSWERS
    ]
    strange = [value for value in card.elements if type(value) is not int]
    wrong += [("elements", f"expected atomic numbers, received {value!r}") for value in strange]
    wrong += unknown_engines(card.engines)
    wrong += [*_settings("options", card.options), *_settings("sampling", card.sampling)]
    twice = sorted(set(card.options) & set(card.sampling))
    wrong += [(f"sampling.{name}", "an option of that name is there too") for name in twice]
    needed = ("start", "label", *(["sample"] if card.samples else []))
    defaults = {"defaults": {name: setting.default for name, setting in card.settings("generate").items()}}
    laws = complaints(card.cost, card.engines, defaults, needed)
    return wrong + [(f"cost.{name}", message) for name, message in laws]


def _settings(section: str, settings: Mapping[str, Hyperparameter]) -> Iterator[Problem]:
    for name, setting in settings.items():
        if complaint := setting.complaint(setting.default):
            yield f"{section}.{name}.default", complaint
        if setting.legacy is not None and (complaint := setting.complaint(setting.legacy)):
            yield f"{section}.{name}.legacy", complaint
        for key in ("less_than", "at_most"):
            if getattr(setting, key) is not None:
                yield f"{section}.{name}", f"options have no `{key}`"


@dataclass(frozen=True)
class InstalledPotential:
    """Installed reference potential: dotted module, its folder, and its card."""

    name: str
    module: str
    folder: Path
    card: Card

    @cached_property
    def adapter(self) -> Potential:
        """Name, module and version for a task: version of verbs.lock, or digest of a source unknown there."""
        source = Source.here().package(self.module, self.folder)
        return Potential(self.name, self.module, version("potentials", self.name, source, self.card.legacy))


def find() -> dict[str, InstalledPotential]:
    """All reference potentials by name: built-in folders, then entry points of GROUP.

    Raises CardError for a broken card, an entry point without folder or card, or a name used twice.
    """
    named = named_cards(plugins(str(__package__), BUILT_IN, GROUP), load_card)
    return {name: InstalledPotential(name, *place) for name, place in named.items()}


def cards() -> dict[str, Card]:
    """Cards of all reference potentials, by name."""
    return {name: potential.card for name, potential in find().items()}

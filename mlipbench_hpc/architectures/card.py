"""Cards of architectures: their properties, read on the login node without importing an engine.

[cost] holds laws of core-seconds as functions of hyperparameters and system (law.py).
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mlipbench_hpc.architectures.hyperparameters import (
    TYPES,
    Hyperparameter,
    disorder,
    legacy_values,
    limited,
    merged,
    settings_of,
)
from mlipbench_hpc.architectures.kernel import BY, Kernel, kernels_of, wrong_keys, wrong_values
from mlipbench_hpc.architectures.law import Laws, complaints
from mlipbench_hpc.architectures.literature import Timed, literature_of, wrong_entries
from mlipbench_hpc.architectures.restart import BITWISE, Restart
from mlipbench_hpc.contract.engines import ENGINES
from mlipbench_hpc.contract.versions import Kind, Source, Version, package_folder, version

GROUP = "mlipbench_hpc.architectures"
BUILT_IN = Path(__file__).parent
ORDERS = ("correlation", "l_max", "L_max", "embedding")
Problem = tuple[str, str]


class CardError(ValueError):
    """Error in a card.toml, or an entry point without one; its author has to correct it."""


class Named(Protocol):
    """A card of any kind."""

    @property
    def name(self) -> str:
        """Name in campaigns."""


CardOf = TypeVar("CardOf", bound=Named)


@dataclass(frozen=True)
class Card:
    """card.toml of one architecture.

    environment: image or venv in which it runs. devices: cpu, cuda; no other is used. citation: works to
    cite, an entry each. restart: exactness of continued tasks. receptive_field: names of the hyperparameters
    for cutoff (Å) and layers. cost: laws of core-seconds on a CPU (see law.py). elements: atomic numbers it
    is limited to; empty: all elements of its training set. expansion: orders of its descriptors, numbers or
    names of hyperparameters (see expansion.py); empty: not stated. licence: what its library's licence does
    not allow every user; empty: nothing. kernels: other programs that compute its trained models, by name.
    initial: hyperparameters that a model from which a training starts has to share; empty: no training
    starts from one. literature: speeds on GPUs that others have published (see literature.py).
    """

    name: str
    environment: str
    engines: tuple[str, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    citation: tuple[str, ...]
    restart: Restart
    hyperparameters: Mapping[str, Hyperparameter]
    presets: Mapping[str, Mapping[str, Any]]
    default_preset: str
    receptive_field: Mapping[str, str]
    cost: Laws
    elements: tuple[int, ...] = field(default=())
    expansion: Mapping[str, int | str] = field(default_factory=dict)
    licence: str = ""
    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    initial: tuple[str, ...] = ()
    literature: tuple[Timed, ...] = ()

    @property
    def decisive(self) -> tuple[str, ...]:
        """Hyperparameters that decide receptive field and body order, which a trained model cannot change."""
        orders = [order for order in self.expansion.values() if isinstance(order, str)]
        return tuple(dict.fromkeys([*self.receptive_field.values(), *orders]))

    def stated(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Hyperparameters that a model.json states, which may be the cutoff (Å) alone."""
        cutoff = {self.receptive_field["cutoff"]: record["cutoff"]} if "cutoff" in record else {}
        own = record.get("hyperparameters")
        return cutoff | (dict(own) if isinstance(own, Mapping) else {})

    def by(self, kernel: str | None) -> "Card":
        """The card of its models where that kernel computes them; itself without one, or an unknown one."""
        if kernel is None or kernel not in self.kernels:
            return self
        own = self.kernels[kernel]
        return replace(
            self, name=f"{self.name}{BY}{kernel}", environment=own.environment, engines=own.engines,
            devices=own.devices, citation=own.citation, restart=replace(self.restart, md=own.restart),
            cost=own.cost, kernels={}, licence="", literature=(),
        )  # fmt: skip

    @property
    def notices(self) -> list[str]:
        """What a user has to be told: works to cite, and a licence that restricts use."""
        return [*self.citation, *([f"licence: {self.licence}"] if self.licence else [])]


def load_card(path: Path) -> Card:
    """Read and check a card.toml; raises CardError naming all its mistakes."""
    return checked_card(path, _unreadable, _read, _inconsistent)


def checked_card(
    path: Path,
    unreadable: Callable[[dict[str, Any]], list[Problem]],
    read: Callable[[dict[str, Any]], CardOf],
    inconsistent: Callable[[CardOf], list[Problem]],
) -> CardOf:
    """Read and check a card of any kind: first its keys, then the consistency of its values.

    Raises CardError naming all mistakes of the first check that finds any.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CardError(f"{path}: {error}") from error
    wrong = unreadable(data)
    if not wrong:
        card = read(data)
        wrong = inconsistent(card)
    if wrong:
        raise CardError(f"{path}: " + "; ".join(f"{where}: {message}" for where, message in wrong))
    return card


def _read(data: dict[str, Any]) -> Card:
    plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
    tables = {
        "hyperparameters": settings_of(data),
        "restart": Restart(**data["restart"]),
        "kernels": kernels_of(data),
        "literature": literature_of(data),
    }
    return Card(**(plain | tables))


def _unreadable(data: dict[str, Any]) -> list[Problem]:
    """Missing and unknown keys, and hyperparameters without a known type."""
    optional = {"elements", "expansion", "initial", "kernels", "licence", "literature"}
    wrong = check_keys(data, "", {item.name for item in fields(Card)}, optional)
    if "restart" in data:
        wrong += _restart(data["restart"])
    if "cost" in data and not isinstance(data["cost"], dict):
        wrong.append(("cost", f"expected a table of laws, received {data['cost']!r}"))
    if "expansion" in data:
        wrong += _expansion(data["expansion"])
    wrong += wrong_keys(data.get("kernels", {})) + wrong_entries(data.get("literature", []))
    return wrong + check_settings(data.get("hyperparameters", {}), "hyperparameters")


def check_settings(settings: Mapping[str, Any], section: str) -> list[Problem]:
    """Mistakes, as (dotted path, message), in the tables of a card that describe settings."""
    wrong, known = list[Problem](), {item.name for item in fields(Hyperparameter)}
    for name, table in settings.items():
        where = f"{section}.{name}"
        optional = {"minimum", "maximum", "choices", "less_than", "at_most", "multiple_of", "legacy"}
        wrong += check_keys(table, where, known, optional)
        if table.get("type") == "list" and not table.get("default"):
            wrong.append((f"{where}.default", "a list's default must show one item at least"))
        if table.get("type") not in TYPES:
            types = ", ".join(TYPES)
            wrong.append((f"{where}.type", f"expected one of {types}, received {table.get('type')!r}"))
    return wrong


def _restart(claims: Any) -> list[Problem]:
    names = {item.name for item in fields(Restart)}
    if not isinstance(claims, dict):
        return [("restart", f"expected a table with {' and '.join(sorted(names))}, received {claims!r}")]
    expected = f"expected {BITWISE!r}, or a relative deviation above 0 and below 1"
    return check_keys(claims, "restart", names, set()) + [
        (f"restart.{name}", f"{expected}, received {claim!r}")
        for name, claim in claims.items()
        if name in names and claim != BITWISE and not (isinstance(claim, float) and 0 < claim < 1)
    ]


def _expansion(orders: Any) -> list[Problem]:
    if not isinstance(orders, dict):
        return [("expansion", f"expected a table with {', '.join(ORDERS)}, received {orders!r}")]
    return check_keys(orders, "expansion", set(ORDERS), {"l_max", "L_max", "embedding"})


def check_keys(table: Mapping[str, Any], where: str, known: set[str], optional: set[str]) -> list[Problem]:
    """Unknown or missing keys of `table`, which stands at `where`, as (dotted path, message)."""
    prefix = f"{where}." if where else ""
    unknown, missing = sorted(set(table) - known), sorted(known - optional - set(table))
    wrong = [(f"{prefix}{key}", f"unknown key{did_you_mean(key, known)}") for key in unknown]
    return wrong + [(f"{prefix}{key}", "is missing") for key in missing]


def _inconsistent(card: Card) -> list[Problem]:
    """Mistakes in defaults and presets outside their own limits, and names without an entry."""
    wrong = [
        (f"hyperparameters.{name}.{role}", complaint)
        for name, setting in card.hyperparameters.items()
        for role, value in (("default", setting.default), ("legacy", setting.legacy))
        if value is not None and (complaint := setting.complaint(value))
    ]
    wrong += unknown_engines(card.engines)
    for kernel in card.kernels.values():
        wrong += unknown_engines(kernel.engines)
    wrong += [
        (f"hyperparameters.{name}.{key}", f"no number among the hyperparameters is called {other!r}")
        for name, other, key in limited(card.hyperparameters)
        if not {_type(card, name), _type(card, other)} <= {"int", "float", *["list"] * (key == "at_most")}
    ]
    for preset, values in card.presets.items():
        wrong += _check_values(card, values, f"presets.{preset}")
    if card.default_preset not in card.presets:
        wrong.append(("default_preset", f"no preset is called {card.default_preset!r}"))
    for role, name in card.receptive_field.items():
        if name not in card.hyperparameters:
            wrong.append((f"receptive_field.{role}", f"no hyperparameter is called {name!r}"))
    wrong += [
        (f"initial.{name}", "no hyperparameter is called so")
        for name in card.initial
        if name not in card.hyperparameters
    ]
    for place, timed in enumerate(card.literature):
        wrong += _check_values(card, timed.model, f"literature.{place}.model")
        if timed.dtype not in card.dtypes:
            expected = f"expected one of {', '.join(card.dtypes)}"
            wrong.append((f"literature.{place}.dtype", f"{expected}, received {timed.dtype!r}"))
    wrong += [
        (f"expansion.{order}", f"expected a number or an int hyperparameter's name, received {entry!r}")
        for order, entry in card.expansion.items()
        if type(entry) is not int and _type(card, str(entry)) != "int"
    ]
    return (
        wrong
        or [
            problem
            for preset, values in card.presets.items()
            for problem in _check_order(card, values, {}, f"presets.{preset}")
        ]
        or _unlawful(card)
    )


def unknown_engines(names: tuple[str, ...]) -> list[Problem]:
    """Engines that are not in the table of engines, as (dotted path, message)."""
    expected = f"expected one of {', '.join(ENGINES)}"
    return [(f"engines.{name}", f"no such engine; {expected}") for name in names if name not in ENGINES]


def _unlawful(card: Card) -> list[Problem]:
    """Mistakes in the laws of cost, evaluated for every preset."""
    presets = {preset: merge(card, preset, {}) for preset in card.presets}
    wrong = [(f"cost.{name}", message) for name, message in complaints(card.cost, card.engines, presets)]
    return wrong + wrong_values(card.kernels, card.hyperparameters, presets)


def _check_values(card: Card, values: Mapping[str, Any], where: str) -> list[Problem]:
    wrong = []
    for name, value in values.items():
        setting = card.hyperparameters.get(name)
        complaint = setting.complaint(value) if setting else _unknown(card, name)
        if complaint:
            wrong.append((f"{where}.{name}", complaint))
    return wrong


def _type(card: Card, name: str) -> str:
    return card.hyperparameters[name].type if name in card.hyperparameters else ""


def _check_order(
    card: Card, chosen: Mapping[str, Any], overrides: Mapping[str, Any], where: str
) -> list[Problem]:
    """Mistakes of values that another limits, at the one of both that the campaign states."""
    values = {name: one.default for name, one in card.hyperparameters.items()} | {**chosen, **overrides}
    return [(f"{where}.{name}", words) for name, words in disorder(card.hyperparameters, values, overrides)]


def _unknown(card: Card, name: str) -> str:
    hint = did_you_mean(name, card.hyperparameters)
    return f"{card.name} has no such hyperparameter{hint or ': it knows ' + ', '.join(card.hyperparameters)}"


def merge(card: Card, preset: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Value of every hyperparameter: default, then preset (None: the card's default preset), then overrides.

    Expects input in which `problems` found nothing.
    """
    return merged(card.hyperparameters, card.presets[preset or card.default_preset], overrides)


def problems(card: Card, preset: str | None, overrides: Mapping[str, Any]) -> list[Problem]:
    """Mistakes, as (dotted path, message), in a campaign's preset and hyperparameters."""
    wrong = []
    if preset is not None and preset not in card.presets:
        known = did_you_mean(preset, card.presets) or f": it has {', '.join(card.presets)}"
        wrong.append(("preset", f"{card.name} has no preset {preset!r}{known}"))
    wrong += _check_values(card, overrides, "hyperparameters")
    chosen = card.presets.get(preset or card.default_preset, {})
    return wrong or _check_order(card, chosen, overrides, "hyperparameters")


@dataclass(frozen=True)
class InstalledArchitecture:
    """Installed architecture, or one of its kernels: dotted module, its folder, and its card."""

    name: str
    module: str
    folder: Path
    card: Card
    kind: Kind = "architectures"

    def by(self, kernel: str | None) -> "InstalledArchitecture":
        """What computes its models in evaluation and MD: the kernel of that name, itself without one.

        Raises CardError where the package of the kernel is not there.
        """
        if kernel is None:
            return self
        module = self.card.kernels[kernel].package(self.module)
        folder = package_folder(module)
        if folder is None:
            raise CardError(f"kernel {kernel} of {self.name}: no package {module} can be found here")
        card = self.card.by(kernel)
        return InstalledArchitecture(card.name, module, folder, card, "kernels")

    @cached_property
    def version(self) -> Version:
        """Version for keys: that of verbs.lock, or the digest of this source where it has none there."""
        source = Source.here().package(self.module, self.folder)
        legacy = {} if self.kind == "kernels" else legacy_values(self.card.hyperparameters)
        return version(self.kind, self.name, source, legacy)


def find() -> dict[str, InstalledArchitecture]:
    """All architectures by name: built-in folders, then entry points of group `mlipbench_hpc.architectures`.

    Raises CardError for a broken card, an entry point without folder or card, or a name taken twice.
    """
    cards = named_cards(plugins(str(__package__), BUILT_IN, GROUP), load_card)
    return {name: InstalledArchitecture(name, *place) for name, place in cards.items()}


def named_cards(
    folders: Mapping[str, Path], load: Callable[[Path], CardOf]
) -> dict[str, tuple[str, Path, CardOf]]:
    """Module, folder and card by name, from folders by module. Raises CardError for a name used twice."""
    by_name: dict[str, tuple[str, Path, CardOf]] = {}
    for module, folder in folders.items():
        card = load(folder / "card.toml")
        if card.name in by_name:
            raise CardError(f"{folder}: the name {card.name!r} is taken by {by_name[card.name][1]}")
        by_name[card.name] = module, folder, card
    return by_name


def plugins(package: str, built_in: Path, group: str) -> dict[str, Path]:
    """Folder by module: packages with a card in `built_in`, which is `package`; entry points of `group`.

    Raises CardError for an entry point that leads to no package.
    """
    modules = {f"{package}.{path.parent.name}": path.parent for path in sorted(built_in.glob("*/card.toml"))}
    for entry in sorted(entry_points(group=group)):
        folder = package_folder(entry.value)
        if folder is None:
            message = f"{entry.value} is not a package that can be found here"
            raise CardError(f"entry point of group {group}: {message}")
        modules[entry.value] = folder
    return modules


def did_you_mean(name: str, known: Any) -> str:
    """Hint `; did you mean …?` where a known name is similar, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""

"""Hyperparameters of an architecture as its card states them, their values in a task, and those in its key.

This is all that the worker needs of a card.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str, "list": list}


@dataclass(frozen=True)
class Hyperparameter:
    """One setting: type (int, float, bool, str, list), default, limits (inclusive) and help with unit.

    The items of a list have the type of its default's first one, and the limits hold for each of them.
    less_than: the hyperparameter that this one must stay below, both of them numbers.
    at_most: the one that it must not exceed; of a list its last item counts. multiple_of: what it, or each
    item of a list, is a whole multiple of.
    legacy: the value that reproduces models from before this hyperparameter existed; it enters no key, so
    that a new hyperparameter does not change the keys of older models.
    """

    type: str
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] | None = None
    less_than: str | None = None
    at_most: str | None = None
    multiple_of: int | None = None
    legacy: Any = None

    def complaint(self, value: object) -> str | None:
        """Reason why `value` is not allowed, or None."""
        if self.type == "list":
            fits = isinstance(value, list) and all(self._fits(item, self._items) for item in value)
        else:
            fits = self._fits(value, self.type)
        return None if fits else f"expected {self.expected}, received {value!r}"

    @property
    def _items(self) -> str:
        return type(self.default[0]).__name__

    def _fits(self, value: Any, kind: str) -> bool:
        right = isinstance(value, (int, float) if kind == "float" else TYPES[kind])
        if not right or isinstance(value, bool) != (kind == "bool"):
            return False
        low = self.minimum is not None and not value >= self.minimum
        high = self.maximum is not None and not value <= self.maximum
        between = self.multiple_of is not None and value % self.multiple_of != 0
        return not (low or high or between) and (self.choices is None or value in self.choices)

    @property
    def expected(self) -> str:
        """Type and limits in words."""
        limits = [f"at least {self.minimum}"] if self.minimum is not None else []
        limits += [f"at most {self.maximum}"] if self.maximum is not None else []
        limits += [f"a multiple of {self.multiple_of}"] if self.multiple_of is not None else []
        limits += [f"one of {', '.join(map(str, self.choices))}"] if self.choices is not None else []
        limits += [f"less than {self.less_than}"] if self.less_than is not None else []
        limits += [f"at most {self.at_most}"] if self.at_most is not None else []
        kind = f"list of {self._items}, each" if self.type == "list" else self.type
        return f"{kind} {' and '.join(limits)}" if limits else kind.removesuffix(", each")

    def normal(self, value: Any) -> Any:
        """Normal form of a valid value in a task's key: 5 for a float is 5.0."""
        return float(value) if self.type == "float" else value


Settings = Mapping[str, Hyperparameter]


def settings_of(data: Mapping[str, Any], section: str = "hyperparameters") -> dict[str, Hyperparameter]:
    """Settings in one section of a parsed card.toml, by name."""
    return {name: _setting(table) for name, table in data.get(section, {}).items()}


def _setting(table: Mapping[str, Any]) -> Hyperparameter:
    values: dict[str, Any] = {key: tuple(v) if key == "choices" else v for key, v in table.items()}
    return Hyperparameter(**values)


def limited(settings: Settings) -> list[tuple[str, str, str]]:
    """Settings that another limits, each with the name of that other and the key that says so."""
    return [
        (name, other, key)
        for name, one in settings.items()
        for key, other in (("less_than", one.less_than), ("at_most", one.at_most))
        if other
    ]


def disorder(
    settings: Settings, values: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Values beyond that of another: name and reason, at the one of both that `overrides` states."""
    for low, high, key in limited(settings):
        value, limit = (
            values[name][-1] if settings[name].type == "list" else values[name] for name in (low, high)
        )
        if value < limit or (value == limit and key == "at_most"):
            continue
        below, above = ("less than", "more than") if key == "less_than" else ("at most", "at least")
        own = low in overrides or high not in overrides
        name, other, words = (low, high, below) if own else (high, low, above)
        yield name, f"expected {words} {other}, which is {values[other]!r}, received {values[name]!r}"


def merged(settings: Settings, preset: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Value of every hyperparameter: its default, the preset's, or the campaign's own."""
    return {
        name: setting.normal(overrides.get(name, preset.get(name, setting.default)))
        for name, setting in settings.items()
    }


def keyed(settings: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that enter a task's key: all that are not at their legacy value."""
    legacy = legacy_values(settings)
    return {name: value for name, value in values.items() if name not in legacy or value != legacy[name]}


def differences(
    there: Mapping[str, Any], asked: Mapping[str, Any], names: Iterable[str]
) -> dict[str, tuple[Any, Any]]:
    """Those of `names` whose value is known there and is not the one asked for: both values by name."""
    return {
        name: (there[name], asked[name])
        for name in names
        if name in there and name in asked and there[name] != asked[name]
    }


def complete(settings: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Inverse of `keyed`: a task's hyperparameters, with the legacy values that its key leaves out."""
    return legacy_values(settings) | dict(values)


def complete_from(
    card: Path, values: Mapping[str, Any], sections: tuple[str, ...] = ("hyperparameters",)
) -> dict[str, Any]:
    """Values completed as in `complete`, by sections of an installed card.toml; unchanged without it."""
    if not card.exists():
        return dict(values)
    data = tomllib.loads(card.read_text(encoding="utf-8"))
    settings = {name: setting for part in sections for name, setting in settings_of(data, part).items()}
    return complete(settings, values)


def updates_per_epoch(values: Mapping[str, Any], frames: int) -> int:
    """Gradient updates of one pass over `frames` training frames: batches that hold all of them."""
    return -(-frames // int(values.get("batch_size", 1)))


def training_epochs(values: Mapping[str, Any], frames: int) -> int:
    """Passes over `frames` training frames: enough for `updates` where above 0, else `epochs` (default 1).

    Of `updates` at most `most_epochs`, where above 0.
    """
    updates, most = int(values.get("updates", 0)), int(values.get("most_epochs", 0))
    if not updates:
        return int(values.get("epochs", 1))
    enough = -(-updates // updates_per_epoch(values, frames))
    return min(enough, most) if most else enough


def legacy_values(settings: Settings) -> dict[str, Any]:
    """Legacy value of every hyperparameter that has one."""
    return {
        name: setting.normal(setting.legacy)
        for name, setting in settings.items()
        if setting.legacy is not None
    }

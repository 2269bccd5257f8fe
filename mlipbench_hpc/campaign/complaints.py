"""Turns pydantic's errors into mistakes in the words of the file."""

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mlipbench_hpc.campaign.problem import Mistake, Place, near, shown
from mlipbench_hpc.campaign.spec.base import Misplaced

NAME = "a name: letters, digits and `_ . + -`, beginning with a letter or digit, at most 64 characters"
PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$": ("is not a name", NAME),
    r"^[0-9a-f]{64}$": ("is not a sha256", "64 hexadecimal digits"),
    r"^[A-Z][a-z]?$": ("is not an element symbol", "a symbol such as `O` or `Na`"),
}


REQUIRED = "is required"
Conforming = TypeVar("Conforming", bound=BaseModel)


def conform(document: object, model: type[Conforming]) -> tuple[Conforming | None, list[Mistake]]:
    """`document` as `model`, or None and every mistake against its schema."""
    if not isinstance(document, dict):
        return None, [Mistake((), "the file is no mapping", shown(document), "`name: value` lines")]
    try:
        return model.model_validate(document), []
    except ValidationError as error:
        return None, mistakes(error, model, document)


def mistakes(error: ValidationError, model: type[BaseModel], document: object) -> list[Mistake]:
    """One mistake for each place in `document` that `model` refused; alternatives of a union are joined."""
    by_place: dict[Place, Mistake] = {}
    refusals = (
        _Refusal(details, _place(details["loc"], document), model, document)
        for details in error.errors(include_url=False)
    )
    for mistake in (own for refusal in refusals for own in refusal.mistakes()):
        earlier = by_place.setdefault(mistake.place, mistake)
        if mistake.expected not in earlier.expected:
            by_place[mistake.place] = replace(earlier, expected=f"{earlier.expected} or {mistake.expected}")
    words = {place for place, mistake in by_place.items() if _is_word_for_mapping(mistake)}
    misspelt = {(*place[:-1], mistake.hint) for place, mistake in by_place.items() if mistake.hint}
    return [
        mistake
        for place, mistake in by_place.items()
        if not (place in words and _is_within(place, by_place))
        and not (mistake.message == REQUIRED and place in misspelt)
    ]


def _is_word_for_mapping(mistake: Mistake) -> bool:
    """True where a mapping was refused because a word may stand in its place."""
    return mistake.message == "is not one of the choices" and mistake.received.startswith("a mapping")


def _is_within(place: Place, others: Mapping[Place, Mistake]) -> bool:
    """True where another mistake lies inside the value at `place`."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in others)


def _place(loc: tuple[int | str, ...], document: Any) -> Place:
    """pydantic's location without the union tags and `[key]` marks that the file does not contain."""
    place: Place = ()
    here = document
    for part in loc:
        is_key = isinstance(here, dict) and part in here
        if is_key or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]
            place = (*place, part)
    return place


@dataclass(frozen=True)
class _Refusal:
    """One error of pydantic: its details, the written place nearest to it, and what was validated."""

    details: Mapping[str, Any]
    place: Place
    model: type[BaseModel]
    document: Any

    @property
    def context(self) -> Mapping[str, Any]:
        context: Mapping[str, Any] = self.details.get("ctx", {})
        return context

    def mistakes(self) -> list[Mistake]:
        """Mistakes that a validator of ours found at several places, or one."""
        error = self.context.get("error")
        if isinstance(error, Misplaced):
            return [Mistake((*self.place, *place), "wrong value", *words) for place, *words in error.wrong]
        return [HANDLERS.get(self.details["type"], _wrong_value)(self)]


def _missing(refusal: _Refusal) -> Mistake:
    name = str(refusal.details["loc"][-1])
    field = fields_at(refusal.model, refusal.document, refusal.place).get(name)
    example, described = _example(field) if field else "", field.description if field else ""
    expected = (
        f"a value such as `{example}`" if example else "a value" + (f": {described}" if described else "")
    )
    return Mistake((*refusal.place, name), REQUIRED, "nothing", expected.removesuffix("."))


def _unknown_key(refusal: _Refusal) -> Mistake:
    *level, key = refusal.place
    known = sorted(fields_at(refusal.model, refusal.document, tuple(level)))
    return Mistake(refusal.place, "unknown key", repr(key), f"one of {', '.join(known)}", near(key, known))


def _wrong_choice(refusal: _Refusal) -> Mistake:
    choices = refusal.context["expected"].replace("'", "").replace(" or ", ", ")
    value = refusal.details["input"]
    hint = near(value, choices.split(", "))
    return Mistake(refusal.place, "is not one of the choices", shown(value), f"one of {choices}", hint)


def _wrong_tag(refusal: _Refusal) -> Mistake:
    place = (*refusal.place, refusal.context["discriminator"].strip("'"))
    choices = refusal.context["expected_tags"].replace("'", "")
    tag = refusal.context["tag"]
    hint = near(tag, choices.split(", "))
    return Mistake(place, "is not one of the choices", shown(tag), f"one of {choices}", hint)


def _no_tag(refusal: _Refusal) -> Mistake:
    key = refusal.context["discriminator"].strip("'")
    return Mistake((*refusal.place, key), REQUIRED, "nothing", f"a {key}")


def _wrong_form(refusal: _Refusal) -> Mistake:
    pattern = refusal.context["pattern"]
    message, expected = PATTERNS.get(pattern, ("is not of the right form", pattern))
    return Mistake(refusal.place, message, shown(refusal.details["input"]), expected)


def _no_mapping(refusal: _Refusal) -> Mistake:
    known = sorted(fields_at(refusal.model, refusal.document, refusal.place))
    keys = f" with {', '.join(known)}" if known else " of names to entries"
    return Mistake(refusal.place, "wrong value", shown(refusal.details["input"]), f"a mapping{keys}")


def _wrong_value(refusal: _Refusal) -> Mistake:
    """Wrong type, limit or unit: our validators begin with `expected`, pydantic with `Input should be`."""
    received = shown(refusal.details["input"])
    text = str(refusal.context.get("error") or refusal.details["msg"])
    for start in ("expected ", "Input should be "):
        if text.startswith(start):
            return Mistake(refusal.place, "wrong value", received, text.removeprefix(start))
    return Mistake(refusal.place, text, received)


def _not_a_word(refusal: _Refusal) -> Mistake:
    """A number where a word belongs needs quotes; anything else is no word at all."""
    value = refusal.details["input"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Mistake(refusal.place, "wrong value", shown(value), "a word")
    return Mistake(refusal.place, "is a number, not a word", shown(value), f'it in quotes: "{value}"')


def _no_list(refusal: _Refusal) -> Mistake:
    value = refusal.details["input"]
    parts = str(value).replace(" Å", "_Å").split() if isinstance(value, str | int | float) else ["…"]
    example = ", ".join(parts).replace("_Å", " Å")
    return Mistake(refusal.place, "wrong value", shown(value), f"a list, such as [{example}]")


def _too_few(refusal: _Refusal) -> Mistake:
    least = int(refusal.context.get("min_length", 1))
    message, expected = (
        ("is empty", "at least one entry") if least == 1 else ("is too short", f"at least {least}")
    )
    return Mistake(refusal.place, message, shown(refusal.details["input"]), expected)


HANDLERS: dict[str, Callable[[_Refusal], Mistake]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _wrong_choice,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _no_tag,
    "string_pattern_mismatch": _wrong_form,
    "model_type": _no_mapping,
    "model_attributes_type": _no_mapping,
    "dict_type": _no_mapping,
    "list_type": _no_list,
    "string_type": _not_a_word,
    "too_short": _too_few,
}


def fields_at(model: type[BaseModel], document: Any, place: Place) -> dict[str, FieldInfo]:
    """Fields that may stand at `place`, by name."""
    kinds: list[Any] = [model]
    here = document
    for part in place:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
        here = here[part]
    known: dict[str, FieldInfo] = {}
    for kind in _models(kinds, here):
        known |= kind.model_fields
    return known


def _example(field: FieldInfo) -> str:
    for extra in field.metadata:
        schema = getattr(extra, "json_schema", None)
        if isinstance(schema, Mapping) and schema.get("examples"):
            return str(schema["examples"][0])
    return ""


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    """The types that the part `part` of a value of type `kind` may have."""
    for plain in _alternatives(kind):
        arguments = typing.get_args(plain)
        if isinstance(plain, type) and issubclass(plain, BaseModel) and part in plain.model_fields:
            yield plain.model_fields[str(part)].annotation
        elif typing.get_origin(plain) is dict:
            yield arguments[1]
        elif typing.get_origin(plain) is list:
            yield arguments[0]


def _alternatives(kind: Any) -> Iterator[Any]:
    """`kind` without Annotated, and the members of a union one by one."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        yield from _alternatives(typing.get_args(kind)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(kind):
            yield from _alternatives(member)
    else:
        yield kind


def _models(kinds: list[Any], here: object) -> list[type[BaseModel]]:
    """The models among `kinds`; where several have a `kind`, the one the document names."""
    classes = [plain for kind in kinds for plain in _alternatives(kind) if isinstance(plain, type)]
    models = [plain for plain in classes if issubclass(plain, BaseModel)]
    named = here.get("kind") if isinstance(here, dict) else None
    kinds_of = {one: getattr(one.model_fields.get("kind"), "annotation", None) for one in models}
    return [one for one in models if named in typing.get_args(kinds_of[one])] or models

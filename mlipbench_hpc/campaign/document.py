"""YAML as people mean it: numbers are numbers, words are words, keys are given once, and every line is known.

Only `true` and `false` are booleans; `yes`, `no`, `on`, `off`, dates and `12:30` are words; `5e-4` and
`1_000` are numbers, `0o17` and `007` are words. Anchors may be used; tags may not.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlipbench_hpc.campaign.problem import CampaignError, Lines, Place, Problem, dotted

LARGEST_FILE = 200_000
LARGEST_DOCUMENT = 100_000
DEEPEST = 30

INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+)")
FLOAT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
STANDARD = "tag:yaml.org,2002:"
PLAIN_TAGS = {f"{STANDARD}{kind}" for kind in ("str", "seq", "map")}


class _Loader(yaml.SafeLoader):
    """Builds the node tree only; every plain scalar stays text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the base class declares it an instance variable


def parse(path: Path) -> tuple[Any, Lines, list[Problem]]:
    """The document in plain Python types, its lines, and the mistakes that leave it readable.

    Raises CampaignError when it cannot be read at all.
    """
    text = _text(path)
    try:
        root = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(path, mark.line + 1 if mark else 1, f"not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise _refused(path, 1, f"not valid YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise _refused(path, 1, "nested too deeply", f"at most {DEEPEST} levels") from error
    if root is None:
        raise _refused(path, 1, "the file is empty")
    tree = _Tree(Lines(path, {}))
    value = tree.value(root, ())
    return value, tree.lines, tree.problems


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _refused(path, 1, f"cannot be read: {error.strerror}", "a YAML file") from error
    if len(content) > LARGEST_FILE:
        raise _refused(path, 1, "the file is too large", f"at most {LARGEST_FILE:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refused(path, line, f"byte {error.start} is not UTF-8", "UTF-8 text") from error


def _refused(path: Path, line: int, message: str, expected: str = "") -> CampaignError:
    return CampaignError([Problem(path, line, "", message, expected=expected)])


def _plain(text: str) -> Any:
    """Meaning of a scalar without quotes."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text) and len(text) <= 100:
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text


class _Dumper(yaml.SafeDumper):
    """Writes what `parse` reads back as the same values."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value out."""
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Words in quotes where `parse` would read them as a number or as nothing."""
    return dumper.represent_scalar(f"{STANDARD}str", text, style=None if _plain(text) == text else "'")


_Dumper.add_representer(str, _text_node)


def written(document: Mapping[str, Any]) -> str:
    """A document of plain values as YAML, which `parse` reads back as the same values."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )


@dataclass
class _Tree:
    """Turns nodes into values, noting lines and mistakes; aliases are counted each time they are used."""

    lines: Lines
    problems: list[Problem] = field(default_factory=list)
    size: int = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.lines.of.setdefault(place, node.start_mark.line + 1)
        self.size += 1
        if self.size > LARGEST_DOCUMENT or len(place) > DEEPEST:
            limits = f"at most {LARGEST_DOCUMENT:,} values in {DEEPEST} levels, aliases counted"
            raise _refused(self.lines.file, node.start_mark.line + 1, "too large or too deep", limits)
        if node.tag not in PLAIN_TAGS:
            tag = node.tag.replace(STANDARD, "!!")
            self._note(place, node, f"the tag `{tag}` is refused", expected="a plain value")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._note(place, key, "a key must be a word", expected="`name: value`")
                continue
            if key.value == "<<" and key.style is None:
                message, expected = "merge keys (`<<`) are not supported", "its keys written out"
                raise _refused(self.lines.file, key.start_mark.line + 1, message, expected)
            inner = (*place, key.value)
            if key.value in values:
                both = f"line {self.lines.of[inner]} and again line {key.start_mark.line + 1}"
                self._note(inner, key, "the same key is given twice", both, "each key once")
                continue
            self.lines.of[inner] = key.start_mark.line + 1
            values[key.value] = self.value(child, inner)
        return values

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text: str = node.value
        if node.style is not None:
            return text
        value = _plain(text)
        if isinstance(value, float) and math.isinf(value):
            self._note(place, node, "the number is too large", text)
        return value

    def _note(
        self, place: Place, node: yaml.Node, message: str, received: str = "", expected: str = ""
    ) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(self.lines.file, line, dotted(place), message, received, expected))

"""Laws of cost: sums that can be done by hand, and everything that is no arithmetic refused."""

from typing import Any

import pytest

from mlipbench_hpc.architectures.law import TYPICAL, LawError, complaints, seconds

LAWS: dict[str, Any] = {"start": 2, "train": "atoms", "evaluate": "train / 4", "md_ase": "evaluate"}


def value(law: str, **hyperparameters: Any) -> float:
    return seconds({"law": law}, TYPICAL, hyperparameters)["law"]


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        ("1 + 2 * 3 ** 2 - 8 / 4", 17.0),
        ("-width + 10", 7.0),
        ("sum(widths) + max(widths) - min(widths)", 13.0),
        ("last(widths)", 2.0),
        ("dense(8, widths, 10)", 8 * 3 + 3 * 5 + 5 * 2 + 2 * 10),
        ("flag * width", 3.0),
        ("atoms * neighbours * number_bytes", 150.0 * 40 * 4),
    ],
)
def test_arithmetic(law: str, expected: float) -> None:
    assert value(law, width=3, widths=[3, 5, 2], flag=True) == pytest.approx(expected)


def test_a_law_uses_those_further_up() -> None:
    assert seconds(LAWS, {"atoms": 8.0}, {}) == {"start": 2, "train": 8, "evaluate": 2, "md_ase": 2}
    with pytest.raises(LawError, match="'evaluate' is no hyperparameter"):
        seconds({"train": "evaluate", "evaluate": "1"}, {}, {})


@pytest.mark.parametrize(
    ("law", "words"),
    [
        ("wdth", "'wdth' is no hyperparameter, variable, law further up or known operation"),
        ("__import__('os').system('true')", "is no hyperparameter"),
        ("(1).real", "is no hyperparameter"),
        ("widths[0]", "is no hyperparameter"),
        ("[x for x in widths]", "is no hyperparameter"),
        ("width if flag else 1", "is no hyperparameter"),
        ("1 +", "is no expression"),
        ("'a'", "is no hyperparameter"),
        ("True", "is no hyperparameter"),
        ("widths * 2", "float"),
        ("kind * 2", "float"),
        ("widths", r"gives \[3, 5\], not a finite number"),
        ("1 / (width - 3)", "zero"),
        ("9.0 ** 9 ** 9", "out of range"),
        ("(-1) ** 0.5", "not a finite number"),
        ("max()", "empty"),
    ],
)
def test_what_is_no_arithmetic_is_refused(law: str, words: str) -> None:
    with pytest.raises(LawError, match=words):
        value(law, width=3, widths=[3, 5], flag=True, kind="deep")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"train": "atoms * width"}, []),
        ({"evaluate": None}, [("evaluate", "is missing")]),
        ({"md_ase": None, "md_lammps": "evaluate"}, [("md_ase", "is missing")]),
        ({"evalute": "train / 3"}, [("evalute", "no law uses it")]),
        ({"md_lammps": "evaluate"}, [("md_lammps", "no law uses it")]),
        ({"width": "2"}, [("width", "the name of a hyperparameter or a variable")]),
        ({"train": "width - 9", "evaluate": "1"}, [("train", "'width - 9' gives -6 s with the preset wide")]),
        (
            {"train": "atoms / (width - 3)"},
            [("train", "'atoms / (width - 3)': float division by zero with the preset wide")],
        ),
        ({"start": True}, [("start", "expected a number or an expression")]),
        ({"start": [1]}, [("start", "expected a number or an expression")]),
    ],
)
def test_each_mistake_in_the_laws_is_named(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    laws = {name: law for name, law in (LAWS | changes).items() if law is not None}
    assert complaints(laws, ["ase"], {"wide": {"width": 3}}) == expected


def test_a_hyperparameter_may_not_be_called_like_a_variable() -> None:
    ((name, message),) = complaints(LAWS, ["ase"], {"only": {"atoms": 3}})
    assert (name, message) == ("atoms", "hyperparameter with the name of a variable")


@pytest.mark.parametrize("law", ["last()", "-" * 5000 + "1", "max(1, key=3)", "1e400", "9" * 400 + " * 1.5"])
def test_what_no_law_can_be_is_said_and_never_a_traceback(law: str) -> None:
    laws = {"start": 1.0, "train": law, "evaluate": 1.0, "md_ase": 1.0}
    ((name, message),) = complaints(laws, ["ase"], {"tiny": {"epochs": 1}})
    assert name == "train"
    assert len(message) < 1000

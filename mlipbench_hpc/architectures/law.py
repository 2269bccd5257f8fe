"""Cost laws: arithmetic over a model's hyperparameters, written on its card and read without `eval`.

A card's [cost] is a table of laws, core-seconds on one core. Each is a number, or an expression of numbers,
hyperparameters, VARIABLES and laws further up, with + - * / ** and FUNCTIONS, both named below:

    start = 6                       # seconds before the work: the engine's import, the model's loading
    weights = "dense(num_radial_basis, radial_MLP, num_channels)"   # a step on the way to the others
    train = "0.05 + 2e-9 * atoms * neighbours * weights"            # a step on a batch of `atoms` atoms
    evaluate = "train / 3"          # energies and forces of a batch of `atoms` atoms
    md_ase = "evaluate"             # a step of MD with that engine; a law for each of the card's `engines`

A reference potential's card has `label` (a frame of `atoms` atoms) and `sample` (a step of the MD that frames
are taken from) in place of `train` and `evaluate`.

Training takes `epochs` passes in batches of `batch_size` frames where an architecture has hyperparameters of
these names, else one pass in batches of one. A hyperparameter `updates` above 0 is instead its number of
batches, rounded up to whole passes (hyperparameters.training_epochs).
"""

import ast
import functools
import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# atoms: of all frames that are computed at once. neighbours: of an atom within the card's cutoff, their mean.
# species: elements in the data. number_bytes: 4 in float32, 8 in float64.
VARIABLES = ("atoms", "neighbours", "species", "number_bytes")
REQUIRED = ("start", "train", "evaluate")
OF_LABELLERS = ("start", "label", "sample")
MD = "md_"
TYPICAL = {"atoms": 150.0, "neighbours": 40.0, "species": 3.0, "number_bytes": 4.0}
Laws = Mapping[str, str | float]

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


SHOWN = 200
UNREADABLE = (MemoryError, RecursionError, SyntaxError, ValueError)


class LawError(ValueError):
    """Error: a law cannot be read, or gives no number of seconds; `name` is the law's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def dense(*widths: float) -> float:
    """Number of weights of a dense net with layers of these widths, inputs and outputs included."""
    return sum(a * b for a, b in itertools.pairwise(widths))


# Lists among the arguments are spread out: sum(neuron), dense(8, radial_MLP, 64).
FUNCTIONS: dict[str, Callable[..., float]] = {
    "dense": dense,
    "last": lambda *values: values[-1],
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "sum": lambda *values: sum(values),
}


def seconds(laws: Laws, variables: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, float]:
    """Core-seconds by each law; raises LawError for the first that cannot be read or has no such value."""
    values: dict[str, Any] = {**hyperparameters, **variables}
    for name, law in laws.items():
        values[name] = _value(name, law, values)
        if values[name] < 0 and (name in REQUIRED + OF_LABELLERS or name.startswith(MD)):
            raise LawError(name, f"{law!r} gives {values[name]:g} s")
    return {name: values[name] for name in laws}


def complaints(
    laws: Mapping[str, Any],
    engines: Sequence[str],
    presets: Mapping[str, Mapping[str, Any]],
    needed: Sequence[str] = REQUIRED,
) -> list[tuple[str, str]]:
    """Mistakes in laws, as (law, message). presets: every hyperparameter's value, by the preset's name.

    needed: laws that have to exist besides those of the engines.
    """
    hyperparameters = {name for values in presets.values() for name in values}
    required = (*needed, *(MD + engine for engine in engines))
    wrong = [(name, "is missing") for name in required if name not in laws]
    wrong += [
        (name, "the name of a hyperparameter or a variable")
        for name in {*hyperparameters, *VARIABLES} & set(laws)
    ]
    wrong += [(name, "expected a number or an expression") for name, law in laws.items() if not _is_law(law)]
    wrong += [
        (name, "hyperparameter with the name of a variable") for name in hyperparameters & set(VARIABLES)
    ]
    return wrong or _unused(laws, required) or _without_value(laws, presets)


def _is_law(law: object) -> bool:
    return isinstance(law, str | int | float) and not isinstance(law, bool)


def _unused(laws: Laws, required: Sequence[str]) -> list[tuple[str, str]]:
    """Laws that are neither required nor used by another law, which are probably misspelt."""
    used = {node.id for law in laws.values() for node in _names(str(law))}
    return [(name, "no law uses it") for name in laws if name not in required and name not in used]


def _names(law: str) -> list[ast.Name]:
    try:
        return [node for node in ast.walk(_parsed(law)) if isinstance(node, ast.Name)]
    except UNREADABLE:
        return []


def _without_value(laws: Laws, presets: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    for preset, hyperparameters in presets.items():
        try:
            seconds(laws, TYPICAL, hyperparameters)
        except LawError as error:
            return [(error.name, f"{error} with the preset {preset}")]
    return []


@functools.cache
def _parsed(law: str) -> ast.expr:
    """Syntax tree of a law; cached, because a plan may hold thousands of tasks with the same law."""
    return ast.parse(law.strip(), mode="eval").body


def _value(name: str, law: str | float, values: Mapping[str, Any]) -> float:
    try:
        value = _evaluated(_parsed(str(law)), values)
    except SyntaxError as error:
        raise LawError(name, f"{law!r} is no expression: {error.msg}") from error
    except (ArithmeticError, IndexError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise LawError(name, f"{str(law)[:SHOWN]!r}: {error or 'too deeply nested'}") from error
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise LawError(name, f"{law!r} gives {value!r}, not a finite number")
    return float(value)


def _evaluated(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """Value of a number, a name, or of OPERATORS and FUNCTIONS on them; no other syntax is executed."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = _evaluated(node.left, values), _evaluated(node.right, values)
        return OPERATORS[type(node.op)](float(left), float(right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluated(node.operand, values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        if node.keywords:
            raise ValueError(f"{ast.unparse(node)!r}: functions take no named arguments")
        return FUNCTIONS[node.func.id](*_spread([_evaluated(item, values) for item in node.args]))
    raise ValueError(
        f"{ast.unparse(node)!r} is no hyperparameter, variable, law further up or known operation"
    )


def _spread(values: Sequence[Any]) -> list[float]:
    """Values in which lists are replaced by their items."""
    parts = [value if isinstance(value, list) else [value] for value in values]
    return [float(item) for part in parts for item in part]

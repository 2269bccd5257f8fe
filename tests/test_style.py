"""Small functions, small modules: the sizes this project promises itself."""

import ast
import statistics
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mlipbench_hpc"
MODULES = sorted(PACKAGE.rglob("*.py"))


def lengths() -> dict[str, int]:
    """Lines of every function, its docstring and decorators apart."""
    result = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                result[f"{path.relative_to(PACKAGE)}:{node.name}"] = lines
    return result


def test_functions_are_short() -> None:
    result = lengths()
    assert len(result) > 300
    assert statistics.median(result.values()) <= 8
    assert sum(size < 30 for size in result.values()) / len(result) >= 0.9
    assert {name: size for name, size in result.items() if size > 60} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400


def test_the_first_page_is_short() -> None:
    assert len((PACKAGE.parent / "README.md").read_text(encoding="utf-8").split()) <= 1000

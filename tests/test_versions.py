"""A verb's code does not change under a version nobody looked at."""

import importlib.util
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("closure", Path(__file__).parent / "closure.py")
assert SPEC is not None
assert SPEC.loader is not None
closure = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(closure)


def test_every_verb_has_a_version_that_was_looked_at() -> None:
    assert closure.changed() == [], "look, then: python tests/closure.py accept|bump VERB"


def test_the_closure_reaches_what_a_verb_imports() -> None:
    import ast

    reached = closure.imported(ast.parse(closure.module_file("mlipbench_hpc.worker.evaluate").read_text()))
    assert "mlipbench_hpc.analysis.errors" in reached
    assert "mlipbench_hpc.data.frames" in reached


def test_a_docstring_decides_no_number_and_a_number_does() -> None:
    import ast

    def meaning(source: str) -> str:
        return str(closure.meaning(ast.parse(source)))

    assert meaning('def f():\n    """One."""\n    return 1') == meaning("def f():\n    # two\n    return 1")
    assert meaning("def f():\n    return 1") != meaning("def f():\n    return 2")

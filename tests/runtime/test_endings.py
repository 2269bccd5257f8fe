"""When a task that its time's end interrupts again and again is given up: told by its folders alone."""

import json
from pathlib import Path

import pytest

from mlipbench_hpc.runtime.endings import record, stuck

NEVER, NO_FURTHER = "before its first checkpoint", "without getting any further"


def attempts(folder: Path, *ended: tuple[float, int | None]) -> list[Path]:
    """Interrupted attempts: seconds that each had, and the step of its checkpoint or None."""
    made = []
    for number, (seconds, step) in enumerate(ended):
        made.append(folder / f"key-{number}")
        made[-1].mkdir()
        timing = {"cause": "deadline", "timing": {"wall_s": seconds}}
        (made[-1] / "interrupted.json").write_text(json.dumps(timing))
        if step is not None:
            (made[-1] / "checkpoint" / f"{step:012d}").mkdir(parents=True)
    return made


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        ([], ""),
        ([(50.0, None)] * 2, ""),
        ([(50.0, None)] * 3, NEVER),
        ([(50.0, 10), (50.0, 20), (50.0, None), (50.0, 30)], ""),
        ([(50.0, 10), (50.0, None), (50.0, 10), (50.0, None)], NO_FURTHER),
        ([(50.0, None), (50.0, None), (5.0, None), (5.0, None)], ""),
        ([(50.0, None), (50.0, None), (5.0, None), (50.0, None)], NEVER),
        ([(50.0, None), *[(5.0, None)] * 7], ""),
        ([(50.0, None), *[(5.0, None)] * 8], NEVER),
        ([(20.0, None), (20.0, None), (20.0, None), (90.0, None)], ""),
    ],
    ids=["none", "two", "three", "further", "no further", "late", "late and one", "short", "nine", "longer"],
)
def test_attempts_that_come_no_further(
    tmp_path: Path, ended: list[tuple[float, int | None]], why: str
) -> None:
    said = stuck(attempts(tmp_path, *ended))
    assert bool(said) == bool(why)
    assert why in said


def test_why_is_written_once_and_with_its_time(tmp_path: Path) -> None:
    (attempt,) = attempts(tmp_path, (50.0, None))
    record(attempt, "stuck", "why")
    record(attempt, "lost", "another")
    found = json.loads((attempt / "failure.json").read_text())
    assert found == {"kind": "stuck", "message": "why", "timing": {"wall_s": 50.0}}

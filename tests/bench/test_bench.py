"""Every part of `make bench` runs and gives all of its figures; with so little work they mean nothing."""

import importlib.util
import math
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("bench_run", Path(__file__).with_name("run.py"))
assert SPEC is not None
assert SPEC.loader is not None
BENCH = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BENCH)
# `make test` tries the cheapest parts; the others start engines or whole campaigns.
CHEAP = [("lammps_md.py", "reference"), ("report.py", "login")]
PARTS = [
    pytest.param(
        script,
        environment,
        list(bars),
        id=f"{script}-{environment}",
        marks=[] if (script, environment) in CHEAP else [pytest.mark.slow],
    )
    for script, environment, bars in BENCH.BENCHES
]


@pytest.mark.engine
@pytest.mark.parametrize(("script", "environment", "names"), PARTS)
def test_a_part_gives_its_figures(script: str, environment: str, names: list[str]) -> None:
    measured = BENCH.figures(script, environment, BENCH.SMALL)
    assert set(names) <= set(measured)
    for name in names:
        assert math.isfinite(measured[name])
        assert measured[name] > 0 or name == "overhead_ms"


def test_a_part_that_dies_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BENCH, "HERE", tmp_path)
    (tmp_path / "dies.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(RuntimeError, match=r"dies\.py in login ended with 3 and measured nothing"):
        BENCH.figures("dies.py", "login")


@pytest.mark.parametrize(
    ("figure", "bar", "met"), [(1.0, 1.05, True), (1.1, 1.05, False), (3.5, -3.0, True), (2.5, -3.0, False)]
)
def test_a_negative_bar_is_a_least_value(figure: float, bar: float, met: bool) -> None:
    assert ("MISSED" not in BENCH.line(figure, bar, "speed")) == met

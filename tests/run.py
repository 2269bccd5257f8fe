"""Runs the suites of one tier, all of them even when one fails: `python tests/run.py fast|test|full`.

The cluster's tests mostly wait (for schedulers, walltimes, silence), so their suites run beside each other.

Tests of the login side run in .venvs/tests; tests/engines/<environment>/ runs in that environment's own
Python, one process for the whole suite, with pytest taken from .venvs/pytest so that the environment stays
what its lock says.
"""

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"
LOGIN = VENVS / "tests/bin"
TALLIES = ("tests", "failures", "errors", "skipped")
TIERS = ("fast", "test", "full")
CLUSTER = {
    "slurm": "not pbs and not walltimes",
    "pbs": "pbs and not walltimes",
    "walltimes": "not pbs and walltimes",
    "pbs times": "pbs and walltimes",
}


@dataclass(frozen=True)
class Suite:
    """One process; `counted` says that it is pytest, which can tell how many tests it ran.

    Suites of one `group` run at a time.
    """

    name: str
    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    counted: bool = False
    group: str = ""


@dataclass(frozen=True)
class Outcome:
    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def tally(self) -> tuple[int, int, int]:
        return self.passed, self.failed, self.skipped

    def line(self) -> str:
        tally = f"{self.passed:>6} passed {self.failed:>4} failed {self.skipped:>4} skipped"
        return f"{self.name:<12}{tally} {self.seconds:>8.1f} s"


def checks() -> list[Suite]:
    """Style, types and who may import whom."""
    return [
        Suite("ruff", [str(LOGIN / "ruff"), "check", "--quiet", "."]),
        Suite("format", [str(LOGIN / "ruff"), "format", "--check", "--quiet", "."]),
        Suite("mypy", [str(LOGIN / "mypy"), "--no-error-summary"]),
        Suite("imports", [str(LOGIN / "lint-imports")]),
    ]


def login(name: str, marks: str, where: str = "tests", group: str = "") -> Suite:
    """Tests of the login side."""
    command = [str(LOGIN / "python"), "-m", "pytest", where, "--ignore=tests/engines", "-m", marks]
    path = os.pathsep.join([str(LOGIN), os.environ.get("PATH", os.defpath)])
    return Suite(name, command, {"PATH": path}, True, group)


def engine(folder: Path, marks: str) -> Suite:
    """One environment's suite. It reads no conftest.py above tests/engines, which may import what it lacks;
    and engines warn about themselves at import, which is not ours to fail on.
    """
    options = ["-p", "no:cacheprovider", "-W", "default", f"--confcutdir={folder.parent}", "-m", marks]
    command = [str(VENVS / folder.name / "bin/python"), "-m", "pytest", str(folder), *options]
    path = os.pathsep.join([str(VENVS / "pytest"), str(ROOT)])
    return Suite(folder.name, command, {"PYTHONPATH": path}, counted=True)


def suites(tier: str) -> list[Suite]:
    """What a tier runs, cheapest first."""
    marks = "not cluster" if tier == "full" else "not slow and not cluster"
    fast = [*checks(), login("login", f"not engine and not apptainer and {marks}")]
    folders = sorted(path for path in (ROOT / "tests/engines").glob("[a-z]*") if path.is_dir())
    if tier == "fast":
        return fast
    engines = [engine(folder, marks) for folder in folders]
    whole = [login("campaigns", f"engine and {marks}"), login("images", f"apptainer and {marks}")]
    clustered = "cluster" if tier == "full" else "cluster and not slow"
    for name, part in CLUSTER.items():
        whole.append(login(name, f"{clustered} and {part}", "tests/cluster", "cluster"))
    return [*fast, *engines, *whole]


def counts(junit: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped, from what pytest wrote; nothing written means that it died."""
    try:
        found = list(ElementTree.parse(junit).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return 0, 1, 0
    total = {name: sum(int(suite.get(name, 0)) for suite in found) for name in TALLIES}
    failed = total["failures"] + total["errors"]
    return max(0, total["tests"] - failed - total["skipped"]), failed, total["skipped"]


def exit_code(command: list[str], suite: Suite, output: IO[bytes] | None) -> int:
    environ = os.environ | suite.environ
    places: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    try:
        return subprocess.call(command, cwd=ROOT, env=environ, **places)
    except OSError as error:
        print(f"{suite.name}: {error}; run: make setup ENVS={suite.name}")
        return 127


def run(suite: Suite, output: IO[bytes] | None = None) -> Outcome:
    """Runs one suite on this terminal, or into a file.

    A bad exit code is a failure at least; to find no test (5) is none.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder) / "junit.xml"
        command = [*suite.command, f"--junitxml={junit}"] if suite.counted else suite.command
        code = exit_code(command, suite, output)
        passed, failed, skipped = counts(junit) if suite.counted else (int(code == 0), int(code != 0), 0)
    if code not in (0, 5):
        failed = max(1, failed)
    return Outcome(suite.name, passed, failed, skipped, time.monotonic() - start)


def run_group(suites: list[Suite]) -> list[Outcome]:
    """Runs suites at a time; each one's output is shown whole, when all have ended."""
    print(f"\n== {', '.join(suite.name for suite in suites)}", flush=True)
    if len(suites) == 1:
        return [run(suites[0])]
    with contextlib.ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in suites]
        with ThreadPoolExecutor(len(suites)) as pool:
            outcomes = list(pool.map(run, suites, outputs))
        for suite, output in zip(suites, outputs, strict=True):
            output.seek(0)
            print(f"\n== {suite.name}\n{output.read().decode(errors='replace')}", flush=True)
    return outcomes


def main(tier: str) -> int:
    start = time.monotonic()
    outcomes: list[Outcome] = []
    for _, group in itertools.groupby(suites(tier), key=lambda suite: suite.group or suite.name):
        outcomes += run_group(list(group))
    print("\n" + "\n".join(outcome.line() for outcome in outcomes))
    passed, failed, skipped = (sum(tally) for tally in zip(*(o.tally for o in outcomes), strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped in {time.monotonic() - start:.1f}s")
    return int(failed > 0)


if __name__ == "__main__":
    if sys.argv[1:] not in [[tier] for tier in TIERS]:
        sys.exit(f"tests/run.py takes one of {', '.join(TIERS)}")
    sys.exit(main(sys.argv[1]))

"""Runs the suites of one tier, all of them even when one fails: `python tests/run.py fast|test|full`.

Suites run in lanes beside each other: two that compute, those of clusters, which mostly wait (for schedulers,
walltimes, silence), and the set-up of the engines' environments, which mostly waits for the network.

Tests of the login side run in .venvs/tests; tests/engines/<environment>/ runs in that environment's own
Python, one process for the whole suite, with pytest taken from .venvs/pytest so that the environment stays
what its lock says.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"
LOGIN = VENVS / "tests/bin"
TALLIES = ("tests", "failures", "errors", "skipped")
TIERS = ("fast", "test", "full")
ENVIRONMENTS = "environments"
# The second lane: tests that mostly start processes, and rooms that make both lanes equally long. Every other
# test of the login side runs beside them.
PROCESSES = ("tests/runtime", "tests/worker", "tests/plan", "tests/campaign", "tests/test_analyse_verb.py")
CLUSTER = {
    "slurm": "not pbs and not walltimes",
    "pbs": "pbs and not walltimes",
    "walltimes": "not pbs and walltimes",
    "pbs times": "pbs and walltimes",
}


@dataclass(frozen=True)
class Suite:
    """One process; `counted` says that it is pytest, which can tell how many tests it ran.

    Suites of one `lane` run one after another; one that `needs_engines` waits for their environments.
    """

    name: str
    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    counted: bool = False
    lane: str = "checks"
    needs_engines: bool = False


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


def login(name: str, marks: str, lane: str, *where: str) -> Suite:
    """Tests of the login side, in these files and folders."""
    command = [str(LOGIN / "python"), "-m", "pytest", *where, "--ignore=tests/engines", "-m", marks]
    path = os.pathsep.join([str(LOGIN), os.environ.get("PATH", os.defpath)])
    return Suite(name, command, {"PATH": path}, True, lane)


def engine(folder: Path, marks: str) -> Suite:
    """One environment's suite. It reads no conftest.py above tests/engines, which may import what it lacks;
    and engines warn about themselves at import, which is not ours to fail on.
    """
    options = ["-p", "no:cacheprovider", "-W", "default", f"--confcutdir={folder.parent}", "-m", marks]
    command = [str(VENVS / folder.name / "bin/python"), "-m", "pytest", str(folder), *options]
    path = os.pathsep.join([str(VENVS / "pytest"), str(ROOT)])
    environ = {"PYTHONPATH": path}
    return Suite(folder.name, command, environ, counted=True, lane="checks", needs_engines=True)


def environments(names: list[str]) -> Suite:
    """The set-up of engines' environments, which does nothing where they are ready."""
    return Suite(
        ENVIRONMENTS, ["make", "--no-print-directory", "setup", f"ENVS={' '.join(names)}"], lane=ENVIRONMENTS
    )


def suites(tier: str) -> list[Suite]:
    """What a tier runs; within a lane in this order."""
    marks = "not cluster" if tier == "full" else "not slow and not cluster"
    plain = f"not campaign and not engine and not apptainer and {marks}"
    if tier == "fast":
        plain += " and not whole"
    others = [f"--ignore={path}" for path in PROCESSES]
    fast = [*checks(), login("rooms", plain, "checks", "tests", *others)]
    fast.append(login("processes", plain, "processes", *PROCESSES))
    if tier == "fast":
        return fast
    folders = sorted(path for path in (ROOT / "tests/engines").glob("[a-z]*") if path.is_dir())
    campaigns = replace(
        login("campaigns", f"(campaign or engine) and {marks}", "processes", "tests"), needs_engines=True
    )
    images = login("images", f"apptainer and {marks}", "processes", "tests")
    clustered = "cluster" if tier == "full" else "cluster and not slow"
    clusters = [
        login(name, f"{clustered} and {part}", name, "tests/cluster") for name, part in CLUSTER.items()
    ]
    setup = environments([folder.name for folder in folders])
    return [setup, *fast, *(engine(folder, marks) for folder in folders), campaigns, images, *clusters]


def counts(junit: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped, from what pytest wrote; nothing written means that it died."""
    try:
        result = list(ElementTree.parse(junit).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return 0, 1, 0
    total = {name: sum(int(suite.get(name, 0)) for suite in result) for name in TALLIES}
    failed = total["failures"] + total["errors"]
    return max(0, total["tests"] - failed - total["skipped"]), failed, total["skipped"]


def exit_code(command: list[str], suite: Suite, output: IO[bytes] | None) -> int:
    environ = os.environ | suite.environ
    # Tests start some thousand processes: what one of them compiled, the next ones read.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
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


def run_lane(suites: list[Suite], show: Callable[[str], None], ready: threading.Event) -> list[Outcome]:
    """One suite after another; the output of each is shown whole when it has ended.

    ready: set when the engines' environments are made, or have failed to be, which their suites then show.
    """
    outcomes = []
    for suite in suites:
        if suite.needs_engines:
            ready.wait()
        with tempfile.TemporaryFile() as output:
            outcomes.append(run(suite, output))
            output.seek(0)
            text = output.read().decode(errors="replace")
        if suite.name == ENVIRONMENTS:
            ready.set()
        show(f"\n== {suite.name}\n{text}{outcomes[-1].line()}")
    return outcomes


def run_lanes(suites: list[Suite]) -> list[Outcome]:
    """The lanes beside each other, and in each its suites in their order."""
    lanes: dict[str, list[Suite]] = {}
    for suite in suites:
        lanes.setdefault(suite.lane, []).append(suite)
    printing, ready = threading.Lock(), threading.Event()

    def show(text: str) -> None:
        with printing:
            print(text, flush=True)

    with ThreadPoolExecutor(len(lanes)) as pool:
        outcomes = pool.map(lambda lane: run_lane(lane, show, ready), lanes.values())
        return [outcome for lane in outcomes for outcome in lane]


def main(tier: str) -> int:
    start = time.monotonic()
    outcomes = run_lanes(suites(tier))
    print("\n" + "\n".join(outcome.line() for outcome in outcomes))
    passed, failed, skipped = (sum(tally) for tally in zip(*(o.tally for o in outcomes), strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped in {time.monotonic() - start:.1f}s")
    return int(failed > 0)


if __name__ == "__main__":
    if sys.argv[1:] not in [[tier] for tier in TIERS]:
        sys.exit(f"tests/run.py takes one of {', '.join(TIERS)}")
    sys.exit(main(sys.argv[1]))

"""Makes virtual environments under .venvs/ from complete hash locks: `python containers/setup.py ENV...`.

`login` comes first, because its pinned pip installs all the others; they carry no pip of their own. `tests`
is login plus what tests need; `pytest` is a folder for PYTHONPATH, so that a suite can run inside an engine's
environment without changing it. A stamp named after the lock is written last: an environment without its
stamp is unfinished or out of date, and is made again.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = (ROOT / ".venvs").resolve()
# What `pip --python` starts: login's pip, in the Python of the environment that it is to fill.
PIP = VENVS / "login/lib/python3.11/site-packages/pip/__pip-runner__.py"
CARRY_PROJECT = ("login", "tests")
PYTEST = ("iniconfig", "packaging", "pluggy", "pygments", "pytest", "pytest-timeout")
# A user's settings that would send packages elsewhere, or leave them without bytecode (27 s to import MACE).
DROPPED = re.compile(r"PYTHON(PATH|HOME|DONTWRITEBYTECODE)|PIP_(TARGET|PREFIX|ROOT|USER|REQUIRE_VIRTUALENV)")


class SetupError(Exception):
    """What a failed command printed."""


def locks() -> dict[str, Path]:
    """Every environment that can be made, and its lock."""
    found = {lock.parent.name: lock for lock in sorted(ROOT.glob("containers/*/requirements.cpu.lock"))}
    return found | dict.fromkeys(("tests", "pytest"), ROOT / "tests/requirements.lock")


def requirements(env: str) -> tuple[str, dict[str, str]]:
    """The lock's options for pip, and package name → its lines."""
    options, *packages = re.split(r"^(?=[a-z0-9])", locks()[env].read_text(), flags=re.MULTILINE)
    named = {package.split("==")[0]: package for package in packages}
    return options, {name: named[name] for name in PYTEST} if env == "pytest" else named


def stamp(env: str) -> Path:
    """Present when the environment is finished and is what its lock, this Python and this folder ask for."""
    options, packages = requirements(env)
    asked = "".join([options, *packages.values(), sys.version, str(VENVS)])
    if env in CARRY_PROJECT:
        asked += (ROOT / "pyproject.toml").read_text().split("[tool.")[0]
    return VENVS / env / f".stamp-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Maker:
    """`held` is the open lock file of .venvs; a command that outlives us keeps it locked."""

    held: int
    torch_index: str

    def run(self, env: str, command: list[str]) -> None:
        """One command; what it prints is left in .venvs/<env>.log."""
        environ = {name: value for name, value in os.environ.items() if not DROPPED.fullmatch(name)}
        path = VENVS / f"{env}.log"
        with (
            path.open("w") as log,
            subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(self.held,)
            ) as process,
        ):
            code = process.wait()
        if code:
            raise SetupError(path.read_text(errors="replace"))

    def install(self, env: str, *arguments: str) -> None:
        """The machine's settings say from where; torch_index is asked only for a CPU torch they lack."""
        python = VENVS / ("login" if env == "pytest" else env) / "bin/python"
        target = ["--target", str(VENVS / env)] if env == "pytest" else []
        options = ["--no-input", "install", "--no-deps", "--no-build-isolation", *target]
        command = [str(python), str(PIP), *options, *arguments]
        try:
            self.run(env, command)
        except SetupError as error:
            if "No matching distribution found for torch" not in str(error):
                raise
            print(f"{env}: this machine's index has no CPU torch; asking {self.torch_index}", flush=True)
            self.run(env, [*command, "--extra-index-url", self.torch_index])

    def install_lock(self, env: str) -> None:
        """Wheels first; then, built with what they brought, the few packages that exist only as source."""
        options, packages = requirements(env)
        source = re.findall(r"^--no-binary (\S+)", options, flags=re.MULTILINE)
        wheels = [name for name in packages if name not in source]
        for kind, names in {"wheels": wheels, "source": source}.items():
            if names:
                listed = VENVS / env / f".requirements-{kind}.txt"
                listed.write_text(options + "".join(packages[name] for name in names))
                self.install(env, "--require-hashes", "-r", str(listed))

    def make(self, env: str) -> None:
        """One environment from nothing; the stamp comes last."""
        shutil.rmtree(VENVS / env, ignore_errors=True)
        (VENVS / env).mkdir()
        if env != "pytest":
            bare = [] if env == "login" else ["--without-pip"]
            self.run(env, [sys.executable, "-m", "venv", *bare, str(VENVS / env)])
        self.install_lock(env)
        if env in CARRY_PROJECT:
            self.install(env, "--editable", str(ROOT))
        stamp(env).touch()

    def attempt(self, env: str) -> bool:
        """Makes it and tells how it went."""
        start, packages = time.monotonic(), f"{len(requirements(env)[1])} packages"
        print(f"{env}: installing {packages}", flush=True)
        try:
            self.make(env)
        except (SetupError, OSError) as error:
            print(complaint(env, str(error)), file=sys.stderr)
            return False
        print(f"{env}: ready, {packages} in {time.monotonic() - start:.0f} s", flush=True)
        return True


def complaint(env: str, printed: str) -> str:
    """The end of what was printed, and what to do next."""
    lines = printed.strip().splitlines()
    said = [line for line in lines if "ERROR" in line] or lines
    advice = f"""All of it is in .venvs/{env}.log. Check the network and the room on the disk, then run the
  same command again; behind a mirror, first: export PIP_INDEX_URL=https://your-mirror/simple"""
    return "\n  ".join([f"{env}: not made.", *said[-3:], advice])


def make_all(wanted: list[str], torch_index: str) -> bool:
    """Login first, then the others by two, longest first; another setup in the same folder is waited for."""
    with (VENVS / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another setup is at work in this folder; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        maker = Maker(lock.fileno(), torch_index)
        if not stamp("login").exists() and not maker.attempt("login"):
            return False
        missing = [env for env in wanted if not stamp(env).exists()]
        missing.sort(key=lambda env: len(requirements(env)[1]), reverse=True)
        with ThreadPoolExecutor(2) as pool:
            return all(list(pool.map(maker.attempt, missing)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Make environments from their locks; finished ones stay.")
    parser.add_argument("envs", nargs="+", metavar="ENV")
    parser.add_argument("--torch-index", required=True, help="package index that has CPU builds of torch")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.envs) - set(locks())):
        parser.error(f"no environment {', '.join(unknown)}; there are {', '.join(locks())}")
    wanted = list(dict.fromkeys(["login", *asked.envs]))
    if all(stamp(env).exists() for env in wanted):
        return 0
    VENVS.mkdir(exist_ok=True)
    return 0 if make_all(wanted, asked.torch_index) else 1


if __name__ == "__main__":
    sys.exit(main())

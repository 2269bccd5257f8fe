"""Remakes every lock from its requirements.in (`make locks`). It needs network; only developers need it.

mace goes first because it allows least; the others take its versions where they share a package, and tests
also takes login's.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("mace", "symmetrix", "login", "analysis", "deepmd", "jax", "grace", "reference", "fairchem")
LOCKS = {env: ROOT / f"containers/{env}/requirements.cpu.lock" for env in ENVIRONMENTS}
ON_GPUS = ("mace", "deepmd", "jax", "grace", "fairchem")
LOCKS |= {f"{env}-cuda": ROOT / f"containers/{env}/requirements.cuda.lock" for env in ON_GPUS}
LOCKS["lammps"] = ROOT / "containers/lammps/requirements.lock"  # what compiles it, no environment
LOCKS["tests"] = ROOT / "tests/requirements.lock"
FOLLOWS = {"login": ["mace"], "analysis": ["mace"], "reference": ["mace"], "tests": ["mace", "login"]}
FOLLOWS["lammps"] = ["mace"]
FOLLOWS["symmetrix"] = ["mace"]
FOLLOWS["deepmd"] = ["analysis"]
FOLLOWS["grace"] = ["jax"]
FOLLOWS["jax"] = ["mace"]
FOLLOWS["fairchem"] = ["jax"]  # not mace, whose e3nn it refuses
FOLLOWS |= {f"{env}-cuda": [env] for env in ON_GPUS}
# torch has a local version in one of them, and tensorflow-cpu 2.21.0 refuses the h5py of the others.
OWN = ("torch==", "h5py==")
PLATFORM = "--python-version 3.11 --python-platform x86_64-manylinux_2_28 --index-strategy unsafe-best-match"
FORM = "--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links"
HEADER = "# Made by `make locks` from {source}: change that file, not this one.\n"


def torch_source(index: str) -> list[str]:
    """Where the CPU wheel of torch lies: uv does not read pip's own find-links, so they are passed on."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.find-links"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    links = os.environ.get("PIP_FIND_LINKS", "").split() or configured
    return [word for link in links for word in ("--find-links", link)] or ["--extra-index-url", index]


def pins(lock: Path) -> list[str]:
    """`name==version` of each package that other environments must take in this version too."""
    words = (line.split()[0] for line in lock.read_text().splitlines() if "==" in line)
    return [word for word in words if not word.startswith(OWN)]


def source_of(env: str) -> Path:
    """The requirements.in (or requirements.cuda.in) that a lock is made from."""
    flavour = ".cuda" if env.endswith("-cuda") else ""
    return LOCKS[env].with_name(f"requirements{flavour}.in")


def overrides(origin: Path) -> list[str]:
    """Where requirements that packages state wrongly are replaced: overrides.in beside requirements.in."""
    path = origin.with_name(origin.name.replace("requirements", "overrides"))
    return ["--override", str(path)] if path.exists() else []


def compiled(env: str, uv: str, source: list[str]) -> str:
    """The text of one lock; the options that its requirements.in gives to pip are kept, in their order."""
    origin = source_of(env)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.writelines(f"{pin}\n" for other in FOLLOWS.get(env, ()) for pin in pins(LOCKS[other]))
        constraints.flush()
        options = [*PLATFORM.split(), *FORM.split(), *source, "--constraint", constraints.name]
        command = [uv, "pip", "compile", str(origin), *options, *overrides(origin)]
        body = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    kept = [line + "\n" for line in origin.read_text().splitlines() if line.startswith("--")]
    return HEADER.format(source=origin.relative_to(ROOT)) + "".join(kept) + body


def main(uv: str, index: str) -> int:
    for env, lock in LOCKS.items():
        try:
            text = compiled(env, uv, [] if env.endswith("-cuda") else torch_source(index))
        except subprocess.CalledProcessError:
            print(f"{env}: uv could not resolve its requirements.in; why is said above")
            return 1
        lock.write_text(text)
        print(f"{env}: {text.count('==')} packages in {lock.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

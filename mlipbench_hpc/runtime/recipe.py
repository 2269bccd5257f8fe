"""Recipe of an image as text with a hash: definition, complete lock, acceptance tests, base."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mlipbench_hpc
from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.runtime import base
from mlipbench_hpc.runtime.sif import NotAnImage, digests
from mlipbench_hpc.runtime.trouble import Trouble

CONTAINERS = Path(mlipbench_hpc.__file__).resolve().parent.parent / "containers"
BASE_LOCK = CONTAINERS / "base" / "packages.lock"
FLAVOURS = ("cpu", "cuda")
ROOT = "/opt/environment"

# Bytecode is compiled last and never looks at times, because an image's files all carry the same one.
# /mnt holds the wheels: it exists in every base, and what is bound there is not in the image.
PACKAGES = """\
%files
{files}

%post
    set -eu
    umask 022
    export HOME=/root PIP_CONFIG_FILE=/dev/null
    export PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 SOURCE_DATE_EPOCH={epoch}
    python3.11 -m venv --without-pip {root}
    for list in wheels source; do
        {root}/bin/python /mnt/{pip}/pip install --quiet --no-input \\
            --no-index --find-links /mnt \\
            --no-cache-dir --no-deps --no-compile --no-build-isolation \\
            --require-hashes -r /opt/recipe/$list.txt
    done
    stdlib=$(python3.11 -c 'import os; print(os.path.dirname(os.__file__))')
    # Some packages carry files for other Pythons: they cannot be compiled, nor are they imported.
    {root}/bin/python -m compileall -qq -f --invalidation-mode unchecked-hash $stdlib {root}/lib || true
    ldconfig
    rm -rf /var/cache/ldconfig /root/.cache"""
EPOCH = 1577836800  # 2020-01-01: the time that every file of an image carries
# Every start unpacks anew what it imports. lz4 does that in half the time of zstd, which is a third smaller.
SQUASH = ["-all-root", "-no-xattrs", "-noappend", "-no-progress", "-quiet", "-comp", "lz4"]
SQUASH += ["-mkfs-time", str(EPOCH), "-all-time", str(EPOCH)]


class RecipeError(Trouble):
    """No image can be made as asked."""


@dataclass(frozen=True)
class Base:
    """Base of an image. kind: debian (locked packages), local (an image file) or docker (by digest).

    identity says which bytes it is; place is where a local one lies on this machine, in no hash.
    """

    kind: str
    identity: str
    place: Path | None = None

    @property
    def header(self) -> str:
        if self.kind == "docker":
            return f"Bootstrap: docker\nFrom: {self.identity.removeprefix('docker:')}"
        return "Bootstrap: localimage\nFrom: base"


@dataclass(frozen=True)
class Recipe:
    """One image to make. files: name → text, all of them copied to /opt/recipe."""

    environment: str
    flavour: str
    base: Base
    files: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.flavour}"

    @cached_property
    def definition(self) -> str:
        """The Apptainer definition; no path of this machine is in it."""
        template = (CONTAINERS / self.environment / "image.def").read_text()
        listed = "\n".join(f"    {name} /opt/recipe/{name}" for name in sorted(self.files))
        pip = f"pip-{pip_lines().split()[0].removeprefix('pip==')}-py3-none-any.whl"
        packages = PACKAGES.format(files=listed, root=ROOT, pip=pip, epoch=EPOCH)
        return template.replace("@BASE@", self.base.header).replace("@PACKAGES@", packages)

    @cached_property
    def identity(self) -> str:
        """sha256 of the definition, its files, the base and how the file system is packed."""
        return digest([self.definition, self.files, self.base.identity, SQUASH])


def recipe(environment: str, flavour: str, base: Base) -> Recipe:
    """Raises RecipeError when there is no lock or no definition for it."""
    folder = CONTAINERS / environment
    lock = folder / f"requirements.{flavour}.lock"
    if not lock.exists() or not (folder / "image.def").exists():
        raise RecipeError(
            f"no {flavour} image of `{environment}` can be made; there are {', '.join(known())}"
        )
    wheels, source = split(lock.read_text())
    texts = {"requirements.lock": lock.read_text(), "wheels.txt": wheels, "source.txt": source}
    scripts = [CONTAINERS / "acceptance.py", CONTAINERS / "training.py", folder / "accept.py"]
    return Recipe(environment, flavour, base, texts | {path.name: path.read_text() for path in scripts})


def known() -> list[str]:
    """`environment-flavour` of every image that can be made."""
    return [
        f"{path.parent.name}-{flavour}"
        for path in sorted(CONTAINERS.glob("*/image.def"))
        for flavour in FLAVOURS
        if (path.parent / f"requirements.{flavour}.lock").exists()
    ]


def split(lock: str) -> tuple[str, str]:
    """A lock's wheels, and the few packages that exist only as source and are built after them."""
    options, *packages = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    source = re.findall(r"^--no-binary (\S+)", options, flags=re.MULTILINE)
    parts = [
        [package for package in packages if (package.split("==")[0] in source) is late]
        for late in (False, True)
    ]
    return options + "".join(parts[0]), options + "".join(parts[1])


def pip_lines() -> str:
    """The pip that installs an image's packages, with its hashes: the login environment's."""
    lock = (CONTAINERS / "login" / "requirements.cpu.lock").read_text()
    lines = re.search(r"^pip==\S+.*\n(?:    --hash.*\n)+", lock, flags=re.MULTILINE)
    assert lines, "the login environment's lock names pip"
    return lines[0]


def base_from(text: str) -> Base:
    """`debian`, `docker:name@sha256:…`, or the path of an image file. Raises RecipeError."""
    if text == "debian":
        return Base("debian", base.identity(base.locked(BASE_LOCK)))
    if text.startswith("docker:"):
        if not re.fullmatch(r"docker:[\w./:-]+@sha256:[0-9a-f]{64}", text):
            raise RecipeError(
                f"base {text} may move: name it by digest, as in docker:python@sha256:<64 digits>"
            )
        return Base("docker", text)
    try:
        return Base("local", f"local:{digests(Path(text)).squashfs}", Path(text).resolve())
    except (NotAnImage, OSError) as error:
        raise RecipeError(
            f"base `{text}` is neither debian, docker:…@sha256:… nor an image: {error}"
        ) from error


def base_named(identity: str) -> Base:
    """The base that an image's recorded one is to be: of Debian's, what the lock says today."""
    return (
        base_from("debian") if identity.startswith("debian:") else Base(identity.partition(":")[0], identity)
    )


def pinned(lock: str) -> dict[str, str]:
    """Version by package of a lock."""
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", lock, flags=re.MULTILINE))

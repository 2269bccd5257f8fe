"""Compiles LAMMPS with ML-IAP and Python from a source archive: `build.py ARCHIVE SHA256 FOLDER`.

What it makes is a folder with the Python package `lammps`, its library inside; a site names it
(`lammps: {mace: FOLDER}`). It wants a C++17 compiler and this Python's headers. One process, no MPI, no
KOKKOS. The tools come from requirements.lock.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ("ML-IAP", "ML-SNAP", "PYTHON")
OFF = ("MPI", "OMP", "TOOLS")
WITHOUT = ("CURL", "FFMPEG", "GZIP", "JPEG", "PNG")
# LAMMPS's own looks for a libpython file; an interpreter that is one program has none, and needs none.
MLIAP = (
    '"""Models in Python for ML-IAP."""\n\nfrom .loader import activate_mliappy, load_model, load_unified\n'
)


class BuildError(Exception):
    """What is wrong, and what to do about it."""


def main(archive: Path, sha256: str, folder: Path) -> None:
    """Raises BuildError; the folder appears when it is complete."""
    started = time.monotonic()
    check(archive, sha256)
    if folder.exists():
        raise BuildError(f"{folder} is there already: remove it, or give another name")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".lammps-", dir=folder.parent) as place:
        room = Path(place)
        source = unpacked(archive, room / "source")
        tools = toolbox(room / "tools", folder.with_name(f"{folder.name}.log"))
        tools.run("cmake", *options(source, room))
        tools.run("ninja", "-C", str(room / "build"), "lammps")
        made = assembled(source, room, tools)
        seconds = round(time.monotonic() - started)
        record = {"archive": archive.name, "sha256": sha256, "packages": PACKAGES, "seconds": seconds}
        (made / "built.json").write_text(json.dumps(record, indent=1) + "\n")
        made.rename(folder)
    print(f"{folder}: LAMMPS with {', '.join(PACKAGES)} in {seconds} s")


def check(archive: Path, sha256: str) -> None:
    """The archive is the one that is meant, and this Python can be compiled for."""
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise BuildError(f"{archive} has sha256 {found}, expected {sha256 or 'one to be given'}")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise BuildError(f"{header} is not there: install this Python's headers (Debian: python3-dev)")
    if shutil.which("c++") is None:
        raise BuildError("no c++ on PATH: install a C++17 compiler (Debian: g++)")


def unpacked(archive: Path, room: Path) -> Path:
    """The folder that holds LAMMPS's cmake/ and src/; nothing in an archive may lie outside of it."""
    with tarfile.open(archive) as packed:
        packed.extractall(room, filter="data")
    for folder in (room, *sorted(path for path in room.iterdir() if path.is_dir())):
        if (folder / "cmake" / "CMakeLists.txt").exists() and (folder / "src" / "version.h").exists():
            return folder
    raise BuildError(f"{archive} holds no source of LAMMPS: no cmake/CMakeLists.txt with src/version.h")


class Tools:
    """Programs of the build's own environment; what they print goes to `log`."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root, self.log = root, log

    def run(self, program: str, *arguments: str) -> None:
        """One argv list; raises BuildError with the end of the log."""
        path = f"{self.root / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        found = shutil.which(program, path=path) or program
        with self.log.open("a") as log:
            code = subprocess.run(
                [found, *arguments], env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, check=False,
            ).returncode  # fmt: skip
        if code:
            said = "\n  ".join(self.log.read_text(errors="replace").splitlines()[-12:])
            raise BuildError(f"{program} failed ({code}); all of it is in {self.log}\n  {said}")


def toolbox(root: Path, log: Path) -> Tools:
    """An environment with what requirements.lock names."""
    log.write_text("")
    tools = Tools(root, log)
    tools.run(sys.executable, "-m", "venv", "--without-pip", str(root))
    install = ["-m", "pip", "--python", str(root / "bin" / "python"), "install", "--quiet", "--no-input"]
    lock = str(HERE / "requirements.lock")
    tools.run(sys.executable, *install, "--no-deps", "--require-hashes", "-r", lock)
    return tools


def options(source: Path, room: Path) -> list[str]:
    """How LAMMPS is configured."""
    chosen = {
        "CMAKE_BUILD_TYPE": "Release", "CMAKE_CXX_FLAGS_RELEASE": "-O2", "BUILD_SHARED_LIBS": "ON",
        "FFT": "KISS", "MLIAP_ENABLE_PYTHON": "ON",
        "Python_EXECUTABLE": str(room / "tools" / "bin" / "python"), "Python_FIND_VIRTUALENV": "ONLY",
        **{f"PKG_{name}": "ON" for name in PACKAGES},
        **{f"BUILD_{name}": "OFF" for name in OFF},
        **{f"WITH_{name}": "OFF" for name in WITHOUT},
    }  # fmt: skip
    places = ["-G", "Ninja", "-S", str(source / "cmake"), "-B", str(room / "build")]
    return [*places, *(f"-D{name}={value}" for name, value in chosen.items())]


def assembled(source: Path, room: Path, tools: Tools) -> Path:
    """The package with its library, which starts in any Python of this version."""
    made = room / "made"
    package = made / "lammps"
    shutil.copytree(source / "python" / "lammps", package)
    (package / "mliap" / "__init__.py").write_text(MLIAP)
    describe(made, (source / "src" / "version.h").read_text())
    library = package / "liblammps.so"
    shutil.copyfile(room / "build" / "liblammps.so", library)
    tools.run("strip", "--strip-unneeded", str(library))
    embedded = sysconfig.get_config_var("INSTSONAME") or ""
    tools.run("patchelf", "--remove-rpath", "--remove-needed", str(embedded), str(library))
    return made


def describe(made: Path, header: str) -> None:
    """The package asks importlib for its version: it must not find that of a wheel further down the path."""
    date = time.strptime(header.split('"')[1], "%d %b %Y")
    version = f"{date.tm_year}.{date.tm_mon}.{date.tm_mday}"
    info = made / f"lammps-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lammps\nVersion: {version}\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"usage: {Path(sys.argv[0]).name} ARCHIVE SHA256 FOLDER")
    try:
        main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).resolve())
    except (BuildError, OSError, tarfile.TarError) as error:
        sys.exit(f"LAMMPS was not built: {error}")

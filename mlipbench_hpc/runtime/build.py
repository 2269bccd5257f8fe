"""Make one image: wheels fetched by the login environment's pip, a sandbox by Apptainer, then a squashfs.

Its bytes depend on the recipe alone, given the same Apptainer and squashfs-tools.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlipbench_hpc
from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.runtime import base
from mlipbench_hpc.runtime.images import Entry, Images
from mlipbench_hpc.runtime.recipe import BASE_LOCK, SQUASH, Recipe, pinned, pip_lines
from mlipbench_hpc.runtime.sif import digests
from mlipbench_hpc.runtime.trouble import Trouble

# Where packages come from is this machine's own affair: pip's settings, proxies and certificates pass.
FETCHING = (
    "PIP_",
    "SSL_",
    "REQUESTS_",
    "CURL_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http",
    "https",
    "no_proxy",
)
BUILDING = ("PATH", "LANG", "APPTAINER_TMPDIR", "APPTAINER_CACHEDIR")
# Labels that say when and by which Apptainer: two equal images must not differ in them.
DATED = ("org.label-schema.build-date", "org.label-schema.usage.apptainer.version")
ADD = ["--datatype", "4", "--parttype", "2", "--partfs", "1", "--partarch", "2"]

Echo = Callable[[str], None]


class BuildError(Trouble):
    """An image could not be made; the message says which step failed, and where its log is."""


@dataclass(frozen=True)
class Builder:
    """Builds into `folder`; torch_index is asked only for a CPU torch that this machine's settings lack."""

    folder: Path
    torch_index: str
    echo: Echo

    def build(self, recipe: Recipe) -> Entry:
        """Make, test and lock one image. Raises BuildError, BaseError."""
        _require("apptainer", "mksquashfs", "unshare")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone(), tempfile.TemporaryDirectory(prefix=".building-", dir=self.folder) as room:
            started = time.monotonic()
            image = self._make(recipe, Path(room))
            self._inspect(recipe, image)
            self._run(recipe, "test", test_command(image))
            entry = self._lock(recipe, image, started)
            base.remove(Path(room) / "sandbox")
        return entry

    def _make(self, recipe: Recipe, room: Path) -> Path:
        wheels = self._wheels(recipe)
        for name, text in {**recipe.files, "image.def": recipe.definition}.items():
            (room / name).write_text(text)
        self._base(recipe, room)
        self._build(recipe, wheels, room)
        normalise(room / "sandbox")
        squashfs, image = room / "image.sqfs", room / "image.sif"
        self._run(recipe, "squash", ["mksquashfs", str(room / "sandbox"), str(squashfs), *SQUASH])
        self._run(recipe, "new", ["apptainer", "sif", "new", str(image)])
        self._run(recipe, "add", ["apptainer", "sif", "add", *ADD, str(image), str(squashfs)])
        squashfs.unlink()
        return image

    def _build(self, recipe: Recipe, wheels: Path, room: Path) -> None:
        """Into a sandbox, to be normalised; what is bound at /mnt is not in the image."""
        from mlipbench_hpc.runtime.apptainer import Apptainer

        apptainer = Apptainer(lambda command: self._run(recipe, "build", command, cwd=room))
        bind = ["--bind", f"{wheels.resolve()}:/mnt"]
        apptainer.build(
            recipe="image.def", image=str(room / "sandbox"), sandbox=True, sudo=False, quiet=True,
            options=["--notest", *bind],
        )  # fmt: skip

    def _inspect(self, recipe: Recipe, image: Path) -> None:
        """The finished file is one that Apptainer reads, and holds the definition that it was made from."""
        from mlipbench_hpc.runtime.apptainer import definition_in

        wanted = recipe.definition[recipe.definition.index("Bootstrap:") :]  # It drops what comes before.
        if (inside := definition_in(image)).strip() != wanted.strip():
            raise BuildError(
                f"{recipe.name}: another definition is in the image than its recipe's:\n{inside}"
            )

    def _base(self, recipe: Recipe, room: Path) -> None:
        if recipe.base.kind == "debian":
            base.make(room / "base", base.locked(BASE_LOCK), self.folder / ".cache" / "debian")
        elif recipe.base.place:
            (room / "base").symlink_to(recipe.base.place)

    def _wheels(self, recipe: Recipe) -> Path:
        """A folder with every file that the locks name, their hashes checked; kept for the next build."""
        locks = {
            "pip.txt": pip_lines(),
            **{name: recipe.files[name] for name in ("wheels.txt", "source.txt")},
        }
        folder = self.folder / ".cache" / f"wheels-{digest(locks)[:16]}"
        if not folder.exists():
            temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            for name, text in locks.items():
                (temporary / name).write_text(text)
                self._download(recipe, temporary, name)
            temporary.rename(folder)
        return folder

    def _download(self, recipe: Recipe, folder: Path, name: str) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += [
            "--no-build-isolation",
            "--require-hashes",
            "--dest",
            str(folder),
            "-r",
            str(folder / name),
        ]
        try:
            self._run(recipe, "download", command, passed=FETCHING)
        except BuildError as error:
            if "No matching distribution found for torch" not in str(error):
                raise
            self._run(recipe, "download", [*command, "--extra-index-url", self.torch_index], passed=FETCHING)

    def _lock(self, recipe: Recipe, image: Path, started: float) -> Entry:
        """Give the image its final name, which holds its identity, and write it into images.lock."""
        digest = digests(image)
        name = f"{recipe.name}-{digest.squashfs[:16]}.sif"
        size = image.stat().st_size
        image.chmod(0o644)
        image.rename(self.folder / name)
        built = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": f"{time.monotonic() - started:.0f}",
            "apptainer": _first_line(["apptainer", "--version"]),
            "mksquashfs": _first_line(["mksquashfs", "-version"]),
        }
        entry = Entry(
            recipe.environment, recipe.flavour, name, recipe.identity, digest.squashfs, digest.file,
            size, recipe.base.identity, built, pinned(recipe.files["requirements.lock"]),
        )  # fmt: skip
        Images(self.folder).write(entry)
        return entry

    def _run(
        self,
        recipe: Recipe,
        step: str,
        command: list[str],
        cwd: Path | None = None,
        passed: tuple[str, ...] = (),
    ) -> None:
        """One step in an emptied environment; what it prints is appended to the image's log."""
        passed_on = {
            name: value
            for name, value in os.environ.items()
            if name in BUILDING or name.startswith(passed or "\0")
        }
        environ = {**passed_on, "HOME": str(self.folder / ".cache"), "TMPDIR": str(self.folder)}
        path = self.folder / f"{recipe.name}.log"
        with path.open("w" if step == "download" else "a") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            log.flush()
            before = log.tell()
            code = subprocess.run(
                command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            ).returncode
        if code:
            output = path.read_bytes()[before:].decode(errors="replace").strip().splitlines()
            raise BuildError(
                f"{recipe.name}: {step} failed ({code}); all of it is in {path}\n  "
                + "\n  ".join(output[-6:])
            )
        self.echo(f"{recipe.name}: {step} done")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One build at a time in a folder, with the same permissions for what it makes whoever builds."""
        mask = os.umask(0o022)
        try:
            with (self.folder / ".build-lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for dead in self.folder.glob(".building-*"):
                    base.remove(dead)
                yield
        finally:
            os.umask(mask)


def test_command(image: Path) -> list[str]:
    """%test with this package bound, as a task would see it."""
    code = Path(mlipbench_hpc.__file__).resolve().parent
    mount = f"type=bind,src={code},dst=/opt/mlipbench/{code.name},ro"
    options = ["--no-privs", "--containall", "--no-home", "--no-eval", "--pwd", "/tmp", "--mount", mount]  # noqa: S108 inside
    variables = {
        "PYTHONPATH": "/opt/mlipbench",
        "LD_LIBRARY_PATH": "/opt/environment/lib",
        "OMP_NUM_THREADS": "1",
    }
    return ["apptainer", "test", *options, *(f"--env={k}={v}" for k, v in variables.items()), str(image)]


def normalise(sandbox: Path) -> None:
    """Take out what differs from build to build."""
    path = sandbox / ".singularity.d" / "labels.json"
    labels = {name: text for name, text in json.loads(path.read_text()).items() if name not in DATED}
    path.write_text(json.dumps(labels, indent=1, sort_keys=True))
    for folder, _, _ in os.walk(sandbox):
        Path(folder).chmod(Path(folder).stat().st_mode | 0o700)


def _require(*programs: str) -> None:
    if missing := [program for program in programs if shutil.which(program) is None]:
        needed = "an image is built with Apptainer, squashfs-tools and util-linux"
        raise BuildError(f"{' and '.join(missing)} not found: {needed}")


def _first_line(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return (ended.stdout or ended.stderr).partition("\n")[0]

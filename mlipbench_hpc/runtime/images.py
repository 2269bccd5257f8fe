"""A site's images: what images.lock says of each, and whether the file that is there is that one."""

import json
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import read_json, write_bytes, write_json
from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.runtime.own_lammps import OwnLammps
from mlipbench_hpc.runtime.recipe import ROOT, RecipeError, base_named, known, recipe
from mlipbench_hpc.runtime.sif import Digests, NotAnImage, digests
from mlipbench_hpc.runtime.trouble import Trouble

LOCK, SCHEMA = "images.lock", 1
REMEMBERED = "images.json"


class ImageRefused(Trouble):
    """An image that is needed is not there, or is not the one that images.lock names."""


@dataclass(frozen=True)
class Entry:
    """Entry of one image in images.lock.

    recipe: what it was made from. squashfs: sha256 of what is in it, its identity in task keys. sha256: of
    the file, which signing changes. base: what it stands on. built: when and with which tools.
    """

    environment: str
    flavour: str
    file: str
    recipe: str
    squashfs: str
    sha256: str
    bytes: int
    base: str
    built: dict[str, str]
    packages: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.flavour}"

    def to_json(self) -> dict[str, Any]:
        """With a seal, so that an edit by hand is noticed."""
        return asdict(self) | {"seal": digest(asdict(self))}


@dataclass(frozen=True)
class Images:
    """A folder of images with their lock; `remember` is a folder for what was checked already."""

    folder: Path
    remember: Path | None = None

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """By `environment-flavour`. Raises ImageRefused for a lock that is no lock or was edited."""
        path = self.folder / LOCK
        record = read_json(path)
        if record is None and not path.exists():
            return {}
        try:
            entries = [_entry(record_of_image, path) for record_of_image in record["images"]]
        except (TypeError, KeyError) as error:
            raise ImageRefused(f"{path} is not what `mlipbench images build` writes: {error!r}") from error
        return {entry.name: entry for entry in entries}

    def write(self, entry: Entry) -> None:
        """Put one image into the lock, in place of its predecessor."""
        entries = {**self.entries, entry.name: entry}
        write_bytes(self.folder / LOCK, lock_text(entries.values()))
        self.__dict__.pop("entries", None)

    def find(self, environment: str, flavour: str) -> "Image":
        """An environment's image, in cpu where it comes in no other. Raises ImageRefused."""
        for name in (f"{environment}-{flavour}", f"{environment}-cpu"):
            if entry := self.entries.get(name):
                return Image(entry, self.folder / entry.file, self.remember)
        offered = flavour if f"{environment}-{flavour}" in known() else "cpu"
        raise ImageRefused(
            f"{self.folder / LOCK} has no {offered} image of `{environment}`: "
            f"run `make image ENV={environment} FLAVOUR={offered}`"
        )

    def has(self, environments: Iterable[str], flavour: str) -> bool:
        """True where there is an image of each environment."""
        return all(
            f"{name}-{flavour}" in self.entries or f"{name}-cpu" in self.entries for name in environments
        )


def lock_text(entries: Iterable[Entry]) -> bytes:
    """The content of images.lock."""
    images = [entry.to_json() for entry in sorted(entries, key=lambda entry: entry.name)]
    return (json.dumps({"schema": SCHEMA, "images": images}, indent=1, sort_keys=True) + "\n").encode()


def _entry(record: dict[str, Any], lock: Path) -> Entry:
    entry = Entry(**{name: value for name, value in record.items() if name != "seal"})
    if record["seal"] != digest(asdict(entry)):
        raise ImageRefused(
            f"{lock}: the entry of {entry.name} was edited by hand (its seal is "
            f"{record['seal'][:12]}, that of its content {digest(asdict(entry))[:12]}): bring the lock "
            f"back that came with the images, or remove it and build again"
        )
    return entry


@dataclass(frozen=True)
class Image:
    """One image that tasks run in."""

    entry: Entry
    path: Path
    remember: Path | None = None
    lammps: OwnLammps | None = None
    _seen: list[tuple[int, ...]] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        return self.entry.environment

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def root(self) -> Path:
        """The environment's folder inside the image."""
        return Path(ROOT)

    @property
    def device(self) -> str:
        """Device that models inside compute on: cuda or cpu."""
        return self.entry.flavour

    @property
    def identity(self) -> str:
        """image:sha256 of the squashfs; with a LAMMPS of the site's own, that one's too."""
        own = f"image:{self.entry.squashfs}"
        return f"{own}+{self.lammps.identity}" if self.lammps else own

    def check(self) -> None:
        """Raise ImageRefused unless the file is the locked one, made from this checkout's recipe.

        Bytes are read again only when size, times or inode are not those of a file that was read before.
        """
        stamp = self._stamp()
        if stamp in self._seen:
            return
        if self._remembered(stamp) != [self.entry.sha256, self.entry.squashfs]:
            self.verify()
            self._keep(stamp)
        self._check_recipe()
        self._seen.append(stamp)

    def verify(self) -> None:
        """Read every byte and compare; raises ImageRefused with what was expected and what was found."""
        self._stamp()
        try:
            present = digests(self.path)
        except (NotAnImage, OSError) as error:
            raise ImageRefused(f"image of `{self.name}`: {error}; {self._again}") from error
        wanted = Digests(self.entry.sha256, self.entry.squashfs)
        if present != wanted:
            inside = (
                "the same"
                if present.squashfs == wanted.squashfs
                else f"{present.squashfs}, not {wanted.squashfs}"
            )
            raise ImageRefused(
                f"{self.path} is not the image of `{self.name}` that {LOCK} names.\n"
                f"  expected sha256 {wanted.file}\n  found    sha256 {present.file}\n"
                f"  its squashfs is {inside}\n  {self._again}"
            )

    @property
    def _again(self) -> str:
        make = f"make image ENV={self.name} FLAVOUR={self.entry.flavour}"
        return f"build it again ({make}) or bring the locked one back"

    def _stamp(self) -> tuple[int, ...]:
        try:
            status = self.path.lstat()
        except FileNotFoundError as error:
            raise ImageRefused(f"{self.path} is not there, but {LOCK} names it: {self._again}") from error
        if not stat.S_ISREG(status.st_mode):
            kind = "folder" if stat.S_ISDIR(status.st_mode) else "link or device"
            raise ImageRefused(f"{self.path} is a {kind} where an image file should be: {self._again}")
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _check_recipe(self) -> None:
        try:
            wanted = recipe(self.name, self.entry.flavour, base_named(self.entry.base)).identity
        except RecipeError:
            return  # A third party's image: its lock is all that there is.
        if wanted != self.entry.recipe:
            raise ImageRefused(
                f"{self.path} was made from recipe {self.entry.recipe[:12]}, this checkout has "
                f"{wanted[:12]}: run `make image ENV={self.name} FLAVOUR={self.entry.flavour}`"
            )

    def _remembered(self, stamp: tuple[int, ...]) -> list[str] | None:
        record = (read_json(self.remember / REMEMBERED) or {}) if self.remember else {}
        earlier = record.get(str(self.path), {})
        return earlier.get("digests") if earlier.get("stamp") == list(stamp) else None

    def _keep(self, stamp: tuple[int, ...]) -> None:
        if self.remember:
            self.remember.mkdir(parents=True, exist_ok=True)
            record = read_json(self.remember / REMEMBERED) or {}
            record[str(self.path)] = {"stamp": stamp, "digests": [self.entry.sha256, self.entry.squashfs]}
            write_json(self.remember / REMEMBERED, record)

    def describe(self, store: Path) -> None:
        """Keep in the store what this identity means, for the report and for next year."""
        path = store / "environments" / f"{self.identity.removeprefix('image:').replace(':', '-')}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            write_json(path, {"name": self.name, "identity": self.identity, **asdict(self.entry)})

"""`mlipbench images build | verify | list | export`: what the command line says about images."""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbench_hpc.cli.options import add_place
from mlipbench_hpc.runtime.build import Builder
from mlipbench_hpc.runtime.images import LOCK, Entry, Image, ImageRefused, Images, lock_text
from mlipbench_hpc.runtime.places import images_of
from mlipbench_hpc.runtime.recipe import Recipe, base_from, known, recipe

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers

VERBS = {
    "build": "make images from their recipes; those that are there already stay",
    "verify": "read every byte of every image and compare it with images.lock",
    "list": "what images.lock holds, and whether it can be used",
    "export": "put images and their lock into one archive, for somebody who is to repeat a run",
}
FOLDER = "images"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def add_options(verb: str, parser: argparse.ArgumentParser) -> None:
    """The arguments of one verb."""
    if verb == "export":
        parser.add_argument("archive", type=Path, help="the .tar to write")
    parser.add_argument("env", nargs="*", help="environments (default: all)")
    if verb == "build":
        parser.add_argument("--flavour", choices=["cpu", "cuda"], help="default: the site's")
        parser.add_argument("--base", default="debian", help="debian, docker:NAME@sha256:…, or an image file")
        parser.add_argument("--again", action="store_true", help="what is there too; compare the bytes")
        parser.add_argument("--torch-index", default=TORCH_INDEX, help="asked only for a CPU torch")


def add_verbs(verbs: Subparsers) -> None:
    """`images` and the verbs below it."""
    text = "a site's pinned Apptainer images"
    images = verbs.add_parser("images", help=text, description=text)
    below = images.add_subparsers(dest="images_verb", required=True)
    for name, words in VERBS.items():
        parser = below.add_parser(name, help=words, description=words)
        add_options(name, parser)
        parser.set_defaults(function=run)
        add_place(parser)


def run(session: Session) -> int:
    """Carry out the verb that was typed."""
    verb = {"build": build, "verify": verify, "list": show, "export": export}[session.options.images_verb]
    return verb(images_of(session.site), session.options, session.site.flavour)


def build(images: Images, options: argparse.Namespace, flavour: str) -> int:
    """Make what is asked for, one after another."""
    base, flavour = base_from(options.base), options.flavour or flavour
    names = [name.removesuffix(f"-{flavour}") for name in known() if name.endswith(f"-{flavour}")]
    builder = Builder(images.folder, options.torch_index, _say)
    for wanted in [recipe(name, flavour, base) for name in dict.fromkeys(options.env or names)]:
        before = images.entries.get(wanted.name)
        if before and not options.again and _is_current(images, before, wanted):
            _say(f"{wanted.name}: is there already, {before.file}")
        else:
            _say(_described(builder.build(wanted), before))
            images = Images(images.folder)
    return 0


def _is_current(images: Images, entry: Entry, wanted: Recipe) -> bool:
    """True where the image was built from this very recipe and is whole."""
    try:
        Image(entry, images.folder / entry.file).verify()
    except ImageRefused:
        return False
    return entry.recipe == wanted.identity


def _described(entry: Entry, before: Entry | None) -> str:
    line = (
        f"{entry.name}: {entry.bytes / 1e6:.0f} MB in {entry.built['seconds']} s, squashfs {entry.squashfs}"
    )
    if before is None or before.recipe != entry.recipe:
        return line
    same = "byte-identical to" if before.squashfs == entry.squashfs else "DIFFERENT from"
    return f"{line}\n  {same} the one of {before.built['date']}"


def verify(images: Images, options: argparse.Namespace, _flavour: str) -> int:
    """Every byte of every image; says all that is wrong, not only the first."""
    bad = 0
    for entry in chosen(images, options.env):
        try:
            Image(entry, images.folder / entry.file).verify()
            _say(f"{entry.name}: as locked, squashfs {entry.squashfs}")
        except ImageRefused as error:
            bad += 1
            _say(f"{entry.name}: REFUSED, {error}")
    return 1 if bad else 0


def show(images: Images, options: argparse.Namespace, _flavour: str) -> int:
    for entry in chosen(images, options.env):
        try:
            Image(entry, images.folder / entry.file).check()
            state = "ready"
        except ImageRefused as error:
            state = f"REFUSED: {error}"
        size, date = f"{entry.bytes / 1e6:7.0f} MB", entry.built["date"][:10]
        _say(f"{entry.name:16}{size}  {entry.squashfs[:16]}  {date}  {entry.base[:23]:24}{state}")
    for name in sorted(set(known()) - set(images.entries)):
        _say(f"{name:16}not built: mlipbench images build {name.rpartition('-')[0]}")
    return 0


def export(images: Images, options: argparse.Namespace, _flavour: str) -> int:
    """Only whole images; the archive appears under its name when it is complete."""
    entries = chosen(images, options.env)
    for entry in entries:
        Image(entry, images.folder / entry.file).verify()
    temporary = options.archive.with_name(f".{options.archive.name}.tmp")
    lock = tarfile.TarInfo(f"{FOLDER}/{LOCK}")
    text = lock_text(entries)
    lock.size = len(text)
    try:
        with tarfile.open(temporary, "w") as archive:
            archive.addfile(lock, io.BytesIO(text))
            for entry in entries:
                archive.add(images.folder / entry.file, f"{FOLDER}/{entry.file}")
        temporary.rename(options.archive)
    finally:
        temporary.unlink(missing_ok=True)
    _say(f"{options.archive}: {len(entries)} images; unpack it in a checkout, then `mlipbench images verify`")
    return 0


def chosen(images: Images, environments: Iterable[str]) -> list[Entry]:
    """The entries of these environments, or all. Raises ImageRefused where there are none."""
    wanted = set(environments)
    entries_of = [entry for entry in images.entries.values() if not wanted or entry.environment in wanted]
    missing = wanted - {entry.environment for entry in entries_of}
    if missing or not entries_of:
        names = ", ".join(sorted(missing)) or "anything"
        raise ImageRefused(f"{images.folder / LOCK} holds no image of {names}: run `mlipbench images build`")
    return entries_of


def _say(line: str) -> None:
    print(line, flush=True)

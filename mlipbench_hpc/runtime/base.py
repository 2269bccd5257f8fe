"""The base of every image: locked Debian packages, unpacked and not configured, so it is the same everywhere.

No package manager runs and root is not needed. What the base is, is known before it is built: the digest of
its lock and of what is done with the packages here.
"""

import hashlib
import io
import json
import lzma
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.runtime.trouble import Trouble

MIRROR = "http://deb.debian.org/debian"
MERGED = ("bin", "lib", "lib64", "sbin")
FOLDERS = ("dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var/tmp")
# Manuals and translations; licences stay.
LEFT_OUT = (
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/info/",
    "usr/share/lintian/",
    "usr/share/doc-base/",
)
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
LAYOUT = 1


class BaseError(Trouble):
    """The base cannot be made as its lock says."""


@dataclass(frozen=True)
class Package:
    """One Debian package: its path on a mirror, and its bytes' sha256."""

    path: str
    sha256: str
    bytes: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def locked(lock: Path) -> list[Package]:
    """The packages of a base, in the order in which they are unpacked."""
    record: dict[str, Any] = json.loads(lock.read_text())
    return [Package(**package) for package in record["packages"]]


def identity(packages: list[Package]) -> str:
    """debian:sha256 of what the base is made of and how."""
    layout = [LAYOUT, FOLDERS, FILES, LEFT_OUT]
    return "debian:" + digest([layout, [[package.name, package.sha256] for package in packages]])


def make(root: Path, packages: list[Package], cache: Path) -> None:
    """Unpack every package into the new folder `root`; downloads stay in `cache`. Raises BaseError."""
    root.mkdir(parents=True)
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        unpack(fetched(package, cache), root)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name, text in FILES.items():
        (root / name).write_text(text)


def fetched(package: Package, cache: Path) -> bytes:
    """The package's bytes, from `cache` or a mirror, their sha256 checked. Raises BaseError."""
    path = cache / package.name
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != package.sha256:
        content = _download(package)
        cache.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    return content


def _download(package: Package) -> bytes:
    mirror = os.environ.get("DEBIAN_MIRROR", MIRROR).rstrip("/")
    advice = (
        "set DEBIAN_MIRROR to one that keeps it, such as https://snapshot.debian.org/archive/debian/<date>"
    )
    try:
        with urllib.request.urlopen(f"{mirror}/{package.path}", timeout=120) as answer:  # noqa: S310 the user's mirror
            content = bytes(answer.read())
    except (OSError, urllib.error.URLError) as error:
        raise BaseError(f"{package.name} could not be had from {mirror} ({error}): {advice}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != package.sha256:
        raise BaseError(
            f"{package.name} from {mirror} has sha256 {sha256}, the lock expects {package.sha256}: {advice}"
        )
    return content


def unpack(deb: bytes, root: Path) -> None:
    """The files of one .deb; on a system with merged /usr, /bin is /usr/bin."""
    name, content = next((name, content) for name, content in members(deb) if name.startswith("data.tar"))
    if not name.endswith((".xz", "tar")):
        raise BaseError(f"a Debian package holds {name}; only .xz is read here")
    data = lzma.decompress(content) if name.endswith(".xz") else content
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            member.name = _merged(member.name)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            if member.islnk():
                member.linkname = _merged(member.linkname)
            if member.name and not member.name.startswith(LEFT_OUT):
                archive.extract(member, root, filter="tar")


def _merged(name: str) -> str:
    plain = name.removeprefix("./").removeprefix("/")
    return f"usr/{plain}" if plain.partition("/")[0] in MERGED else plain


def members(deb: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of an `ar` archive (deb(5): 60-byte headers, even offsets)."""
    if not deb.startswith(b"!<arch>\n"):
        raise BaseError("a Debian package is no ar archive")
    at = 8
    while at < len(deb):
        header = deb[at : at + 60]
        size = int(header[48:58])
        yield header[:16].decode().strip().rstrip("/"), deb[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


def remove(root: Path) -> None:
    """Remove a root file system, read-only folders and all."""
    for folder, _, _ in os.walk(root):
        Path(folder).chmod(0o755)
    shutil.rmtree(root)

"""Remakes containers/base/packages.lock (`make base-lock`): which Debian packages the base of all images is.

Developers only; needs network, gpgv and Debian's archive keyring. DEBIAN_MIRROR names another mirror.
"""

import hashlib
import json
import lzma
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

LOCK = Path(__file__).with_name("packages.lock")
MIRROR = "http://deb.debian.org/debian"
SUITE, INDEX = "bookworm", "main/binary-amd64/Packages.xz"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What workers need: Python, the C++ library that wheels leave to the system, a shell and its tools, ldconfig.
ROOTS = (
    "python3.11",
    "libstdc++6",
    "bash",
    "dash",
    "coreutils",
    "sed",
    "grep",
    "findutils",
    "libc-bin",
    "base-files",
)
# Package management, its questions and its manuals: nothing is configured in the base, nothing asks for them.
LEFT_OUT = {
    "debconf",
    "dpkg",
    "install-info",
    "tar",
    "debianutils",
    "base-passwd",
    "perl-base",
    "cdebconf",
    "awk",
}


def fetch(path: str) -> bytes:
    mirror = os.environ.get("DEBIAN_MIRROR", MIRROR)
    with urllib.request.urlopen(f"{mirror}/{path}", timeout=120) as answer:  # noqa: S310 the mirror is the user's
        return bytes(answer.read())


def signed_release() -> str:
    """InRelease, its signature checked against Debian's archive keys."""
    with tempfile.NamedTemporaryFile() as held:
        held.write(fetch(f"dists/{SUITE}/InRelease"))
        held.flush()
        command = ["gpgv", "--quiet", "--keyring", KEYRING, "--output", "-", held.name]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def stanzas(release: str) -> dict[str, dict[str, str]]:
    """Every package of the suite by name, from the index whose sha256 the signed release gives."""
    wanted = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(INDEX)}$", release, flags=re.MULTILINE)
    content = fetch(f"dists/{SUITE}/{INDEX}")
    if not wanted or hashlib.sha256(content).hexdigest() != wanted[1]:
        sys.exit(
            f"{INDEX} is not the file that the signed release names: the mirror is being updated, try again"
        )
    texts = lzma.decompress(content).decode().split("\n\n")
    fields = [dict(re.findall(r"^([\w-]+): (.*)$", text, flags=re.MULTILINE)) for text in texts]
    return {one["Package"]: one for one in fields if one}


def closure(known: dict[str, dict[str, str]]) -> list[str]:
    """The roots and all that they need, first alternatives only."""
    found: set[str] = set()
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name in found or name in LEFT_OUT:
            continue
        found.add(name)
        needs = ", ".join(known[name].get(field, "") for field in ("Pre-Depends", "Depends"))
        waiting += [word for word in re.findall(r"(?:^|, )\s*([a-z0-9][a-z0-9+.-]+)", needs) if word]
    return sorted(found)


def main() -> None:
    release = signed_release()
    known = stanzas(release)
    chosen = [known[name] for name in closure(known)]
    packages = [
        {"path": one["Filename"], "sha256": one["SHA256"], "bytes": int(one["Size"])} for one in chosen
    ]
    size = sum(int(one["Size"]) for one in chosen) / 1e6
    version = re.search(r"^Version: (.+)$", release, flags=re.MULTILINE)
    date = re.search(r"^Date: (.+)$", release, flags=re.MULTILINE)
    assert version
    assert date
    text = json.dumps({"debian": version[1], "date": date[1], "packages": packages}, indent=1)
    LOCK.write_text(text + "\n")
    print(f"{len(packages)} packages of Debian {version[1]}, {size:.0f} MB")


if __name__ == "__main__":
    main()

"""Verbs, architectures, kernels, potentials whose source is not that of their version in verbs.lock.

`python tests/closure.py` lists them. After looking, either `python tests/closure.py accept NAME …` (numbers
are the same) or `… bump NAME …` (they may differ: every result of these is computed again).
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from mlipbench_hpc.architectures.card import BUILT_IN, InstalledArchitecture, find, load_card
from mlipbench_hpc.architectures.hyperparameters import legacy_values
from mlipbench_hpc.contract.verbs import BUILT_IN as BUILT_IN_VERBS
from mlipbench_hpc.contract.versions import LOCK, Kind, Source, recorded
from mlipbench_hpc.potentials import card as potentials

KINDS: tuple[Kind, ...] = ("architectures", "kernels", "potentials")


def kernels() -> Iterator[tuple[str, InstalledArchitecture]]:
    """The kernels of this package's architectures, each by its name."""
    for installed in find().values():
        if installed.folder.parent == BUILT_IN:
            for name in installed.card.kernels:
                yield f"{installed.name}/{name}", installed.by(name)


def digests() -> Iterator[tuple[Kind, str, str]]:
    """(kind, name, digest) as the source stands now."""
    source = Source.here()
    for verb in BUILT_IN_VERBS:
        yield "verbs", verb.name, source.verb(verb)
    for card in sorted(BUILT_IN.glob("*/card.toml")):
        module = f"mlipbench_hpc.architectures.{card.parent.name}"
        yield "architectures", load_card(card).name, source.package(module, card.parent)
    for name, kernel in kernels():
        yield "kernels", name, source.package(kernel.module, kernel.folder)
    for card in sorted(potentials.BUILT_IN.glob("*/card.toml")):
        module = f"mlipbench_hpc.potentials.{card.parent.name}"
        yield "potentials", potentials.load_card(card).name, source.package(module, card.parent)


def changed() -> list[str]:
    """Names whose source is not the one their version was last looked at with."""
    lock = recorded()
    changed = [
        name for kind, name, digest in digests() if lock.get(kind, {}).get(name, {}).get("digest") != digest
    ]
    return changed + [
        name
        for kind in KINDS
        for name, entry in lock.get(kind, {}).items()
        if name not in changed and entry.get("legacy", {}) != legacy(kind, name)
    ]


def legacy(kind: Kind, name: str) -> dict[str, Any]:
    """What keys leave out of hyperparameters or options at these values."""
    if kind == "architectures":
        return legacy_values(find()[name].card.hyperparameters)
    return potentials.cards()[name].legacy if kind == "potentials" else {}


def accept(names: list[str], bump: bool) -> None:
    """Record the present digests of `names`, with the next version or the same."""
    lock = recorded()
    for kind, name, digest in digests():
        if name in names:
            version = int(lock.setdefault(kind, {}).get(name, {"version": 1 - bump})["version"])
            values = legacy(kind, name)
            lock[kind][name] = {"version": version + bump, "digest": digest}
            lock[kind][name] |= {"legacy": values} if values else {}
    LOCK.write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] in (["accept"], ["bump"]):
        accept(sys.argv[2:] or changed(), bump=sys.argv[1] == "bump")
    print("\n".join(changed()) or "every version was looked at")

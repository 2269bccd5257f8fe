"""`mlipbench architectures`: what is installed, how far its presets see, and what to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlipbench_hpc.architectures.card import Card
    from mlipbench_hpc.architectures.expansion import Expansion
    from mlipbench_hpc.architectures.kernel import Kernel
    from mlipbench_hpc.cli.session import Session, Subparsers

HEAD = ("model", "c / Å", "layers", "ν", "l_max", "L_max", "receptive field / Å", "body order")


def add_verbs(verbs: Subparsers) -> None:
    """The verb."""
    text = "installed architectures: receptive field and body order of each preset, environment, citation"
    parser = verbs.add_parser("architectures", help=text, description=text)
    parser.set_defaults(function=architectures)


def architectures(session: Session) -> int:
    """Table II of arXiv:2602.22931 for every preset, then a paragraph for each architecture."""
    cards = [session.architectures[name].card for name in sorted(session.architectures)]
    print("\n".join(align([HEAD, *(row for card in cards for row in rows(card))])))
    for card in cards:
        print("\n".join(["", *paragraph(card)]))
    return 0


def rows(card: Card) -> Iterator[tuple[str, ...]]:
    """Cells of a row for each preset."""
    from mlipbench_hpc.architectures.card import merge
    from mlipbench_hpc.architectures.expansion import expansion

    for preset in card.presets:
        yield (f"{card.name} {preset}", *cells(expansion(card, merge(card, preset, {}))))


def cells(model: Expansion) -> Iterator[str]:
    """All but the first of a row; – where the card says nothing."""
    values = (model.cutoff, model.layers, model.correlation, model.l_max, model.L_max)
    for value in (*values, model.receptive_field, model.body_order):
        yield "–" if value is None else f"{value:g}"


def paragraph(card: Card) -> list[str]:
    """Where it runs, the works to cite, a licence that restricts use, and its kernels."""
    names = [
        *places(card),
        ", ".join(card.dtypes),
        f"default preset {card.default_preset}",
        f"restart: {card.restart.describe()}",
    ]
    lines = [f"{card.name}: {'; '.join(names)}", *(f"  {work}" for work in card.notices)]
    return lines + [line for name, own in card.kernels.items() for line in of_kernel(card, name, own)]


def places(card: Card | Kernel) -> list[str]:
    """Where it runs."""
    return [
        f"environment {card.environment}",
        f"engines {', '.join(card.engines)}",
        f"devices {', '.join(card.devices)}",
    ]


def of_kernel(card: Card, name: str, own: Kernel) -> list[str]:
    """Where a kernel computes its models in evaluation and MD, which ones, and the works to cite."""
    from mlipbench_hpc.architectures.card import merge

    fitting = [preset for preset in card.presets if not own.unfit(merge(card, preset, {}))]
    stated = {"prepared in": own.prepared_in, "compiler": own.compiler, "needs": own.needed}
    names = [*places(own), *(f"{key} {value}" for key, value in stated.items() if value)]
    names += [f"presets {', '.join(fitting)}"] if own.needs else []
    return [f"  kernel {name}: {'; '.join(names)}", *(f"    {work}" for work in own.citation)]


def align(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table of text, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return lines

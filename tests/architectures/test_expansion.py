"""Receptive fields and body orders of Table II of arXiv:2602.22931, and `mlipbench architectures`."""

import itertools

import pytest

from mlipbench_hpc.architectures.card import find, merge
from mlipbench_hpc.architectures.expansion import Expansion, expansion
from mlipbench_hpc.cli import main

CARDS = {name: architecture.card for name, architecture in find().items()}
# Cutoff Å, layers, ν, l_max, L_max, receptive field Å, body order.
TABLE_II: list[tuple[str, str, tuple[float | None, ...]]] = [
    ("dp", "tiny", (6, 1, 2, 1, None, 6, 3)),
    ("dp", "paper-full-ions", (6, 1, 2, 1, None, 6, 3)),
    ("dp-jax", "paper-full", (6, 1, 2, 1, None, 6, 3)),
    ("dp-mp", "paper-full", (5, 2, 2, 2, 0, 10, 7)),
    # The table bounds it by layers x cutoff, 24; what atoms begin with reaches one cutoff further.
    ("esen", "paper-full", (6, 4, 1, 2, 2, 30, 5)),
    ("grace-1l", "paper-efficiency", (6, 1, 4, 4, None, 6, 5)),
    ("grace-1l", "paper-full", (6, 1, 4, 4, None, 6, 5)),
    ("mace", "paper-efficiency", (5, 2, 3, 3, 2, 10, 13)),
    ("mace", "paper-full", (5, 2, 3, 3, 2, 10, 13)),
]


@pytest.mark.parametrize(("name", "preset", "values"), TABLE_II)
def test_cards_give_the_rows_of_table_ii(name: str, preset: str, values: tuple[float | None, ...]) -> None:
    model = expansion(CARDS[name], merge(CARDS[name], preset, {}))
    orders = (model.cutoff, model.layers, model.correlation, model.l_max, model.L_max)
    assert (*orders, model.receptive_field, model.body_order) == values


def test_the_row_of_table_ii_without_a_card() -> None:
    """eSEN-OC25."""
    model = Expansion(6.0, 4, 1)
    assert (model.receptive_field, model.body_order) == (24, 5)


def test_grace_2l_is_the_model_of_figure_s6() -> None:
    """c = 5 Å and L_max = 1; four neighbours in each layer: 1 + 4 + 4² bodies."""
    card = CARDS["grace-2l"]
    for preset in ("paper-efficiency", "paper-full"):
        model = expansion(card, merge(card, preset, {}))
        assert (model.cutoff, model.L_max, model.receptive_field, model.body_order) == (5, 1, 10, 21)


@pytest.mark.parametrize(("layers", "correlation"), list(itertools.product((1, 2, 3), repeat=2)))
def test_the_body_order_counts_the_atoms_of_a_graph(layers: int, correlation: int) -> None:
    """Fig. 1 of the paper: every atom of a layer branches into ν atoms of the next."""
    atoms = newest = [()]
    for _ in range(layers):
        newest = [(*atom, branch) for atom in newest for branch in range(correlation)]
        atoms = atoms + newest
    assert Expansion(5.0, layers, correlation).body_order == len(set(atoms))


def test_the_command_prints_a_row_for_each_preset_and_what_to_cite(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["architectures"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["model", "c", "/"]
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in lines[: lines.index("")]}
    assert set(rows) == {(name, preset) for name, card in CARDS.items() for preset in card.presets}
    assert rows["dp", "tiny"] == ["6", "1", "2", "1", "–", "6", "3"]
    assert rows["dp-mp", "paper-efficiency"] == ["5", "2", "2", "2", "0", "10", "7"]
    text = "\n".join(lines)
    assert "mace: environment mace; engines ase, lammps; devices cpu, cuda; float32, float64;" in text
    assert "  arXiv:2602.22931, Eqs. 8-11" in text
    assert text.count("  licence: tensorpotential (gracemaker) is under the Academic Software Licence") == 2

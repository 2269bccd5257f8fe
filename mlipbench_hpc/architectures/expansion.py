"""How far a model sees, and how many bodies its energy correlates: Table II of arXiv:2602.22931.

A card's [expansion] holds, each as a whole number or as the name of a hyperparameter:

    correlation = 2     # ν: neighbours that are multiplied together in one layer
    l_max = "max_ell"   # degree of the spherical harmonics in which a neighbour's direction is expanded
    L_max = "max_L"     # degree of the messages between layers; left out where there is one layer
    embedding = 1       # sums over neighbours before the first layer, each a cutoff further; left out: none
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.architectures.card import Card


@dataclass(frozen=True)
class Expansion:
    """cutoff: Å, of one layer; the others as above, None where the card says nothing."""

    cutoff: float
    layers: int
    correlation: int | None = None
    l_max: int | None = None
    L_max: int | None = None
    embedding: int = 0

    @property
    def receptive_field(self) -> float:
        """Å: the largest distance of an atom on which an atom's energy depends."""
        return self.cutoff * (self.layers + self.embedding)

    @property
    def body_order(self) -> int | None:
        """Atoms of the graph (Fig. 1 of the paper) that branches into ν neighbours in each layer: Σ ν^k."""
        if self.correlation is None:
            return None
        return sum(int(self.correlation**layer) for layer in range(self.layers + 1))


def expansion(card: Card, hyperparameters: Mapping[str, Any]) -> Expansion:
    """That of a model with these values of all hyperparameters."""
    entries = {**card.receptive_field, **card.expansion}
    return Expansion(
        **{
            name: hyperparameters[entry] if isinstance(entry, str) else entry
            for name, entry in entries.items()
        }
    )

"""Slabs whose images see each other: what a potential reaches must be less than the vacuum between them.

The distance that counts is that from the reflecting wall, where the film's atoms turn back, to the next
image of the metal: a slab's `vacuum`, where a run does not put the wall elsewhere. It is compared with one
cutoff, not with cutoff x layers: layers hand on what neighbours see, and nobody has one across a longer gap.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from mlipbench_hpc.campaign.origins import behind, origins, starts
from mlipbench_hpc.campaign.potentials import Potentials
from mlipbench_hpc.campaign.problem import Mistake
from mlipbench_hpc.campaign.runs import LEAST_ROOM_A
from mlipbench_hpc.campaign.sources import empty_above
from mlipbench_hpc.campaign.spec import Campaign, MolecularDynamics

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import Card

Architectures = Mapping[str, "Card"]


class Reach(NamedTuple):
    """Range of a potential in Å, and its name in messages."""

    cutoff: float
    whose: str


def check_vacuum(
    campaign: Campaign, architectures: Architectures, potentials: Potentials
) -> Iterator[Mistake]:
    """One mistake for each slab and each moved wall, naming the longest cutoff that is too long."""
    uses = list(_uses(campaign, architectures, potentials))
    for name, system in campaign.systems.items():
        longest = max((reach for systems, reach in uses if reach and name in systems), default=None)
        if system.slab and longest and system.slab.vacuum <= longest.cutoff:
            received = f"{system.slab.vacuum:g} Å from the wall above the film to the next image of the metal"
            yield _mistake(("systems", name, "slab", "vacuum"), received, longest)
    for place, run in campaign.simulations.items():
        reach, left = _driver(run, campaign, architectures, potentials), _above_wall(run, campaign)
        if reach and LEAST_ROOM_A <= left <= reach.cutoff:
            received = f"{run.wall:g} Å, {left:.1f} Å below the next image of the metal"
            yield _mistake((*place, "wall"), received, reach)


def _mistake(place: tuple[str, ...], received: str, reach: Reach) -> Mistake:
    expected = f"more than {reach.cutoff:g} Å, the cutoff of {reach.whose}"
    return Mistake(place, "the film would see the next image of the slab", received, expected)


def _uses(
    campaign: Campaign, architectures: Architectures, potentials: Potentials
) -> Iterator[tuple[list[str], Reach | None]]:
    """Systems, and what is sampled or labelled with, trained on, or run on what comes from them."""
    for name, dataset in campaign.datasets.items():
        if source := dataset.generate or dataset.label:
            yield behind(name, campaign), _potential(source.potential, potentials)
    for committee in campaign.committees.values():
        if split := campaign.splits.get(committee.split):
            yield behind(split.dataset, campaign), _model(committee.model, campaign, architectures)
    for run in campaign.simulations.values():
        yield starts(run, campaign), _driver(run, campaign, architectures, potentials)


def _above_wall(md: MolecularDynamics, campaign: Campaign) -> float:
    """Å from a wall that the run puts somewhere to the nearest image of a slab; inf where there is none."""
    slabs = [system.slab for system in origins(md, campaign) if system.slab]
    wall = md.wall if isinstance(md.wall, float) else -math.inf
    return min((empty_above(slab)[1] - wall for slab in slabs), default=math.inf)


def _driver(
    md: MolecularDynamics, campaign: Campaign, architectures: Architectures, potentials: Potentials
) -> Reach | None:
    if md.potential:
        return _potential(md.potential, potentials)
    committee = campaign.committees.get(md.committee or "")
    return _model(committee.model, campaign, architectures) if committee else None


def _potential(name: str, potentials: Potentials) -> Reach | None:
    """None where its card states no cutoff, or there is no such potential, which is said elsewhere."""
    card = potentials.get(name)
    return Reach(card.cutoff, f"the reference potential {name}") if card and card.cutoff else None


def _model(name: str, campaign: Campaign, architectures: Architectures) -> Reach | None:
    """None where the model is not there, or its hyperparameters are wrong, which is said elsewhere."""
    from mlipbench_hpc.architectures.card import merge, problems

    model = campaign.models.get(name)
    card = architectures.get(model.architecture) if model else None
    if model is None or card is None or "cutoff" not in card.receptive_field:
        return None
    if problems(card, model.preset, model.hyperparameters):
        return None
    merged = merge(card, model.preset, model.hyperparameters)
    return Reach(float(merged[card.receptive_field["cutoff"]]), f"the model {name}")

"""Reweighting to another committee that cannot be done: pure functions of a campaign and its facts."""

from collections.abc import Iterator

from mlipbench_hpc.campaign.comparisons import unlike
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Campaign, CrossReweighting
from mlipbench_hpc.campaign.splits import Facts


def check_reweighting(campaign: Campaign, facts: Facts, systems: Facts) -> Iterator[Mistake]:
    """Runs without a committee, of one committee, of different things; frames that members do not know."""
    for name, entry in campaign.reweighting.items():
        if {entry.run, entry.against} <= set(campaign.md):
            place = ("reweighting", name)
            wrong = [*_driven(place, entry, campaign)]
            wrong = wrong or [*unlike(place, entry.run, entry.against, campaign, facts, systems, {})]
            yield from wrong or _members(place, entry, campaign)


def _driven(place: Place, entry: CrossReweighting, campaign: Campaign) -> Iterator[Mistake]:
    """Runs that no committee drives, and two runs of one committee."""
    names = {"run": entry.run, "against": entry.against}
    for key, name in names.items():
        if campaign.md[name].committee is None:
            yield Mistake(
                (*place, key), "driven by no committee", repr(name), "an entry of `md` with `committee`"
            )
    own, other = (campaign.md[name].committee for name in names.values())
    if own is not None and own == other:
        expected = "a run of another committee; `analysis.reweight` does it within one"
        yield Mistake((*place, "against"), "driven by the same committee", repr(entry.against), expected)


def _members(place: Place, entry: CrossReweighting, campaign: Campaign) -> Iterator[Mistake]:
    """A committee of one member, whose spread is not known."""
    name = campaign.md[entry.against].committee or ""
    if name in campaign.committees and (campaign.members(name) or 2) < 2:
        received, expected = f"{name}, one member", "two members at least"
        yield Mistake((*place, "against"), "a committee of one has no spread", received, expected)

"""Restrained heights in the report: groups of their own, a table, what is said, and no layers of ions."""

from pathlib import Path
from typing import Any

import pytest
from charged import CHARGED, add, change, collected, interfaces
from ion_heights import hopping, put_ions

from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.layers import conditional
from mlipbench_hpc.report.sections.asked import phrases

TITLE = f"{CHARGED}, Na at 3.00 Å (1.50 eV/Å²)"
SPEC = {"atoms": "Na", "height": 3.0, "spring": 1.5}


@pytest.fixture
def held(campaign: Any) -> Any:
    """Runs of model and reference with and without a restraint; ions hop in all of them."""
    interfaces(campaign)
    for name, committee in (("held", "mace"), ("held-truth", None)):
        add(campaign, name, committee, replicas=1)
        campaign.document["campaign"]["md"][name] |= {"restraints": [SPEC], "hydrogen_mass": 4.0}
        own = {"atom": 84, "element": "Na", "target_A": 3.0, "spring_eV_per_A2": 1.5, "mean_A": 3.07}
        change(campaign, "md", name, 0, restraints=[own | {"deviation_A": 0.12}])
        put_ions(campaign, name, 0, [hopping(0, 3)])
    for replica in (0, 1):
        put_ions(campaign, "truth", replica, [hopping(replica, 3)])
        put_ions(campaign, "charged", replica, [hopping(replica, 3)])
    return campaign


def test_runs_at_given_heights_are_a_group_of_their_own(held: Any) -> None:
    names = {group.title: {line.name for line in group.lines} for group in groups(collected(held))}
    assert names[TITLE] == {"held", "held-truth"}
    assert names[CHARGED] == {"charged", "truth"}
    (group,) = (group for group in groups(collected(held)) if group.title == TITLE)
    assert "/" not in group.slug
    assert group.lines[0].constraints == "H of 4.00 u"


def test_they_do_not_depend_on_where_ions_began(held: Any) -> None:
    lines = {line.name: line for group in groups(collected(held)) for line in group.lines}
    assert conditional(lines["held"]) == ""
    assert "transitions" in conditional(lines["charged"])


def test_one_free_ion_is_enough_for_a_dependence(held: Any) -> None:
    change(held, "analyse", "held", 0, species={"Au": 36, "O": 24, "H": 48, "Na": 2})
    lines = {line.name: line for group in groups(collected(held)) for line in group.lines}
    assert conditional(lines["held"]) != ""


def test_the_page_says_heights_and_what_is_no_result(held: Any, tmp_path: Path) -> None:
    page = build_report(held.document, held.tasks, held.store, tmp_path / "out").read_text()
    assert "heights are restrained, Na at 3.00 Å (1.50 eV/Å²): profiles and layers of these atoms" in page
    assert "hydrogen has 4.00 u, taken from oxygen: times" in page
    row = page[page.index("Na 84") :][:200]
    assert [text in row for text in ("3.00", "1.50", "3.07", "0.12")] == [True] * 4


def test_what_was_asked_has_units() -> None:
    words = "restraints (atoms Na, height 3 Å, spring 1.5 eV/Å²)"
    assert phrases({"restraints": [SPEC], "hydrogen_mass": 4.0}) == [words, "hydrogen mass 4 u"]

"""Studies whose partners have nothing that could be compared: each refused at its place, by `laptop.yaml`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
BOX = {"systems": {"box": {"water_box": {"molecules": 32}}}}
LIQUID: dict[str, Any] = {"potential": "spc_fw", "start": {"system": "box"}, "length": "1 ps"}
WET = {"generate": {"system": "box", "potential": "spc_fw", "temperatures": ["300 K"], "frames": 4}}
OF_BOTH = "Au48H72Na2O36"


def changed(document: dict[str, Any], changes: dict[str, Any]) -> None:
    """Set entries, and keys of entries that are there already."""
    for key, value in changes.items():
        known = document.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            changed(known, value)
        else:
            document[key] = value


def problems(folder: Path, changes: dict[str, Any]) -> list[str]:
    (folder / "data").symlink_to(CAMPAIGNS / "data")
    document = yaml.safe_load((CAMPAIGNS / "laptop.yaml").read_text())
    changed(document, changes)
    path = folder / "laptop.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    try:
        validate(path)
    except CampaignError as error:
        return [str(problem).partition(": ")[2] for problem in error.problems]
    return []


def of(study: str, **changes: Any) -> dict[str, Any]:
    return {"studies": {study: changes}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (of("hold", reference="truth-2"),
         f"hold.reference: other atoms than the run it is compared with; received {OF_BOTH}"),
        ({"trajectories": {"recorded": {"temperature": "350 K"}}} | of("hold", reference="recorded"),
         "studies.hold.reference: recorded is at another temperature; received 350 K; expected 300 K"),
        (of("large", reference="truth-2"), "studies.large.reference: other atoms"),
        (of("large", against=["charge-mixed-dp-at-2"]), "studies.large.against[0]: other atoms"),
        ({"md": {"truth-0": {"temperature": "330 K"}}},
         "studies.charge.references[0]: no target runs as it does: truth-0 is at another temperature; "
         "received 330 K; expected 300 K"),
        ({"md": {"truth-2": {"temperature": "330 K"}}},
         "studies.motion.runs[2]: truth-2 is at another temperature; received 330 K; expected 300 K"),
        (BOX | {"md": {"liquid": LIQUID}} | of("motion", runs=["truth-0", "liquid"]),
         "studies.motion.runs[1]: liquid starts without interfacial water; received H, O; expected"),
        (of("shells", runs=["truth-0"]),
         "studies.shells.runs[0]: truth-0 starts without ions; received Au, H, O; expected"),
        (BOX | {"md": {"liquid": LIQUID}} | of("shells", runs=["liquid"]),
         "studies.shells.runs[0]: liquid starts without interfacial water"),
        (of("charge", counts=[0, 2, 5]),
         "studies.charge.counts[2]: no frame has so many atoms; received Na5; expected numbers that occur"),
        (of("charge", targets=[{"ions": 1, "start": {"dataset": "films", "frames": [84, 104]}}], held_out=[]),
         "studies.check.cases.dp.run: no such entry in `md`; received 'charge-specific-2-dp-at-2'; expected "
         "one of truth-0, truth-2, hold-dp-10-0"),
        (BOX | {"datasets": {"wet": WET}} | of("answer", datasets=["films", "wet"]),
         "studies.answer.datasets[1]: the labels of wet hold no dipole; received dipole known of 0 of 4"),
    ],
)  # fmt: skip
def test_what_could_not_be_compared_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    found = problems(tmp_path, changes)
    assert any(said in problem for problem in found), found


def test_the_campaign_itself_is_sound(tmp_path: Path) -> None:
    """A reference that one of several targets matches is in its place."""
    assert problems(tmp_path, {}) == []

"""Names that a shell, a scheduler, a path or a page would make something of: refused wherever names stand."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy import TOY

from mlipbench_hpc.campaign.load import load_campaign
from mlipbench_hpc.campaign.problem import CampaignError
from mlipbench_hpc.campaign.site import load_site

HOSTILE = [
    "a\nb", "a\n", "\na", "a\tb", "a\rb", "a\x1b[2Jb", "a b", " a", "", "a'b", 'a"b', "a\\b", "a`id`",
    "$(id)", "${HOME}", "a;b", "a|b", "a&b", "a>b", "a*", "a?", "a[0-9]", "a{b}", "~", "a#b", "a%j", "a:b",
    "a,b", "a=b", "a@b", "a!b", "../up", "..", ".", ".hidden", "a/b", "/a", "-rf", "--wrap=id", "+a", "_a",
    "ä", "名", "a\u202eb", "a\u200bb", "<b>", "a" * 65,
]  # fmt: skip
ODDEST = ["0o17", "a..b+c_d-", "a" * 64, "1.x", "con", "nan-"]
SITE: dict[str, Any] = {
    "name": "here",
    "scheduler": "slurm",
    "environments": {"analysis": "/a"},
    "nodes": {"gpu": {"cores_per_node": 8, "walltime": "1 h"}},
}
TWO = ["datasets", "splits", "models", "committees", "md"]


def renamed(room: str, new: str) -> dict[str, Any]:
    """The toy campaign with the one entry of a room called otherwise, also where it is meant."""
    text: dict[str, Any] = yaml.safe_load(TOY)
    (old,) = text[room]
    text[room] = {new: text[room][old]}
    for entry in [one for other in TWO for one in text[other].values()]:
        for key in {"datasets": ["dataset"], "splits": ["split"], "models": ["model"]}.get(room, [room[:-1]]):
            if entry.get(key) == old:
                entry[key] = new
        if isinstance(entry.get("start"), dict) and entry["start"].get(room[:-1]) == old:
            entry["start"][room[:-1]] = new
    return text


def refused(read: Any, path: Path, document: dict[str, Any], hostile: str) -> None:
    """Said in one printable line for each mistake, as no name."""
    path.write_text(json.dumps(document))
    with pytest.raises(CampaignError) as caught:
        read(path)
    text = [str(problem) for problem in caught.value.problems]
    assert any("is not a name" in line for line in text), text
    assert all(line.isprintable() for line in text), f"{hostile!r} came through: {text}"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_hostile_name_stands_anywhere(tmp_path: Path, hostile: str) -> None:
    path = tmp_path / "c.yaml"
    refused(load_campaign, path, yaml.safe_load(TOY) | {"name": hostile}, hostile)
    for room in TWO:
        refused(load_campaign, path, renamed(room, hostile), hostile)
    refused(load_site, path, SITE | {"name": hostile}, hostile)
    refused(load_site, path, SITE | {"environments": {hostile: "/a"}}, hostile)


@pytest.mark.parametrize("odd", ODDEST)
def test_the_oddest_names_that_may_stand(tmp_path: Path, odd: str) -> None:
    """The cluster's tests run some of them."""
    path = tmp_path / "c.yaml"
    for document in [yaml.safe_load(TOY) | {"name": odd}, *[renamed(room, odd) for room in TWO]]:
        path.write_text(json.dumps(document))
        load_campaign(path)

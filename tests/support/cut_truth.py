"""campaigns/truth.yaml cut to seconds: some entries of one architecture, with next to no frames and steps."""

import re
from pathlib import Path
from typing import Any

import yaml

CAMPAIGN = Path(__file__).parents[2] / "campaigns/truth.yaml"
COMMITTEES = ("dp-specific-2", "dp-mixed", "dp-1", "dp-2")
RUNS = ("truth-inner", "light")


def cut() -> dict[str, Any]:
    """Two members, two studies at given heights and their truth, twelve frames for each number of ions."""
    document: dict[str, Any] = yaml.safe_load(CAMPAIGN.read_text(encoding="utf-8"))
    document["committees"] = {name: document["committees"][name] for name in COMMITTEES}
    splits = {committee["split"] for committee in document["committees"].values()}
    document["splits"] = {name: _split(document["splits"][name]) for name in splits}
    joined = {split["dataset"] for split in document["splits"].values()}
    used = joined | {part for name in joined for part in document["datasets"][name]["join"]}
    document["datasets"] = {
        name: _dataset(name, entry) for name, entry in document["datasets"].items() if name in used
    }
    document["models"] = {"dp": document["models"]["dp"]}
    document["models"]["dp"]["hyperparameters"] |= {"updates": 40}
    document["md"] = {name: _run(document["md"][name], 2) for name in RUNS}
    document["studies"] = {
        name: _study(document["studies"][name], committees)
        for name, committees in (("dp-inner", COMMITTEES[:2]), ("cover-a", COMMITTEES[2:]))
    }
    document["parts"] = {"truth": list(RUNS), "dp": ["dp-inner"], "cover": ["cover-a"]}
    document["analysis"]["blocks"] = 4
    document["analysis"]["reweight"] = {"stride": 2, "md": ["dp-inner-dp-mixed-0"]}
    return document


def written(folder: Path) -> Path:
    """The cut campaign as a file."""
    path = folder / "truth.yaml"
    path.write_text(yaml.safe_dump(cut(), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def _split(split: dict[str, Any]) -> dict[str, Any]:
    return split | {"train": 6 if "only" in split else 18, "members": 2}


def _dataset(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    if "generate" not in entry:
        return entry
    short = {"frames": 27 if name.startswith("pool") else 24, "equilibration": "0.1 ps", "every": "0.02 ps"}
    starts = {"starts": 4} if name == "validation" else {}
    return {"generate": entry["generate"] | short | starts}


def _run(md: dict[str, Any], replicas: int) -> dict[str, Any]:
    short = {
        "length": "0.6 ps",
        "equilibration": "0.3 ps",
        "equilibrate": {"length": "0.15 ps", "every": "0.015 ps"},
    }
    frames = {"start": {"dataset": "validation", "frames": [17, 22]}, "frame_every": "15 fs"}
    stability = {"conserved_energy": "1000 eV/atom", "temperature": "100000 K", "contact": None}
    return md | short | frames | {"stability": stability} | ({"replicas": replicas} if replicas else {})


def _study(study: dict[str, Any], committees: tuple[str, ...]) -> dict[str, Any]:
    md = _run(study["md"], 0)
    start = md.pop("start")
    own = {"committees": list(committees), "members": 2, "md": md, "start": start}
    for key in ("compare", "coverage"):
        if key in study:
            own[key] = [name for name in study[key] if name in committees]
    if "pairs" in study:
        own["pairs"] = [pair for pair in study["pairs"] if set(pair) <= set(committees)]
    return study | own


def hours(text: str) -> float:
    """Core-hours that `plan` prints."""
    found = re.search(r"to run: ([0-9.]+) core-(hours|minutes)", text)
    assert found, text
    return float(found[1]) / (1 if found[2] == "hours" else 60)


def smallest() -> dict[str, Any]:
    """The cut with one committee of two members, and its truth, of two ions alone."""
    document = cut()
    inner = document["studies"]["dp-inner"]
    inner |= {"committees": ["dp-mixed"], "compare": ["dp-mixed"], "coverage": ["dp-mixed"], "pairs": []}
    inner.pop("gate")
    inner.pop("check")
    document["studies"] = {"dp-inner": inner}
    document["committees"] = {"dp-mixed": document["committees"]["dp-mixed"]}
    document["splits"] = {"mixed": document["splits"]["mixed"]}
    names = ("pool", "validation", "test")
    frames = {"pool": 24, "validation": 8, "test": 4}
    for name in names:
        own = document["datasets"][name]["generate"]
        own |= {"systems": ["two-ions"], "temperatures": ["300 K"], "frames": frames[name], "starts": 1}
    document["datasets"] = {name: document["datasets"][name] for name in (*names, "frames")}
    document["models"]["dp"]["hyperparameters"] |= {"updates": 2000}
    document["md"] = {"truth-inner": document["md"]["truth-inner"]}
    for run in (document["md"]["truth-inner"], inner):
        run["start"] = {"dataset": "validation", "frames": [3, 6]}
    document["parts"] = {"truth": ["truth-inner"], "dp": ["dp-inner"]}
    return document

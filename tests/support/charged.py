"""Runs of a charged and a neutral interface, by a committee and a reference potential, in a made-up store."""

from typing import Any

from profiled import analysed, reweighted


def asked(committee: str | None, replicas: int) -> dict[str, Any]:
    return {
        "committee": committee, "potential": None if committee else "electrode", "temperature": 300.0,
        "length": 2.0, "replicas": replicas, "start": {"system": "box"},
    }  # fmt: skip


def add(
    campaign: Any,
    name: str,
    committee: str | None,
    replicas: int = 2,
    time_ps: float = 2.0,
    spread: dict[str, Any] | None = None,
    topology: bytes | None = None,
    **changes: Any,
) -> None:
    """One `md` of an interface with its analyses, and reweighted where a committee drives."""
    campaign.document["campaign"]["md"][name] = asked(committee, replicas)
    for replica in range(replicas):
        drives = {"committee": committee} if committee else {"potential": "electrode"}
        subject = {"md": name, "replica": replica, **drives}
        values = {"outcome": "completed", "cause": None, "time_ps": time_ps, "steps": 4000, "frames": 200}
        campaign.commit("md", subject, values, {"topology.pdb": topology} if topology else {})
        own = analysed(seed=10 * len(campaign.tasks), **changes)
        campaign.commit("analyse", subject, *own)
        if committee:
            campaign.commit("reweight", subject, *reweighted(own, **(spread or {})))


def interfaces(campaign: Any, topology: bytes | None = None) -> Any:
    """The made-up water campaign with interfaces beside its water; topology: start frame of charged runs."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", shift=0.6, topology=topology)
    add(campaign, "truth", None, topology=topology)
    add(campaign, "neutral", "mace", replicas=1, ions=0)
    return campaign

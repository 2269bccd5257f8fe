"""Runs of a charged and a neutral interface, by a committee and a reference potential, in a made-up store."""

from typing import Any

from profiled import analysed, reweighted
from scipy import stats

from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report.collect import Results, collect

CHARGED, NEUTRAL = "Au36 O24 H48 Na1, 300 K", "Au36 O24 H48, 300 K"


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


def collected(campaign: Any) -> Results:
    return collect(campaign.document, campaign.tasks, campaign.store)


def change(campaign: Any, verb: str, name: str, replica: int, **values: Any) -> None:
    """Other values in one committed result."""
    wanted = {"md": name, "replica": replica}
    task = next(t for t in campaign.tasks if t.verb == verb and wanted.items() <= t.subject.items())
    path = campaign.store.task(task.key) / "result.json"
    path.chmod(0o644)
    result = read_json(path)
    result["values"] |= values
    seal(path.parent, result | {"outputs": outputs(path.parent)})


def moves(
    p: float | None = 1.0, independent: float = 50.0, discard: int = 0, **means: float
) -> dict[str, Any]:
    """What `analyse` says of one series whose halves differ at `p`; means: first and second."""
    halves = {"first": 0.0, "second": 0.0 if p is None else float(stats.t.isf(p / 2, 39))} | means
    return {"frames": 160, "discard": discard, "inefficiency": 2.0, "independent": independent,
            "error": None if p is None else 1.0, "dof": None if p is None else 39.0, "slope": 0.0,
            **halves}  # fmt: skip


def movement(ions: list[str] | None = None, **series: dict[str, Any]) -> dict[str, Any]:
    usual = {"total_orientation": moves(), "cosine": moves(), "potential_eV_per_atom": moves()}
    return {"frame_ps": 0.01, "series": usual | series, "ions": ions or []}

from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.campaign.site import LocalSite
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.plan.graph import Planned, Snapshot, states
from mlipbench_hpc.plan.status import changes, committees, summary, table


def planned(name: str, maybe: bool = False, **upstream: Planned) -> Planned:
    keys = {role: item.key for role, item in upstream.items()}
    return Planned(Task("md", 1, "analysis", "venv:0", {"name": name}, keys, label=name), (), maybe=maybe)


A = planned("a")
B = planned("b", up=A)
C = planned("c", up=B)
CHAIN = [A, B, C]


def result(manifest: str, **consumed: str) -> Mapping[str, Any]:
    return {
        "manifest": manifest,
        "upstream": {role: {"manifest": digest} for role, digest in consumed.items()},
    }


def states_of(seen: Snapshot, plan: list[Planned] = CHAIN) -> list[str]:
    return list(states(plan, seen).values())


def test_an_empty_store_is_ready_at_the_top() -> None:
    assert states_of(Snapshot({})) == ["ready", "waiting", "waiting"]


def test_results_that_fit_together_are_done() -> None:
    seen = Snapshot({A.key: result("1"), B.key: result("2", up="1")})
    assert states_of(seen) == ["done", "done", "ready"]


def test_a_recomputed_upstream_makes_everything_below_it_stale() -> None:
    seen = Snapshot({A.key: result("new"), B.key: result("2", up="old"), C.key: result("3", up="2")})
    assert states_of(seen) == ["done", "stale", "stale"]


def test_what_is_below_a_lost_result_is_stale() -> None:
    assert states_of(Snapshot({B.key: result("2", up="1")})) == ["ready", "stale", "waiting"]


def test_a_changed_result_is_stale_and_named() -> None:
    """Its manifest is as it was: only the files' digests tell."""
    results = {A.key: result("1"), B.key: result("2", up="1"), C.key: result("3", up="2")}
    seen = Snapshot(results, changed={B.key: ["result.json", "table.csv"]})
    assert states_of(seen) == ["done", "stale", "stale"]
    (line,) = changes(CHAIN, seen)
    assert line.startswith(
        "  changed  b: digest of result.json, table.csv differs from the committed one: `run`"
    )


def test_a_failure_blocks_what_is_below_it() -> None:
    assert states_of(Snapshot({}, failures={A.key: {}})) == ["failed", "blocked", "blocked"]


def test_what_a_decision_may_prune_is_counted_apart() -> None:
    plan = [A, planned("later", maybe=True, up=A)]
    states_found = states(plan, Snapshot({}))
    assert list(states_found.values()) == ["ready", "maybe"]
    assert (
        "at most 2" in summary(plan, Snapshot({}), states_found, LocalSite(name="here", scheduler="local"))[0]
    )
    assert table(plan, states_found)[1].split() == ["md", "1", "1", "2"]


def test_how_far_each_committee_is() -> None:
    """Rounds that are sure are counted together; one that may be pruned is not."""
    plan, state = [], {}
    for verb, member, number, there in (
        ("train", 0, 0, "done"), ("train", 1, 0, "failed"), ("evaluate", 0, 0, "done"),
        ("evaluate", 1, 0, "blocked"), ("train", 0, 1, "ready"), ("train", 0, 2, "maybe"),
    ):  # fmt: skip
        parameters = {"member": member, "round": number}
        task = Task(verb, 1, "mace", "venv:0", parameters, {}, label=verb)
        plan.append(Planned(task, ({"committee": "mace", **parameters},)))
        state[task.key] = there
    assert committees(plan, state) == ["  mace: 1 of 3 members trained, 1 evaluated, 1 failed"]

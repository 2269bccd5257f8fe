"""The order in which tasks may start, by hand."""

from mlipbench_hpc.campaign.site import LocalSite, SlurmSite
from mlipbench_hpc.contract.task import Resources, Task
from mlipbench_hpc.plan.estimate import wall
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.plan.queue import ReadyQueue

HERE = LocalSite(name="here", scheduler="local", cores=2)


def planned(name: str, *upstream: Planned, gpus: int = 0, verb: str = "md") -> Planned:
    keys = {item.task.label: item.key for item in upstream}
    return Planned(Task(verb, 1, "e", "i", {"n": name}, keys, label=name, resources=Resources(1, gpus)), ())


A, B = planned("a"), planned("b")
C = planned("c", A, B)
D = planned("d", A)


def taken(queue: ReadyQueue, kind: str = "local") -> list[str]:
    keys = []
    while queue.first(kind):
        keys.append(queue.take(kind))
    return keys


def test_tasks_become_ready_when_the_last_they_wait_for_ends_in_the_plans_order() -> None:
    queue = ReadyQueue([A, B, C, D], HERE)
    assert (taken(queue), queue.is_any_ready, queue.left) == ([A.key, B.key], False, 4)
    queue.end(B.key)
    assert taken(queue) == []
    queue.end(A.key)
    assert (taken(queue), queue.left) == ([C.key, D.key], 2)


def test_what_is_done_before_is_waited_for_by_nobody_and_what_is_busy_is_not_started() -> None:
    assert taken(ReadyQueue([C, D], HERE)) == [C.key, D.key]
    queue = ReadyQueue([A, B, C, D], HERE, busy={A.key})
    assert taken(queue) == [B.key]
    queue.put(A.key)
    assert (queue.first("local"), taken(queue)) == (A.key, [A.key])


def test_kinds_of_nodes_have_queues_of_their_own() -> None:
    gpu = {"cores_per_node": 8, "gpus_per_node": 1, "walltime": "1 h"}
    cpu = {"cores_per_node": 4, "walltime": "1 h"}
    site = SlurmSite.model_validate({"name": "s", "scheduler": "slurm", "nodes": {"gpu": gpu, "cpu": cpu}})
    trained = planned("t", A, gpus=1)
    queue = ReadyQueue([A, trained], site)
    assert (queue.first("gpu"), taken(queue, "cpu")) == (None, [A.key])
    queue.end(A.key)
    assert (queue.first("cpu"), taken(queue, "gpu")) == (None, [trained.key])


def test_what_measures_times_runs_alone_and_last_on_one_machine() -> None:
    timing, again = planned("s", verb="speed"), planned("t", verb="speed")
    queue = ReadyQueue([timing, again, A, B], HERE)
    assert [queue.take("local"), queue.take("local")] == [A.key, B.key]
    assert queue.first("local", {B.key}) is None, "B runs"
    assert queue.first("local") == queue.take("local") == timing.key
    assert queue.first("local", {timing.key}) is None, "a timing runs"
    assert queue.is_any_ready
    gpu = {"cores_per_node": 8, "gpus_per_node": 1, "walltime": "1 h"}
    site = SlurmSite.model_validate({"name": "s", "scheduler": "slurm", "nodes": {"gpu": gpu}})
    assert ReadyQueue([timing, again], site).first("gpu", {again.key}) == timing.key


def test_two_slots_take_turns_with_what_runs_alone() -> None:
    timing = planned("s", verb="speed")
    seconds = {A.key: 3.0, B.key: 1.0, timing.key: 5.0}
    assert wall([timing, A, B], seconds, HERE) == 8.0

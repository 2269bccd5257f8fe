"""The loop: submit what is ready, look at the folders, retry what may be retried, until nothing is left."""

import errno
import os
import queue
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from mlipbench_hpc.campaign.site import ClusterSite, Site
from mlipbench_hpc.contract.folder import VISIBLE_WITHIN_S, Store, damaged, furthest_checkpoint, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_INTERRUPTED
from mlipbench_hpc.plan.graph import Planned, states
from mlipbench_hpc.plan.queue import ReadyQueue
from mlipbench_hpc.runtime import look, processes
from mlipbench_hpc.runtime.container import Place, command
from mlipbench_hpc.runtime.display import Countdown, Display, Whole
from mlipbench_hpc.runtime.endings import RECORDED, exit_code, lost, record, record_stop, stuck
from mlipbench_hpc.runtime.environments import Environment
from mlipbench_hpc.runtime.executors import Pool, end_leftovers
from mlipbench_hpc.runtime.flight import Flight
from mlipbench_hpc.runtime.images import Image
from mlipbench_hpc.runtime.launch import NO_MEMORY
from mlipbench_hpc.runtime.trouble import OUT_OF_TIME, SPARE_BYTES, OutOfSpace, WorkersLost, free_bytes

STOP_WITHIN_S = 60.0
RESOURCE_RETRIES = 1
LOST_LIMIT = 20
WATCH_EVERY_S = 10.0
# Of a cluster the node knows them, not the login node.
NODE_ONLY = ("CUDA_VISIBLE_DEVICES", "TMPDIR")
MENDS = 5
# After an attempt that ran out of memory: batches of frames change no result, so their size is no part of it.
SMALLER = ("--smaller-by", "8")
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Echo = Callable[[str], None]
Remark = Callable[[str, tuple[Mapping[str, Any], ...], Mapping[str, Any]], list[str]]


@dataclass
class Driver:
    """Drives one plan over one store. `replan(decisions)` gives the plan anew after a decision was made.

    remark: what is to be said of a task's verb, subjects and values at once, and again when a run goes on.
    """

    store: Store
    site: Site
    code: Path
    environments: Mapping[str, Environment | Image]
    replan: Callable[[Mapping[str, bool]], list[Planned]]
    display: Display
    remark: Remark
    plan: dict[str, Planned] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    given_up: dict[str, str] = field(default_factory=dict)
    tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    flights: dict[str, Flight] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    stopping: str = ""
    stop_at: float | None = None
    mends: int = 0
    notices: list[str] = field(default_factory=list)
    _full_since: float | None = None

    def run(self) -> bool:
        """Until nothing can be done any more. True when every task of the plan is committed."""
        self.endings: queue.SimpleQueue[tuple[str, Path, Future[int]]] = queue.SimpleQueue()
        results = self._expand()
        if self._unfinished():
            self._remind(results)
            before = [signal.signal(number, self._asked_to_stop) for number in STOPPING]
            try:
                self._drive()
            finally:
                for number, handler in zip(STOPPING, before, strict=True):
                    signal.signal(number, handler)
        else:
            end_leftovers(self.site, self.store, self.echo)
        return not self._unfinished() and not self.stopping

    def _drive(self) -> None:
        self.slots = self.site.slots
        self._countdown = Countdown(self._time_left)
        self.pool = Pool(self.site, self.store, self.echo)
        look.write_notices(self.store, [])
        shown = watched = time.monotonic()
        try:
            while not self.stopping and (self._fill() or self.flights):
                self._collect()
                self._mend_pool()
                self._look_at_the_clock()
                now = time.monotonic()
                if now - watched > WATCH_EVERY_S:
                    watched, self.notices = now, self._say_once(self.pool.watch())
                if now - shown > self.display.every_s:
                    shown = now
                    self._show()
        finally:
            self._say_once([])
            self._stop_everything()
            self.pool.close()

    def _expand(self) -> Mapping[str, Mapping[str, Any]]:
        """Plan with the decisions made so far; stale results are set aside. Returns what counts, by key."""
        plan = look.settle(self.store, self.replan)
        if not self.done and (changed := look.changed(self.store, plan)):
            for item in plan:
                if item.key in changed:
                    self._set_aside(item)
            plan = look.settle(self.store, self.replan)
        self.plan = {item.key: item for item in plan}
        seen = look.snapshot(self.store, self.plan)
        for key, state in states(plan, seen).items():
            if state == "stale":
                self.echo(
                    f"stale: {self.plan[key].task.label} consumed an upstream result that has changed since"
                )
                self.store.set_aside(key)
                self.done.discard(key)
            elif key in seen.results:
                self.done.add(key)
        self._order = [key for key, item in self.plan.items() if not item.maybe]
        left = [self.plan[key] for key in self._unfinished()]
        self._queue = ReadyQueue(left, self.site, {*self.flights, *self.given_up})
        return seen.results

    def _set_aside(self, item: Planned) -> None:
        """A result that somebody, or a disk, has changed is no result."""
        self.echo(f"changed: {item.task.label} was changed after its commit, it is made anew")
        self.store.set_aside(item.key)
        self.done.discard(item.key)

    def _heal(self, flight: Flight, key: str) -> None:
        """Make anew a result that an attempt could not consume, unless that is under way for another."""
        self.flights.pop(flight.item.key)
        if key in self.plan and self.store.task(key).exists() and damaged(self.store.task(key)):
            self._set_aside(self.plan[key])
        self._expand()

    def _unfinished(self) -> list[str]:
        return [key for key in self._order if key not in self.done]

    def _fill(self) -> bool:
        """Keep every slot busy and as many attempts queued, so that no worker idles. True: more is ready."""
        for kind in self.slots:
            self._fill_nodes(kind)
        return self._queue.is_any_ready

    def _fill_nodes(self, kind: str) -> None:
        flying = {key for key, flight in self.flights.items() if flight.kind == kind}
        room = 2 * self.slots[kind]
        while not self.stopping and len(flying) < room and (key := self._queue.first(kind, flying)):
            item = self.plan[key]
            if not self._has_space(item):
                break
            self._queue.take(kind)
            if result := self.store.result(item.key):
                self._committed(item, result)
            else:
                self._submit(item, kind)
                flying.add(key)

    def _submit(self, item: Planned, kind: str) -> None:
        environment = self.environments[item.task.environment]
        environment.check()
        for attempt in self.store.superseded(item.key):
            self.store.discard(attempt)
        attempt = self.store.begin(item.task)
        mark = f"{self.store.name}/{attempt.name}"
        marks = {processes.STORE: self.store.name, processes.ATTEMPT: mark}
        place = Place(self.store.root, attempt, self.code)
        start = command(environment, item.task, place, self._outside(), marks)
        argv = [*start.argv, *(SMALLER if self._is_smaller(item) else ())]
        self.flights[item.key] = Flight(item, attempt, kind, mark)
        log = str(attempt / "log.txt")
        limit = self.site.attempt_limit
        future = self.pool.submit(kind, argv, str(attempt), start.environ, log, limit, start.contained)
        future.add_done_callback(lambda ended: self.endings.put((item.key, attempt, ended)))

    def _is_smaller(self, item: Planned) -> bool:
        """True where an earlier attempt ran out of memory and the next may evaluate fewer frames at once."""
        return self.tries[item.key, "resource"] > 0 and "batch_size" in item.task.parameters

    def _outside(self) -> Mapping[str, str]:
        cluster = isinstance(self.site, ClusterSite)
        return {name: text for name, text in os.environ.items() if not (cluster and name in NODE_ONLY)}

    def _collect(self) -> None:
        """Take one ending (or wait a moment for one), then settle whatever can be settled."""
        try:
            key, attempt, future = self.endings.get(timeout=0.5)
        except queue.Empty:
            pass
        else:
            flight = self.flights.get(key)
            if flight and flight.attempt == attempt:
                flight.code, flight.ended = exit_code(future), time.monotonic()
        for flight in [flight for flight in self.flights.values() if flight.ended is not None]:
            self._settle(flight)

    def _settle(self, flight: Flight) -> None:
        """Only the committed folder is believed, never the exit code alone."""
        assert flight.ended is not None
        if result := self.store.result(flight.item.key):
            self.pool.worked(flight.kind, flight.attempt.name)
            self._committed(flight.item, result)
        elif self._shows_late(flight):
            return
        elif flight.code == EXIT_INTERRUPTED:
            self._interrupted(flight)
        else:
            self._failed(flight)

    def _shows_late(self, flight: Flight) -> bool:
        """True where an exit code tells of a commit, or on a cluster a record, that may still show here."""
        if time.monotonic() - (flight.ended or 0.0) > VISIBLE_WITHIN_S:
            return False
        if flight.code == EXIT_COMMITTED:
            return True
        name = RECORDED.get(flight.code or 0) if isinstance(self.site, ClusterSite) else None
        return name is not None and not (flight.attempt / name).exists()

    def _committed(self, item: Planned, result: Mapping[str, Any]) -> None:
        self.mends = 0
        self.done.add(item.key)
        self.flights.pop(item.key, None)
        self._queue.end(item.key)
        seconds = result["timing"]["wall_s"]
        count = len(self._order) - self._queue.left
        self.echo(f"[{count}/{len(self._order)}] {item.task.label} done in {seconds:.1f} s")
        self._remark(item, result)
        if item.task.verb == "decide":
            self._expand()

    def _remark(self, item: Planned, result: Mapping[str, Any]) -> None:
        for line in self.remark(item.task.verb, item.subjects, result["values"]):
            self.echo(line)

    def _remind(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        for key in self.plan:
            if key in self.done:
                self._remark(self.plan[key], results[key])

    def _again(self, flight: Flight, why: str) -> None:
        self.flights.pop(flight.item.key, None)
        self._queue.put(flight.item.key)
        self.echo(f"      {flight.item.task.label}: {why}")

    def _interrupted(self, flight: Flight) -> None:
        """The next attempt continues, unless several that had their time came no further."""
        if why := stuck(self.store.attempts(flight.item.key)):
            self._give_up(flight, "stuck", why)
        else:
            self._again(flight, "interrupted, the next attempt continues")

    def _give_up(self, flight: Flight, kind: str, message: str) -> None:
        record(flight.attempt, kind, message)
        self.flights.pop(flight.item.key, None)
        self.given_up[flight.item.key] = message
        self.echo(f"FAILED {flight.item.task.label}: {message}\n       see {flight.attempt / 'log.txt'}")

    def _failed(self, flight: Flight) -> None:
        """Decide by kind: input and architecture never again, resource once, transient as the site says."""
        failure = read_json(flight.attempt / "failure.json")
        if failure and failure.get("damaged"):
            self._heal(flight, failure["damaged"])
            return
        kind, message = (failure["kind"], failure["message"]) if failure else self._without_record(flight)
        if not failure:
            processes.kill(processes.ATTEMPT, flight.mark)
        if os.strerror(errno.ENOSPC) in message:
            self.wanted[flight.item.key] = 2 * self._space_for(flight.item)
            self._again(flight, message)
            return
        if self.pool.blames_node(flight.kind, flight.attempt, kind, flight.code, message):
            self._again(flight, f"{message}: its node gets no more jobs, trying elsewhere")
            return
        limits = {"transient": self.site.retries, "resource": RESOURCE_RETRIES, "lost": LOST_LIMIT}
        allowed = limits.get(kind, 0)
        self.tries[flight.item.key, kind] += 1
        if self.tries[flight.item.key, kind] <= allowed:
            smaller = ", in smaller batches" if self._is_smaller(flight.item) else ""
            again = "the next attempt continues" if kind == "lost" else f"{kind} failure, trying again"
            self._again(flight, f"{message}: {again}{smaller}")
        else:
            self._give_up(flight, kind, message)

    def _without_record(self, flight: Flight) -> tuple[str, str]:
        """Kind and words of an attempt that ended without leaving any; one that came further is not stuck."""
        if flight.code == NO_MEMORY:
            return "resource", lost(flight.code)
        if flight.code is not None or not isinstance(self.site, ClusterSite):
            return "transient", lost(flight.code)
        key, step = flight.item.key, furthest_checkpoint(flight.attempt)
        if step > self.reached.get(key, -1):
            self.reached[key] = step
            self.tries[key, "lost"] = 0
        return "lost", lost(flight.code)

    def _mend_pool(self) -> None:
        """A dead interchange or a given-up executor: end what it ran, start a new pool, spend no retry."""
        if not self.pool.is_broken() or self.stopping:
            return
        if reason := self.pool.why_hopeless():
            raise WorkersLost(reason)
        self.mends += 1
        if self.mends > MENDS:
            raise WorkersLost(f"Parsl's processes were lost {MENDS} times in a row: was memory short?")
        self.echo("      Parsl's interchange or workers were lost: starting them again")
        self._abandon_flights()
        self.pool.close()
        self.pool = Pool(self.site, self.store, self.echo)

    def _abandon_flights(self) -> None:
        for flight in list(self.flights.values()):
            processes.kill(processes.ATTEMPT, flight.mark)
            if result := self.store.result(flight.item.key):
                self._committed(flight.item, result)
            else:
                self._again(flight, "its worker was lost with it, starting again")

    def _space_for(self, item: Planned) -> int:
        """Bytes wanted free before `item` starts; doubled each time it met a full disk."""
        return self.wanted.get(item.key, item.cost.bytes + SPARE_BYTES)

    def _has_space(self, item: Planned) -> bool:
        """True where the disk can take this task; raises OutOfSpace if none can for `wait_for_space`."""
        if free_bytes(self.store.root) >= self._space_for(item):
            self._full_since = None
            return True
        if self._full_since is None:
            self._full_since = time.monotonic()
            self.echo(f"      waiting: {self.store.root} has no room for {item.task.label}; free some space")
        if time.monotonic() - self._full_since > self.site.wait_for_space:
            raise OutOfSpace(
                f"{self.store.root} has no room for {item.task.label}: free some space and run again"
            )
        return False

    @property
    def echo(self) -> Echo:
        """Prints a line."""
        return self.display.say

    def _show(self) -> None:
        """Show the tasks that run now, and the progress of the whole."""
        total = len(self._order)
        whole = Whole(total - len(self._unfinished()), total, self._countdown.left_s)
        self.display.show(look.running(self.store, self.plan, self.flights), whole)

    def _time_left(self) -> float:
        return look.time_left(self.store, list(self.plan.values()), self.site)

    def _say_once(self, lines: list[str]) -> list[str]:
        """Print those lines that are not of the last look, and leave all for `status`; returns all."""
        if lines != self.notices:
            look.write_notices(self.store, lines)
        for line in lines:
            if line not in self.notices:
                self.echo(f"      {line}")
        return lines

    def _look_at_the_clock(self) -> None:
        if self.stop_at is not None and time.time() > self.stop_at:
            self.stopping = self.stopping or OUT_OF_TIME

    def _asked_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stopping = signal.Signals(number).name

    def _stop_everything(self) -> None:
        """After a stop, give running attempts time to end as interrupted; nothing of ours is left running."""
        if self.flights and self.stopping:
            self.echo(f"      {self.stopping}: asking {len(self.flights)} attempts to checkpoint and stop")
        for flight in list(self.flights.values()) if self.stopping not in ("", OUT_OF_TIME) else []:
            record_stop(flight.attempt, self.stopping)
        deadline = time.monotonic() + (STOP_WITHIN_S if self.stopping else 0)
        number = signal.SIGTERM
        while self.flights:
            marks = [flight.mark for flight in self.flights.values()]
            if not sum(processes.kill(processes.ATTEMPT, mark, number) for mark in marks):
                break
            time.sleep(0.2)
            number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        for flight in list(self.flights.values()) if self.stopping == OUT_OF_TIME else []:
            if why := stuck(self.store.attempts(flight.item.key)):
                self._give_up(flight, "stuck", why)

"""Context of a verb: parameters, upstream folders, deadline, progress."""

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, TypeVar

from mlipbench_hpc.architectures.hyperparameters import complete_from
from mlipbench_hpc.contract.folder import (
    ENDINGS,
    VISIBLE_WITHIN_S,
    Retention,
    Store,
    checkpoints,
    damaged,
    newest_two,
    read_json,
    save_checkpoint,
    write_json,
)
from mlipbench_hpc.contract.task import DamagedUpstream, Interrupted, Task, TransientFailure

PROGRESS_EVERY_S = 1.0
LOOK_EVERY_S = 0.5
T = TypeVar("T")


@dataclass
class Context:
    """One running attempt. `folder` is the attempt; outputs are written there under their final names.

    smaller_by: divisor of batches of frames, after an attempt that ran out of memory.
    """

    task: Task
    folder: Path
    store: Store
    deadline: float | None = None
    smaller_by: int = 1
    stop_asked: str = ""
    consumed: dict[str, dict[str, str]] = field(default_factory=dict)
    _last_progress: float = 0.0
    _first_progress: tuple[float, float] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the task as planned."""
        return self.task.parameters

    @property
    def batch_size(self) -> int:
        """Number of frames that a model evaluates at a time, which decides memory and speed.

        Energies and forces of a batch do not depend on other frames, within the rounding that every
        architecture's tests state.
        """
        return max(1, int(self.parameters["batch_size"]) // self.smaller_by)

    def upstream(self, role: str) -> Path:
        """Committed folder of the upstream `role`; its outputs are checked against its manifest once.

        Raises TransientFailure when it is not (yet) visible, DamagedUpstream when its bytes were changed.
        """
        key = self.task.upstream[role]
        folder, result = self.store.task(key), self._seen(role, lambda: self.store.result(key))
        if result is None:
            raise TransientFailure(
                f"{role}: task {key[:12]} is not committed, or is not yet visible on this machine"
            )
        if role not in self.consumed:
            if bad := damaged(folder):
                message = f"{role}: {folder} was changed after its commit: {', '.join(bad)}"
                raise DamagedUpstream(key, f"{message}; `mlipbench run` makes it anew")
            self.consumed[role] = {"key": key, "manifest": result["manifest"]}
        return folder

    def _seen(self, role: str, look: Callable[[], T | None]) -> T | None:
        """Wait for a file of another machine, which a shared file system may show late."""
        if (seen := look()) is not None:
            return seen
        print(f"waiting for {role}, which is not yet visible on this machine", flush=True)
        until = time.monotonic() + VISIBLE_WITHIN_S
        while (seen := look()) is None and time.monotonic() < until:
            self.check()
            time.sleep(LOOK_EVERY_S)
        return seen

    def upstream_roles(self, prefix: str) -> list[str]:
        """Roles that begin with `prefix`, sorted (member-000, member-001, …)."""
        return sorted(role for role in self.task.upstream if role.startswith(prefix))

    def upstream_values(self, role: str) -> dict[str, Any]:
        """`values` of an upstream result."""
        self.upstream(role)
        result = self.store.result(self.task.upstream[role])
        assert result is not None
        values: dict[str, Any] = result["values"]
        return values

    def input(self, role: str) -> Path:
        """Copy in the store of an external input (a file or a folder)."""
        path = self.store.input(self.task.inputs[role])
        self._seen(role, lambda: path if path.exists() else None)
        return path

    def adapter(self) -> ModuleType:
        """Adapter of the task's architecture, imported here and only here."""
        assert self.task.architecture is not None
        return importlib.import_module(f"{self.task.architecture.module}.adapter")

    @cached_property
    def hyperparameters(self) -> dict[str, Any]:
        """Hyperparameters of the architecture, with the legacy values that the task's key leaves out."""
        card = Path(self.adapter().__file__ or "").with_name("card.toml")
        return complete_from(card, self.parameters["hyperparameters"])

    def check(self) -> None:
        """Raise Interrupted when a signal came or the deadline is reached. Call it between units of work."""
        if self.stop_asked:
            raise Interrupted(self.stop_asked)
        if self.deadline is not None and time.time() >= self.deadline:
            raise Interrupted("deadline")

    def progress(self, done: float, total: float, unit: str, **numbers: float) -> None:
        """Report the progress of this attempt for `mlipbench status`, at most once a second."""
        now = time.monotonic()
        self._first_progress = self._first_progress or (done, now)
        if now - self._last_progress >= PROGRESS_EVERY_S:
            self._last_progress = now
            first, since = self._first_progress
            record = {
                "done": done,
                "total": total,
                "unit": unit,
                "from": first,
                "took": now - since,
                **numbers,
            }
            write_json(self.folder / "progress.json", record)

    def save_checkpoint(self, step: int, files: dict[str, bytes], retention: Retention = newest_two) -> None:
        """Save one checkpoint of this attempt: named byte strings, whole or not at all."""
        save_checkpoint(self.folder, step, files, retention)

    def earlier_checkpoints(self) -> Iterator[tuple[int, Path, Path]]:
        """Checkpoints of earlier attempts of this key, furthest first: (step, folder, attempt folder)."""
        points = [
            (step, path, attempt)
            for attempt in self.store.attempts(self.task.key)
            if attempt != self.folder
            for step, path in checkpoints(attempt)
        ]
        yield from sorted(points, key=lambda item: item[0], reverse=True)

    def earlier_wall_s(self) -> float | None:
        """Wall time in s of all earlier attempts of this key; None where the last one left no record."""
        number = int(self.folder.name[65:])
        earlier = [path for path in self.store.attempts(self.task.key) if int(path.name[65:]) < number]
        if not earlier:
            return 0.0
        records = (read_json(earlier[-1] / name) for name in ENDINGS)
        timing = next((record["timing"] for record in records if record), None)
        before = timing and timing.get("earlier_wall_s")
        return None if timing is None or before is None else float(timing["wall_s"]) + float(before)

    def listen(self) -> None:
        """Turn SIGTERM, SIGINT and SIGUSR1 into a request for a checkpoint and an end as interrupted."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._asked)

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        self.stop_asked = signal.Signals(number).name


def die_with(parent: str) -> None:
    """Ask to be killed (signal 9) when process `parent` dies, or at the end of standard input for `stdin`.

    The former is Linux prctl PR_SET_PDEATHSIG. In a container the parent's process id is not known, and
    the kernel drops the setting together with privileges; but the parent holds the other end of a pipe.
    """
    import ctypes

    if parent == "stdin":
        threading.Thread(target=_die_at_the_end_of_input, daemon=True).start()
        return
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGKILL)


def _die_at_the_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)

"""Output of `run` while tasks run: lines, or on a terminal one live line for each running task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from mlipbench_hpc.plan.status import span

if TYPE_CHECKING:
    from rich.progress import TaskID

LINES_EVERY_S, LIVE_EVERY_S, ESTIMATE_EVERY_S = 20.0, 1.0, 60.0


@dataclass(frozen=True)
class Running:
    """A task that runs: done of total in a unit such as `frames`; total 0 until it has said how far it is."""

    label: str
    done: float = 0.0
    total: float = 0.0
    unit: str = ""

    @property
    def progress(self) -> str:
        """`40/200 frames`, or empty."""
        return f"{self.done:.0f}/{self.total:.0f} {self.unit}" if self.total else ""


@dataclass(frozen=True)
class Whole:
    """Tasks committed of all that are planned; left_s: seconds that the rest may take, when it is asked."""

    done: int
    total: int
    left_s: Callable[[], float]


class Display(Protocol):
    """Where a driver's words go; every_s: how often it wants to be shown what runs."""

    every_s: float

    def say(self, line: str) -> None:
        """Print a line that stays."""

    def show(self, running: Sequence[Running], whole: Whole) -> None:
        """Show the tasks that run now."""


class Lines:
    """For pipes and logs: nothing is overwritten."""

    every_s = LINES_EVERY_S

    def say(self, line: str) -> None:
        """Print it at once."""
        print(line, flush=True)

    def show(self, running: Sequence[Running], whole: Whole) -> None:
        """One line, of those tasks that say how far they are."""
        if texts := [f"{task.label} {task.progress}" for task in running if task.progress]:
            self.say(f"      now: {'; '.join(texts)}")


class Live:
    """For terminals: a bar with the time left for each running task and for the whole, below the lines."""

    every_s = LIVE_EVERY_S

    def __init__(self, terminal: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        # On a narrow terminal the label is cut, never a number.
        label = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self.bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=label),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[text]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            console=Console(file=terminal, force_terminal=True, highlight=False, markup=False, emoji=False),
            transient=True,
            expand=True,
        )
        self._of: dict[str, TaskID] = {}
        self._whole = self.bars.add_task("all tasks", total=None, text="", left="")

    def say(self, line: str) -> None:
        """Print it above the bars."""
        self.bars.console.print(line, soft_wrap=True)

    def show(self, running: Sequence[Running], whole: Whole) -> None:
        """Bars of tasks that ended disappear."""
        for label in self._of.keys() - {task.label for task in running}:
            self.bars.remove_task(self._of.pop(label))
        longest = max((self._update(task) for task in running), default=0.0)
        left, text = f"about {span(max(whole.left_s(), longest))} left", f"{whole.done}/{whole.total}"
        self.bars.update(self._whole, completed=whole.done, total=whole.total, text=text, left=left)

    def _update(self, task: Running) -> float:
        """Seconds that the task may still take; 0 where it has not said enough."""
        if task.label not in self._of:
            self._of[task.label] = self.bars.add_task(f"  {task.label}", total=None, text="", left="")
        bar = self._of[task.label]
        if task.progress:
            self.bars.update(bar, completed=task.done, total=task.total, text=task.progress)
        remaining = self.bars.tasks[self.bars.task_ids.index(bar)].time_remaining
        self.bars.update(bar, left="" if remaining is None else f"{span(remaining)} left")
        return remaining or 0.0


class Countdown:
    """The time left, which takes long to estimate: once a minute, and less what has passed in between."""

    def __init__(self, estimated: Callable[[], float]) -> None:
        self.estimated = estimated
        self._at, self._seconds = float("-inf"), 0.0

    def left_s(self) -> float:
        """Seconds from now, 0 at least."""
        passed = time.monotonic() - self._at
        if passed > ESTIMATE_EVERY_S:
            self._at, self._seconds, passed = time.monotonic(), self.estimated(), 0.0
        return max(0.0, self._seconds - passed)


@contextmanager
def display(terminal: TextIO) -> Iterator[Display]:
    """Live where the text goes to a terminal, else lines."""
    if not terminal.isatty():
        yield Lines()
        return
    live = Live(terminal)
    with live.bars:
        yield live

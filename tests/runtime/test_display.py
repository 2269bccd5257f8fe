"""What `run` shows: lines in a pipe as ever, live bars on a terminal."""

import io
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
import running
from toy import write_toy

from mlipbench_hpc.runtime.display import Countdown, Lines, Live, Running, Whole, display

MD = Running("md md=water", 40, 200, "frames")
TRAINING = Running("train committee=pair member=0")
HALF = Whole(3, 6, lambda: 90.0)


class Terminal(io.StringIO):
    """Text that says it goes to a terminal."""

    def isatty(self) -> bool:
        return True


def plain(text: str) -> str:
    """Without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_pipe_gets_one_line_of_the_tasks_that_say_how_far_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Lines().show([MD, TRAINING], HALF)
    Lines().show([TRAINING], HALF)
    assert capsys.readouterr().out == "      now: md md=water 40/200 frames\n"


def test_a_terminal_gets_a_bar_for_each_task_and_one_for_the_whole() -> None:
    terminal = Terminal()
    with display(terminal) as live:
        assert isinstance(live, Live)
        live.show([MD, TRAINING], HALF)
        live.bars.refresh()
        during = plain(terminal.getvalue())
        live.say("[4/6] split splits=all done in 1.0 s")
        live.show([MD], Whole(4, 6, lambda: 60.0))
        live.bars.refresh()
        after = plain(terminal.getvalue())[len(during) :]
    for text in ("all tasks", "3/6", "about 90 s left", "md md=water", "40/200 frames", TRAINING.label):
        assert text in during
    assert "[4/6] split splits=all done in 1.0 s\n" in after
    assert "4/6" in after.split("done in 1.0 s")[1]
    assert TRAINING.label not in after.split("4/6")[-1], "what has ended has no bar"


def test_a_narrow_terminal_cuts_labels_and_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that did 30 of its 200 frames in a second has 130 left: 4 s and a third."""
    monkeypatch.setenv("COLUMNS", "80")
    terminal, label = Terminal(), "reevaluate md=film-two replica=7 committee=mace-small member=3"
    with display(terminal) as live:
        assert isinstance(live, Live)
        live.bars.get_time = iter(float(second) for second in range(1000)).__next__
        live.show([Running(label, 40, 200, "frames")], Whole(3, 480, lambda: 0.0))
        live.show([Running(label, 70, 200, "frames")], Whole(3, 480, lambda: 0.0))
        live.bars.refresh()
        text = plain(terminal.getvalue())
    (whole, task) = text.replace("\r", "\n").strip("\n").split("\n")[-2:]
    assert max(len(whole), len(task)) <= 80
    assert task.startswith("  reevaluate md=film-two")
    assert "70/200 frames" in task
    assert re.search(r"\d+ s left", task)
    assert "3/480" in whole
    assert "about 0 s left" not in whole, "the whole takes as long as its longest task"


def test_the_time_left_is_estimated_once_a_minute_and_runs_down(monkeypatch: pytest.MonkeyPatch) -> None:
    now, estimates = [1000.0], iter([100.0, 30.0])
    monkeypatch.setattr("mlipbench_hpc.runtime.display.time.monotonic", lambda: now[0])
    countdown = Countdown(lambda: next(estimates))
    assert countdown.left_s() == 100.0
    now[0] += 45.0
    assert countdown.left_s() == 55.0
    now[0] += 16.0
    assert countdown.left_s() == 30.0
    now[0] += 59.0
    assert countdown.left_s() == 0.0


@pytest.mark.campaign
def test_a_campaign_on_a_terminal_shows_bars_and_leaves_the_lines(tmp_path: Path) -> None:
    write_toy(tmp_path)
    (tmp_path / "here.yaml").write_text(running.SITE)
    ours, theirs = pty.openpty()
    command = running.command(tmp_path, "run", "toy.yaml")
    process = subprocess.Popen(
        command, cwd=tmp_path, env=running.marked(tmp_path), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # The other end is closed.
            break
    os.close(ours)
    assert process.wait() == 0
    text = seen.decode()
    assert "all tasks" in text and "\x1b[" in text
    assert re.search(r"\[(\d+)/\1\] .* done in", plain(text)), "the last task's line stays"

"""The table of verbs, and the README's example of a verb and a section of a package outside this one."""

import itertools
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import running
from readme import example, install
from toy import write_toy

from mlipbench_hpc.contract import verbs
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.contract.verbs import BUILT_IN, Verb, VerbError, verb_of
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.plan.status import table

EXAMPLE = "Add a verb"


def test_upstream_verbs_come_first_and_exist() -> None:
    names = [verb.name for verb in BUILT_IN]
    for place, verb in enumerate(BUILT_IN):
        assert set(verb.consumes) <= set(names)
        assert set(verb.consumes) <= {*names[: place + 1], "build", "label"}
        assert verb.consequence


def test_a_verb_that_is_not_in_the_table_is_an_error() -> None:
    item = Planned(Task("fly", 1, "analysis", "venv:0", {}), ())
    with pytest.raises(VerbError, match="no verb is called 'fly': there are build, label"):
        table([item], {item.key: "ready"})


@pytest.mark.engine
def test_a_verb_from_outside_is_planned_run_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    install(tmp_path / "site", EXAMPLE)
    install(tmp_path / "site", "Add a section to the report")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    write_toy(tmp_path)
    planned = running.run(tmp_path, "plan", "toy.yaml").stdout
    assert "counting.frames" in planned
    assert "13 tasks: 0 done, 13 to run" in planned
    ended = running.run(tmp_path, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    counts = running.done(tmp_path, "counting.frames")
    # 0.4 ps with a frame every 4 fs, and the start: 101 frames
    assert [result["values"]["frames"] for result in counts] == [100, 100]
    tasks = running.results(tmp_path)["tasks"]
    assert running.results(tmp_path)["frames"] == {
        f"counting.frames md=crystal replica={replica} committee=pairs": 100 for replica in (0, 1)
    }
    assert tasks["counting.frames md=crystal replica=0 committee=pairs"]["status"] == "done"
    (tmp_path / "site/counting/table.json").write_text("[1]")  # Its data count as its source does.
    assert (
        "2 counting.frames: version of counting.frames is" in running.run(tmp_path, "plan", "toy.yaml").stdout
    )
    (tmp_path / "site/counting/table.json").unlink()
    assert "0 to run" in running.run(tmp_path, "plan", "toy.yaml").stdout
    (tmp_path / "site/counting/frames.py").write_text(example(EXAMPLE).replace("- context", "+ context"))
    assert (
        "2 counting.frames: version of counting.frames is" in running.run(tmp_path, "plan", "toy.yaml").stdout
    )


def install_table(monkeypatch: pytest.MonkeyPatch, *rows: Verb) -> None:
    """Entry points, in this order, that lead to these verbs."""
    entries = [EntryPoint(f"{place}", "tests:VERB", verbs.GROUP) for place, _ in enumerate(rows)]
    monkeypatch.setattr(verbs, "entry_points", lambda group: entries)
    monkeypatch.setattr(EntryPoint, "load", lambda entry: rows[int(entry.name)])
    verbs.verbs.cache_clear()


def outside(name: str, consumed: str) -> Verb:
    return Verb(name, "analysis", (consumed,), "nothing")


CHAIN = [outside("a.a", "m.m"), outside("m.m", "z.z"), outside("z.z", "md")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_verbs_from_outside_consume_one_another_in_any_order(
    monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    install_table(monkeypatch, *(CHAIN[place] for place in order))
    assert list(verbs.verbs())[-3:] == ["z.z", "m.m", "a.a"]
    monkeypatch.undo()
    verbs.verbs.cache_clear()


def test_a_circle_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [outside("a.tail", "b.b"), outside("b.b", "c.c"), outside("c.c", "b.b"), outside("d.d", "md")]
    install_table(monkeypatch, *rows)
    with pytest.raises(VerbError, match=r"in a circle: b\.b consumes c\.c consumes b\.b; let one"):
        verbs.verbs()
    monkeypatch.undo()
    verbs.verbs.cache_clear()


@pytest.mark.parametrize(
    "verb",
    [
        Verb("frames", "analysis", ("md",), ""),
        Verb("counting.frames", "", ("md",), ""),
        Verb("counting.frames", "analysis", ("md", "analyse"), ""),
        Verb("counting.frames", "analysis", ("fly",), ""),
        "no verb",
    ],
)
def test_a_verb_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, verb: Any) -> None:
    class Entry:
        value = "counting.frames:VERB"

        def load(self) -> Any:
            return verb

        def __lt__(self, _other: object) -> bool:
            return True

    monkeypatch.setattr(verbs, "entry_points", lambda group: [Entry()])
    verbs.verbs.cache_clear()
    with pytest.raises(VerbError, match=r"counting\.frames:VERB"):
        verb_of("md")
    monkeypatch.undo()
    verbs.verbs.cache_clear()

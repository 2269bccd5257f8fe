from pathlib import Path

import pytest

from mlipbench_hpc.contract import folder
from mlipbench_hpc.contract.folder import (
    Store,
    checkpoints,
    damaged,
    manifest,
    outputs,
    save_checkpoint,
    sparser_with_age,
    write_json,
)
from mlipbench_hpc.contract.task import Task, TransientFailure

TASK = Task(verb="build", version=1, environment="analysis", identity="venv:0", parameters={})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def finished(store: Store, content: str = "1") -> tuple[Path, dict[str, object]]:
    attempt = store.begin(TASK)
    (attempt / "out.txt").write_text(content)
    result = {
        "key": TASK.key,
        "attempt": attempt.name,
        "values": {},
        "upstream": {},
        "outputs": outputs(attempt),
    }
    return attempt, result | {"manifest": manifest(result)}


def test_attempts_are_numbered_and_never_reused(store: Store) -> None:
    names = [store.begin(TASK).name for _ in range(12)]
    assert names == [f"{TASK.key}-{number}" for number in range(12)]
    assert [path.name for path in store.attempts(TASK.key)] == names


def test_a_commit_is_one_rename_of_the_whole_folder(store: Store) -> None:
    attempt, result = finished(store)
    assert store.result(TASK.key) is None
    assert store.commit(attempt, result)
    assert not attempt.exists()
    assert store.result(TASK.key) == result
    assert damaged(store.task(TASK.key)) == []


def test_the_second_of_two_racing_attempts_discards_itself(store: Store) -> None:
    first, second = finished(store, "1"), finished(store, "2")
    assert store.commit(*first)
    assert not store.commit(*second)
    assert (store.task(TASK.key) / "out.txt").read_text() == "1"
    assert not second[0].exists()


def test_a_rename_that_failed_only_in_words_counts_as_ours(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt, result = finished(store)
    rename = Path.rename

    def lying(self: Path, target: Path) -> Path:
        done = rename(self, target)
        if target.parent.name == "tasks":
            raise OSError(5, "Input/output error")
        return done

    monkeypatch.setattr(Path, "rename", lying)
    assert store.commit(attempt, result)


def test_a_rename_that_truly_failed_is_transient_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt, result = finished(store)
    write_json(attempt / "result.json", result)

    def failing(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_json", lambda *_: None)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(TransientFailure, match="No space left"):
        store.commit(attempt, result)
    assert not list((store.root / "tasks").iterdir())


def test_equal_work_has_an_equal_manifest_whoever_did_it(store: Store) -> None:
    _, first = finished(store)
    _, second = finished(store)
    assert first["manifest"] == second["manifest"]
    assert first["manifest"] != finished(store, "2")[1]["manifest"]


def test_changed_and_missing_outputs_are_found(store: Store) -> None:
    attempt, result = finished(store)
    store.commit(attempt, result)
    target = store.task(TASK.key)
    (target / "out.txt").chmod(0o644)
    (target / "out.txt").write_text("2")
    assert damaged(target) == ["out.txt"]
    target.chmod(0o755)
    (target / "out.txt").unlink()
    assert damaged(target) == ["out.txt"]


def test_a_stale_folder_is_set_aside_for_a_new_one(store: Store) -> None:
    for _ in range(2):
        attempt, result = finished(store)
        assert store.commit(attempt, result)
        store.set_aside(TASK.key)
    assert store.result(TASK.key) is None
    assert len(list((store.root / "attempts").glob("*stale*"))) == 2


def test_inputs_are_kept_under_their_digest_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("frames")
    sha256 = store.add_input(tmp_path / "data.txt")
    assert store.add_input(tmp_path / "data.txt") == sha256
    assert store.input(sha256).read_text() == "frames"
    assert [path.name for path in (store.root / "inputs").iterdir()] == [sha256]


def test_half_written_json_never_has_the_final_name(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert folder.read_json(tmp_path / "a.json") == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("keep", range(4))
def test_only_whole_checkpoints_are_valid_wherever_the_newest_was_cut(tmp_path: Path, keep: int) -> None:
    save_checkpoint(tmp_path, 1, {"state": b"one"})
    save_checkpoint(tmp_path, 2, {"state": b"two"})
    (tmp_path / "checkpoint" / f"{2:012d}" / "state").write_bytes(b"two"[:keep])
    assert [step for step, _ in checkpoints(tmp_path)] == ([2, 1] if keep == 3 else [1])


def test_old_checkpoints_go(tmp_path: Path) -> None:
    for step in range(1, 5):
        save_checkpoint(tmp_path, step, {"state": b"x"})
    assert [step for step, _ in checkpoints(tmp_path)] == [4, 3]


def test_a_damaged_checkpoint_is_none_of_the_two_that_stay(tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"state": b"x"})
    (tmp_path / "checkpoint" / f"{2:012d}" / "state").write_bytes(b"y")
    save_checkpoint(tmp_path, 3, {"state": b"x"})
    assert [step for step, _ in checkpoints(tmp_path)] == [3, 1]


def test_checkpoints_become_sparser_with_age(tmp_path: Path) -> None:
    """Of 400 at most 11 stay at any time, none more than three times as far from the last as the next."""
    steps: list[int] = []
    for number in range(1, 401):
        steps = sorted(sparser_with_age([*steps, 10 * number]))
        ages = [(10 * number - step) // 10 for step in steps[::-1]]
        assert len(steps) <= 11
        assert all(older <= 3 * max(age, 1) for older, age in zip(ages[1:], ages, strict=False))
    assert steps[0] == 10
    for number in range(1, 31):
        save_checkpoint(tmp_path, number, {"state": b"x"}, sparser_with_age)
    assert 5 <= len(list((tmp_path / "checkpoint").iterdir())) <= 8


def attempt_with(store: Store, *steps: int) -> Path:
    folder = store.begin(TASK)
    for step in steps:
        save_checkpoint(folder, step, {"state": b"x"})
    return folder


def test_attempts_before_the_furthest_checkpoint_are_superseded(store: Store) -> None:
    attempts = [attempt_with(store, *steps) for steps in ((), (2,), (4,), (4, 6), (), (1,))]
    assert store.superseded(TASK.key) == attempts[:3]
    for path in attempts[:3]:
        store.discard(path)
    assert store.attempts(TASK.key) == attempts[3:]
    assert store.superseded(TASK.key) == []
    assert store.begin(TASK).name.endswith("-6")


def test_what_is_discarded_can_no_longer_be_committed(store: Store) -> None:
    attempt, result = finished(store)
    store.discard(attempt)
    assert not list((store.root / "attempts").iterdir())
    with pytest.raises((TransientFailure, OSError)):
        store.commit(attempt, result)
    assert store.result(TASK.key) is None


def test_a_checkpoint_cut_at_any_byte_is_none(tmp_path: Path) -> None:
    """Of any of its files; the one before is still there. JSON without its last newline is whole."""
    files = {"state": bytes(range(97)), "rows": b"1,2\n3,4\n"}
    save_checkpoint(tmp_path, 1, files)
    save_checkpoint(tmp_path, 2, files)
    (_, newest), before = checkpoints(tmp_path)
    for path in newest.iterdir():
        content = path.read_bytes()
        for size in range(len(content) - path.name.endswith(".json")):
            path.write_bytes(content[:size])
            assert list(checkpoints(tmp_path)) == [before], f"{size} bytes of {path.name}"
        path.write_bytes(content)
    assert len(list(checkpoints(tmp_path))) == 2

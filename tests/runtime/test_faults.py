"""Break a running campaign for real; afterwards nothing may be lost, doubled or different."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kills
import pytest
import running
from toy import write_toy

SLOW_TOY = ("architecture: toy", "architecture: toy, hyperparameters: {epoch_s: 0.12}")
VICTIMS = {
    "worker": "mlipbench_hpc.worker",
    "manager": "process_worker_pool",
    "interchange": "interchange",
}


def slow(path: Path) -> None:
    path.write_text(path.read_text().replace(*SLOW_TOY))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], float]:
    """A campaign that ran in peace: its folder, its results, its seconds."""
    folder = tmp_path_factory.mktemp("undisturbed")
    slow(write_toy(folder))
    started = time.monotonic()
    ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder, running.results(folder), time.monotonic() - started


@pytest.fixture
def folder(undisturbed: tuple[Path, Any, Any], tmp_path: Path) -> Iterator[Path]:
    """The same campaign with an empty store."""
    for name in ("toy.yaml", "argon.extxyz"):
        shutil.copy(undisturbed[0] / name, tmp_path)
    with running.cleaned(tmp_path):
        yield tmp_path


def round_of(victim: str, delay: float, folder: Path, expected: dict[str, Any]) -> None:
    """Kill one process after `delay` s; the same command then gives the undisturbed results."""
    driver = running.start(folder, "run", "toy.yaml")
    time.sleep(delay)
    if victim != "driver":
        # A loaded machine starts later: what dies before it has answered once ends the driver with an error.
        running.wait_until(lambda: bool(running.commits(folder)), 120, "a committed task")
    before = running.commits(folder)
    if victim == "driver":
        driver.kill()
    else:
        running.kill_first(folder, VICTIMS[victim], driver)
    driver.wait(timeout=180)
    if victim == "driver":
        again = running.run(folder, "run", "toy.yaml")
        assert again.returncode == 0, again.stdout + again.stderr
    assert driver.returncode in (0, -signal.SIGKILL), (folder / "driver.log").read_text()
    after = running.commits(folder)
    assert {key: after[key] for key in before} == before, "a committed task was run twice"
    assert running.results(folder) == expected
    assert not (folder / "store" / "lock").exists()
    running.wait_until(lambda: not running.family(folder), 30, "all processes to be gone")


@pytest.mark.engine
@pytest.mark.parametrize("victim", ["driver", *VICTIMS])
def test_any_process_may_be_killed(
    victim: str, folder: Path, undisturbed: tuple[Path, dict[str, Any], float]
) -> None:
    _, expected, seconds = undisturbed
    round_of(victim, random.Random(victim).uniform(0.3, 0.8) * seconds, folder, expected)


@pytest.mark.engine
@pytest.mark.parametrize("number", kills.rounds(2))
def test_rounds(number: int, folder: Path, undisturbed: tuple[Path, dict[str, Any], float]) -> None:
    _, expected, seconds = undisturbed
    chance = random.Random(number)
    round_of(chance.choice(["driver", *VICTIMS]), chance.uniform(0.05, 0.95) * seconds, folder, expected)


@pytest.mark.engine
def test_a_second_driver_is_refused_within_a_second_and_a_dead_ones_store_is_taken(folder: Path) -> None:
    driver = running.start(folder, "run", "toy.yaml")
    running.wait_until((folder / "store" / "lock").exists, 30, "the lock")
    started = time.monotonic()
    second = running.run(folder, "run", "toy.yaml")
    assert second.returncode == 2
    assert f"process {driver.pid} on " in second.stderr
    assert time.monotonic() - started < 4, "measured without load: see the benchmark"
    driver.kill()
    driver.wait()
    assert running.run(folder, "run", "toy.yaml").returncode == 0


@pytest.mark.engine
def test_the_same_campaign_in_another_store_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """Its attempts have the same names: what stops one driver's must not stop the other's."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("toy.yaml", "argon.extxyz"):
        shutil.copy(folder / name, other)
    with running.cleaned(other):
        drivers = [running.start(one, "run", "toy.yaml") for one in (folder, other)]
        for one in (folder, other):
            running.wait_until(lambda one=one: running.checkpointed(one), 60, "a checkpoint")
        drivers[1].terminate()
        assert drivers[1].wait(timeout=90) == 1
        assert drivers[0].wait(timeout=180) == 0
    trained = running.done(folder, "train")
    assert {one["attempt"].rpartition("-")[2] for one in trained} == {"0"}, (
        folder / "driver.log"
    ).read_text()


@pytest.mark.engine
def test_a_driver_that_is_asked_to_stop_checkpoints_and_the_same_command_goes_on(
    folder: Path, undisturbed: tuple[Path, dict[str, Any], float]
) -> None:
    driver = running.start(folder, "run", "toy.yaml")
    attempts = folder / "store" / "attempts"
    running.wait_until(lambda: list(attempts.glob("*/checkpoint/0*/checkpoint.json")), 60, "a checkpoint")
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=90) == 1
    assert list(attempts.glob("*/interrupted.json"))
    assert not running.family(folder)
    assert running.run(folder, "run", "toy.yaml").returncode == 0
    assert running.results(folder) == undisturbed[1]


@pytest.mark.engine
def test_an_attempt_limit_cuts_a_run_in_pieces_that_fit_to_the_bit(
    folder: Path, undisturbed: tuple[Path, dict[str, Any], float]
) -> None:
    ended = running.run(folder, "run", "toy.yaml", site=running.SITE + "attempt_limit: 4 s\n")
    assert ended.returncode == 0, ended.stdout
    assert "interrupted, the next attempt continues" in ended.stdout
    assert running.results(folder) == undisturbed[1]
    keys = [path.name[:64] for path in (folder / "store" / "attempts").iterdir()]
    assert max(map(keys.count, keys)) <= 2, "attempts before the one that was continued are gone"


@pytest.mark.engine
def test_a_limit_too_short_for_any_checkpoint_ends_in_words(folder: Path) -> None:
    ended = running.run(folder, "run", "toy.yaml", site=running.SITE + "attempt_limit: 0.01 s\n")
    assert ended.returncode == 1
    assert "before its first checkpoint: raise walltime or attempt_limit" in ended.stdout
    message = running.run(folder, "status", "toy.yaml").stdout
    assert "stuck: interrupted again and again before its first checkpoint" in message
    assert "Not everything is done" in ended.stdout


@pytest.mark.engine
def test_a_store_that_was_moved_goes_on_where_it_was(
    folder: Path, undisturbed: tuple[Path, dict[str, Any], float]
) -> None:
    driver = running.start(folder, "run", "toy.yaml")
    running.wait_until(lambda: list(folder.glob("store/attempts/*/checkpoint/0*")), 120, "a checkpoint")
    driver.kill()
    driver.wait()
    running.kill(running.family(folder))
    before = running.commits(folder)
    other = folder.with_name("moved")
    folder.rename(other)
    again = running.run(other, "run", "toy.yaml")
    assert again.returncode == 0, again.stdout + again.stderr
    assert {key: running.commits(other)[key] for key in before} == before
    assert running.results(other) == undisturbed[1]
    other.rename(folder)


@pytest.mark.engine
@pytest.mark.parametrize(
    "sign", ["tasks/*/result.json", "attempts/*/checkpoint/0*"], ids=["between", "within"]
)
def test_a_disk_that_fills_between_or_within_tasks_stops_nothing_for_good(
    sign: str, folder: Path, undisturbed: tuple[Path, dict[str, Any], float]
) -> None:
    store = folder / "store"
    store.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(store)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small tmpfs")
    try:
        driver = running.start(folder, "run", "toy.yaml")
        running.wait_until(lambda: list(store.glob(sign)), 120, sign)
        fill(store / "ballast")
        running.wait_until(lambda: "free some space" in (folder / "driver.log").read_text(), 120, "the words")
        assert all((path / "result.json").exists() for path in (store / "tasks").iterdir())
        (store / "ballast").unlink()
        assert driver.wait(timeout=120) == 0
        assert running.results(folder) == undisturbed[1]
    finally:
        running.kill(running.family(folder))
        subprocess.run(["umount", "-l", str(store)], check=True)


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space"):
        while True:
            stream.write(bytes(1 << 16))
            stream.flush()

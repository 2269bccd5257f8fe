"""Images for real: built twice, run, killed, and tampered with in every way that comes to mind."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import running
from contained import contents, image_in, site

from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.build import Builder, BuildError
from mlipbench_hpc.runtime.container import Place, command
from mlipbench_hpc.runtime.images import Entry, ImageRefused, Images
from mlipbench_hpc.runtime.recipe import Recipe, base_from, recipe

pytestmark = pytest.mark.apptainer
SLOW_TOY = ("architecture: toy", "architecture: toy, hyperparameters: {epoch_s: 0.12}")


def refused(folder: Path, images: Path, *words: str) -> str:
    """`mlipbench WORDS` is refused before anything runs; what it says."""
    ended = running.run(folder, *words, site=site(images))
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert list((folder / "store" / "attempts").iterdir()) == []
    assert "Traceback" not in ended.stderr
    return ended.stderr


def small(**texts: str) -> Recipe:
    """A recipe whose lock holds one package only."""
    whole = recipe("analysis", "cpu", base_from("debian"))
    lock = whole.files["requirements.lock"]
    start = lock.index("packaging==")
    one = "--only-binary :all:\n" + lock[start : lock.index("\n", lock.index("--hash", start) + 90) + 1]
    one = one.rstrip().rstrip("\\") + "\n"
    files = {"requirements.lock": one, "wheels.txt": one, "source.txt": "", "accept.py": "print('works')\n"}
    return Recipe("analysis", "cpu", whole.base, {**files, **texts})


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    result: list[Entry] = []
    for name, mask in (("one", 0o022), ("another place", 0o077)):
        before = os.umask(mask)
        try:
            result.append(Builder(tmp_path / name, "", print).build(small()))
        finally:
            os.umask(before)
    one, other = result
    assert one.squashfs == other.squashfs
    assert one.recipe == other.recipe
    assert one.sha256 != other.sha256  # A SIF carries the time and a random id.
    assert set(one.packages) == {"packaging"}
    assert str(tmp_path).encode() not in (tmp_path / "one" / one.file).read_bytes()


def test_an_image_is_packed_so_that_workers_start_fast(images: Path) -> None:
    packed = image_in(images).read_bytes()
    superblock = packed[packed.index(b"hsqs") :]
    assert int.from_bytes(superblock[20:22], "little") == 5, "its compressor is lz4"


def test_an_image_that_fails_its_acceptance_is_not_locked(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="test failed"):
        Builder(tmp_path, "", print).build(small(**{"accept.py": "raise SystemExit('no gradient')\n"}))
    assert Images(tmp_path).entries == {}
    assert list(tmp_path.glob("*.sif")) == []
    assert "no gradient" in (tmp_path / "analysis-cpu.log").read_text()


def test_list_verify_and_export(images: Path, campaign: Path, tmp_path: Path) -> None:
    here = site(images)
    assert "ready" in running.run(campaign, "images", "list", site=here).stdout
    assert "as locked" in running.run(campaign, "images", "verify", site=here).stdout
    archive = tmp_path / "images.tar"
    exported = running.run(campaign, "images", "export", str(archive), "analysis", site=here)
    assert exported.returncode == 0, exported.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["tar", "xf", str(archive), "-C", str(elsewhere)], check=True)
    again = running.run(campaign, "images", "verify", site=site(elsewhere / "images"))
    assert again.returncode == 0
    assert sorted(Images(elsewhere / "images").entries) == ["analysis-cpu"]


def test_a_campaign_gives_the_numbers_of_virtual_environments(images: Path, campaign: Path) -> None:
    ended = running.run(campaign, "run", "toy.yaml", site=site(images), timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    inside = contents(campaign)
    tasks = [json.loads(p.read_text()) for p in (campaign / "store" / "tasks").glob("*/task.json")]
    assert {task["identity"] for task in tasks} == {
        f"image:{Images(images).entries['analysis-cpu'].squashfs}"
    }
    shutil.move(campaign / "store", campaign / "contained")
    ended = running.run(campaign, "run", "toy.yaml", site=site(images, "venv"), timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(inside) > 11
    assert inside == contents(campaign)


@pytest.mark.parametrize(
    "victim",
    [
        "driver",
        pytest.param("mlipbench_hpc.worker", marks=pytest.mark.slow),
        pytest.param("process_worker_pool", marks=pytest.mark.slow),
    ],
)
def test_contained_workers_may_be_killed(victim: str, images: Path, campaign: Path) -> None:
    path = campaign / "toy.yaml"
    path.write_text(path.read_text().replace(*SLOW_TOY))
    here = site(images)
    driver = running.start(campaign, "run", "toy.yaml", site=here)
    running.wait_until(lambda: running.family(campaign, "mlipbench_hpc.worker"), 120, "a worker")
    if victim == "driver":
        driver.kill()
        driver.wait(timeout=60)
        running.wait_until(lambda: not running.family(campaign), 60, "all processes to be gone")
        driver = running.start(campaign, "run", "toy.yaml", site=here)
    else:
        running.kill(running.family(campaign, victim)[:1])
    assert driver.wait(timeout=400) == 0, (campaign / "driver.log").read_text()
    assert len(running.commits(campaign)) == 11
    running.wait_until(lambda: not running.family(campaign), 30, "all processes to be gone")


def test_a_stopped_driver_asks_contained_workers_to_checkpoint(images: Path, campaign: Path) -> None:
    path = campaign / "toy.yaml"
    path.write_text(path.read_text().replace(*SLOW_TOY))
    driver = running.start(campaign, "run", "toy.yaml", site=site(images))
    training = lambda: list((campaign / "store").glob("attempts/*/checkpoint"))  # noqa: E731
    running.wait_until(training, 180, "a checkpoint")
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=120) != 0
    ended = list((campaign / "store" / "attempts").glob("*/interrupted.json"))
    assert ended, (campaign / "driver.log").read_text()
    assert json.loads(ended[0].read_text())["cause"] == "SIGTERM"
    assert running.family(campaign) == []


def test_a_flipped_byte_is_refused_whatever_its_times_say(copied: Path, campaign: Path) -> None:
    assert running.run(campaign, "images", "verify", site=site(copied)).returncode == 0
    path = image_in(copied)
    before = path.stat()
    with path.open("r+b") as stream:
        stream.seek(before.st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(before.st_size // 2)
        stream.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    entry = Images(copied).entries["analysis-cpu"]
    text = refused(campaign, copied, "run", "toy.yaml")
    assert f"expected sha256 {entry.sha256}" in text
    assert "found    sha256" in text
    assert f"not {entry.squashfs}" in text
    verified = running.run(campaign, "images", "verify", site=site(copied))
    assert verified.returncode == 1
    assert "REFUSED" in verified.stdout


def test_a_lock_edited_by_hand_is_refused(copied: Path, campaign: Path) -> None:
    path = copied / "images.lock"
    record = json.loads(path.read_text())
    record["images"][0]["squashfs"] = "0" * 64
    path.write_text(json.dumps(record))
    assert "was edited by hand" in refused(campaign, copied, "run", "toy.yaml")


def test_an_image_swapped_between_plan_and_run_is_refused(copied: Path, campaign: Path) -> None:
    planned = running.run(campaign, "plan", "toy.yaml", site=site(copied))
    assert planned.returncode == 0, planned.stderr
    image = Images(copied, campaign / "store" / "facts").find("analysis", "cpu")
    image.check()
    other = Builder(copied.parent / "other", "", print).build(small())
    shutil.move(copied.parent / "other" / other.file, image_in(copied))
    with pytest.raises(ImageRefused, match=f"expected sha256 {image.entry.sha256}"):
        image.check()
    assert other.sha256 in refused(campaign, copied, "run", "toy.yaml")


@pytest.mark.parametrize("kind", ["folder", "link", "nothing", "text"])
def test_what_is_no_image_file_is_refused(kind: str, copied: Path, campaign: Path) -> None:
    path = image_in(copied)
    aside = path.rename(copied / "aside.sif")
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(aside)
    elif kind == "text":
        path.write_text("#!/bin/sh\n" * 100)
    words = {"folder": "is a folder", "link": "is a link", "nothing": "is not there", "text": "is no SIF"}
    assert words[kind] in refused(campaign, copied, "run", "toy.yaml")


def test_an_image_of_another_recipe_is_refused(copied: Path, campaign: Path) -> None:
    entry = Images(copied).entries["analysis-cpu"]
    Images(copied).write(Entry(**{**vars(entry), "recipe": "0" * 64}))
    assert "was made from recipe 000000000000" in refused(campaign, copied, "run", "toy.yaml")


def test_inside_only_the_store_is_seen_and_inputs_are_read_only(images: Path, tmp_path: Path) -> None:
    store, outside = tmp_path / "st,o:re", tmp_path / "secret"
    for name in ("inputs", "attempts/a", "code", "tasks"):
        (store / name).mkdir(parents=True)
    outside.write_text("x")
    image = Images(images).find("analysis", "cpu")
    place = Place(store, store / "attempts/a", store / "code")
    start = command(
        image, Task("md", 1, "analysis", "", {}), place, {**os.environ, "SECRET": "s"}, {"M": "a=b,c"}
    )
    script = f"""
import os, pathlib
assert os.getcwd() == {str(place.attempt)!r}
assert os.environ["M"] == "a=b,c"
assert "SECRET" not in os.environ
assert not pathlib.Path({str(outside)!r}).exists()
for folder in ({str(store / "inputs")!r}, "/opt/mlipbench", "/opt"):
    try:
        pathlib.Path(folder, "x").touch()
    except OSError:
        continue
    raise SystemExit(folder + " can be written")
os.rename({str(store / "attempts/a")!r}, {str(store / "tasks/a")!r})
"""
    worker = start.argv.index(str(image.python))
    ended = subprocess.run(
        [*start.argv[: worker + 1], "-c", script],
        env=start.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert (store / "tasks/a").is_dir()

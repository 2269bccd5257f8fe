"""The commands of a whole toy campaign, as a user types them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import running
from toy import TOY, write_toy

from mlipbench_hpc.cli import main
from mlipbench_hpc.contract.folder import manifest
from mlipbench_hpc.contract.task import Task


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose toy campaign has run to its end."""
    folder = tmp_path_factory.mktemp("finished")
    write_toy(folder)
    with running.cleaned(folder):
        ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The finished folder at another path: a store may be moved."""
    shutil.copytree(finished, tmp_path / "moved")
    return tmp_path / "moved"


def keys(folder: Path, verb: str) -> list[str]:
    tasks = [json.loads(path.read_text()) for path in (folder / "store" / "tasks").glob("*/task.json")]
    return sorted(task["key"] for task in tasks if task["verb"] == verb)


def test_a_moved_store_has_nothing_left_to_do(copy: Path) -> None:
    again = running.run(copy, "run", "toy.yaml")
    assert again.returncode == 0
    assert "11 done, 0 to run" in again.stdout
    assert running.results(copy)["tasks"]


def test_plan_and_status_say_so(finished: Path) -> None:
    assert "11 tasks: 11 done, 0 to run" in running.run(finished, "plan", "toy.yaml").stdout
    status = running.run(finished, "status", "toy.yaml", "--watch")
    assert "no driver" in status.stdout
    assert "md                2        2" in status.stdout


def test_the_report_cites_the_architectures_in_use_and_no_other(finished: Path) -> None:
    page = (finished / "store/reports/toy/report.html").read_text()
    cited = page.partition("<h2>Cite</h2>")[2].partition("</section>")[0]
    assert "<li>toy: a test&#39;s own pair potential</li>" in cited
    assert cited.count("<li>") == 1


def test_the_report_is_rebuilt_to_the_byte(copy: Path) -> None:
    page = copy / "store" / "reports" / "toy" / "report.html"
    before = page.read_bytes()
    shutil.rmtree(page.parent)
    assert running.run(copy, "report", "toy.yaml").returncode == 0
    assert page.read_bytes() == before


@pytest.mark.parametrize("verb", ["train", "md"])
def test_a_task_is_made_again_by_hand_identically(copy: Path, verb: str) -> None:
    (key, *_) = keys(copy, verb)
    shown = running.run(copy, "task", "show", key[:10])
    assert "state: done" in shown.stdout
    again = running.run(copy, "task", "run", key[:10])
    assert again.returncode == 0, again.stdout + again.stderr
    assert "identical to the committed one" in again.stdout


def test_a_changed_output_is_refused_downstream_and_named(copy: Path) -> None:
    (key,) = keys(copy, "build")
    victim = copy / "store" / "tasks" / key / "frames.npz"
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    (split,) = keys(copy, "split")
    again = running.run(copy, "task", "run", split)
    assert again.returncode == 65
    assert "was changed after its commit: frames.npz" in again.stderr + again.stdout


def test_an_edited_result_is_no_result(copy: Path) -> None:
    (key, *_) = keys(copy, "evaluate")
    path = copy / "store" / "tasks" / key / "result.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace('"rmse_meV_per_A": ', '"rmse_meV_per_A": 1000'))
    with running.cleaned(copy):
        again = running.run(copy, "run", "toy.yaml")
    assert again.returncode == 0
    assert again.stdout.count("was changed after its commit, it is made anew") == 1
    assert "11 tasks: 11 done" in running.run(copy, "plan", "toy.yaml").stdout


def flip(copy: Path, verb: str, name: str) -> Path:
    """Another last byte in one committed output."""
    victim = copy / "store" / "tasks" / keys(copy, verb)[0] / name
    victim.chmod(0o644)
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return victim


def test_a_report_leaves_out_what_was_changed_and_a_run_makes_it_anew(copy: Path) -> None:
    before = running.results(copy)
    victim = flip(copy, "analyse", "rdf.csv")
    with running.cleaned(copy):
        assert running.run(copy, "report", "toy.yaml").returncode == 0
        message = running.results(copy)
        assert any("they changed after their commit: analyse md=" in one for one in message["warnings"])
        assert message["tasks"] != before["tasks"]
        again = running.run(copy, "run", "toy.yaml")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "changed: analyse md=" in again.stdout
    assert victim.exists()
    assert running.results(copy) == before


ALL_ARE_LARGE = (
    "from mlipbench_hpc import cli; from mlipbench_hpc.runtime import look; look.SMALL_BYTES = -1; "
)


def test_a_large_file_that_was_changed_is_made_anew_when_somebody_needs_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that begins does not read it; an analysis with other blocks does, and what it lacks is made."""
    flip(copy, "md", "trajectory.nc")
    path = copy / "toy.yaml"
    path.write_text(path.read_text().replace("analysis:", "analysis:\n  blocks: 5"))
    code = f"{ALL_ARE_LARGE}import sys; sys.exit(cli.main(sys.argv[1:]))"
    monkeypatch.setattr(running, "COMMAND", [sys.executable, "-c", code])
    with running.cleaned(copy):
        again = running.run(copy, "run", "toy.yaml")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("changed: md md=crystal replica=") == 1
    assert "FAILED" not in again.stdout


def test_other_peoples_folders_are_never_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    precious = tmp_path / "code" / "main.py"
    precious.parent.mkdir()
    precious.write_text("precious")
    (tmp_path / "here.yaml").write_text(running.SITE)
    for words in (["clean"], ["plan", str(write_toy(tmp_path))]):
        assert main([*words, "--site", str(tmp_path / "here.yaml"), "--store", str(tmp_path)]) == 2
        assert "is no store" in capsys.readouterr().err
    assert precious.read_text() == "precious"


def test_a_remade_upstream_makes_its_descendants_anew(copy: Path) -> None:
    (key,) = keys(copy, "split")
    path = copy / "store" / "tasks" / key / "result.json"
    path.chmod(0o644)
    result = json.loads(path.read_text())
    result["values"]["train"] += 0.5
    path.write_text(json.dumps(result | {"manifest": manifest(result)}))
    status = running.run(copy, "status", "toy.yaml").stdout
    assert "stale" in status
    with running.cleaned(copy):
        assert running.run(copy, "run", "toy.yaml").returncode == 0
    assert len(list((copy / "store" / "attempts").glob("*stale*"))) == 9, "all but import and split"
    assert "removed 9 dead attempts" in running.run(copy, "clean").stdout


def test_mistakes_end_with_2_and_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text(TOY.replace("temperature: 40 K", "temperatur: 40 K"))
    site = tmp_path / "here.yaml"
    site.write_text(running.SITE)
    assert (
        main(["run", str(tmp_path / "bad.yaml"), "--site", str(site), "--store", str(tmp_path / "store")])
        == 2
    )
    text = capsys.readouterr().err
    assert "bad.yaml:15: md.crystal.temperatur" in text
    assert "did you mean `temperature`?" in text
    assert "bad.yaml:4: datasets.argon.file.path" in text
    assert "2 mistakes; nothing was run" in text
    assert not list((tmp_path / "store" / "tasks").iterdir())


def test_an_unknown_site_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(write_toy(tmp_path)), "--site", "nowhere"]) == 2
    text = capsys.readouterr().err
    assert "no site file campaigns/sites/nowhere.yaml; give the path of your own .yaml, or one of" in text


def test_without_a_checkout_a_campaign_needs_a_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plan", str(write_toy(tmp_path))]) == 2
    assert "your own .yaml, or go to the folder that holds campaigns/sites" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["schema"], ["schema", "--help"]])
def test_who_reads_no_further_sees_no_traceback(tmp_path: Path, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-m", "mlipbench_hpc.cli", *words]
    ended = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    os.close(writer)
    assert (ended.stderr, ended.returncode in (0, 1)) == ("", True)


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "committees" in json.loads(capsys.readouterr().out)["properties"]


def other_campaign(copy: Path) -> Path:
    """A campaign that needs another committee and shares the data with the first."""
    path = copy / "other.yaml"
    path.write_text(TOY.replace("members: 2", "members: 3").replace("name: toy", "name: other"))
    return path


def test_obsolete_results_are_listed_and_removed_only_with_a_yes(copy: Path) -> None:
    other_campaign(copy)
    before = set((copy / "store" / "tasks").iterdir())
    listed = running.run(copy, "clean", "--obsolete", "other.yaml")
    assert listed.returncode == 2
    assert "10 committed results (" in listed.stdout
    assert "train committee=pairs round=0 member=0" in listed.stdout
    assert "run again with --yes to remove them" in listed.stderr
    assert set((copy / "store" / "tasks").iterdir()) == before

    both = running.run(copy, "clean", "--obsolete", "other.yaml", "toy.yaml", "--yes")
    assert "0 committed results (0.0 MB) are needed by none of other.yaml, toy.yaml" in both.stdout
    assert set((copy / "store" / "tasks").iterdir()) == before

    with running.cleaned(copy):
        done = running.run(copy, "clean", "--obsolete", "other.yaml", "--yes")
        assert "10 obsolete results" in done.stdout
    left = [path.name for path in (copy / "store" / "tasks").iterdir()]
    assert left == keys(copy, "build"), "the imported dataset serves both"
    assert not list((copy / "store" / "attempts").iterdir())


def test_a_mistake_in_a_named_campaign_makes_nothing_obsolete(copy: Path) -> None:
    before = set((copy / "store" / "tasks").iterdir())
    (copy / "bad.yaml").write_text(TOY.replace("temperature", "temperatur"))
    assert running.run(copy, "clean", "--obsolete", "bad.yaml", "--yes").returncode == 2
    assert set((copy / "store" / "tasks").iterdir()) == before


def test_plan_says_why_committed_tasks_run_again(copy: Path) -> None:
    path = copy / "toy.yaml"
    path.write_text(TOY.replace("toy}", "toy, hyperparameters: {gaussians: 9}}"))
    planned = running.run(copy, "plan", "toy.yaml").stdout
    assert "  2 train: parameters changed: hyperparameters.gaussians 12 → 9" in planned
    assert "  2 evaluate: parameters changed: hyperparameters.gaussians 12 → 9" in planned
    assert "  1 calibrate: tasks that it consumes run again" in planned


def test_a_store_of_an_earlier_schema_stays_readable(copy: Path) -> None:
    """Every task's record as the first schema wrote it: results are shown, and what runs again is said."""
    for path in (copy / "store" / "tasks").glob("*/task.json"):
        record = json.loads(path.read_text()) | {"schema": 1}
        if record["architecture"]:
            record["architecture"] = {"name": "toy", "module": "mlipbench_toy", "digest": "0" * 64}
        aged = "f" * 8 + path.parent.name[8:]
        path.chmod(0o644)
        path.write_text(json.dumps(record | {"key": aged}))
        path.parent.chmod(0o755)
        path.parent.rename(path.parent.with_name(aged))
    planned = running.run(copy, "plan", "toy.yaml")
    assert "11 to run" in planned.stdout
    assert "  2 train: keys of an earlier version of this suite (schema 1, now 2)" in planned.stdout
    name = next(path.name for path in (copy / "store" / "tasks").iterdir())
    assert '"schema": 1' in running.run(copy, "task", "show", name).stdout
    again = running.run(copy, "task", "run", name)
    assert (again.returncode, "task.json has schema 1" in again.stderr) == (2, True)
    page = copy / "store/reports/toy/report.html"
    before = page.read_bytes()
    refused = running.run(copy, "report", "toy.yaml")
    assert (refused.returncode, "the earlier report stays" in refused.stderr) == (2, True)
    assert page.read_bytes() == before


def test_a_task_of_other_source_is_not_run_under_its_old_key(copy: Path) -> None:
    """Its result would be committed as that of the source it was planned with."""
    (key, *_) = keys(copy, "train")
    path = copy / "store/tasks" / key / "task.json"
    task = Task.from_json(json.loads(path.read_text()))
    other = replace(task, version=task.version + 1)
    folder = copy / "store/attempts" / f"{other.key}-0"
    folder.mkdir()
    (folder / "task.json").write_text(json.dumps(other.to_json()))
    ended = running.run(copy, "task", "run", other.key)
    assert ended.returncode == 2
    assert (
        f"verb train is at version {task.version} here, the task was planned with {other.version}"
        in ended.stderr
    )

from pathlib import Path

import pytest

from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.container import argv, environ
from mlipbench_hpc.runtime.environments import Environment, EnvironmentMissing

ENVIRONMENT = Environment("mace", Path("/envs/mace"))


def test_a_worker_is_an_argv_list() -> None:
    assert argv(ENVIRONMENT) == ["/envs/mace/bin/python", "-m", "mlipbench_hpc.worker", "task.json"]
    assert argv(ENVIRONMENT, commit=False)[-1] == "--keep"


def test_only_named_variables_pass() -> None:
    task = Task("md", 1, "mace", "venv:0", {"threads": 3})
    outside = {
        "HOME": "/home/u",
        "PYTHONPATH": "/evil",
        "LD_PRELOAD": "x.so",
        "AWS_SECRET": "s",
        "CUDA_VISIBLE_DEVICES": "2",
    }
    found = environ(ENVIRONMENT, task, Path("/store/code/x"), outside)
    assert found["PYTHONPATH"] == "/store/code/x"
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["CUDA_VISIBLE_DEVICES"] == "2"
    assert not {"LD_PRELOAD", "AWS_SECRET"} & set(found)


def fake(root: Path, scripts: str = "#!/one/bin/python") -> Environment:
    info = root / "lib/python3.11/site-packages/thing-1.0.dist-info"
    info.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "bin" / "python").touch()
    (root / "pyvenv.cfg").write_text("home = /usr\nversion = 3.11.7\n")
    (info / "METADATA").write_text("Name: thing\nVersion: 1.0\n")
    lines = [
        f"../../../bin/thing,sha256={scripts},9",
        "thing.py,sha256=abc,3",
        "__pycache__/thing.pyc,,",
        "thing-1.0.dist-info/INSTALLER,sha256=pip,3",
    ]
    (info / "RECORD").write_text("\n".join(lines))
    return Environment("thing", root)


def test_the_same_lock_is_the_same_environment_wherever_it_is(tmp_path: Path) -> None:
    one, two = fake(tmp_path / "one"), fake(tmp_path / "two", "#!/two/bin/python")
    assert one.identity == two.identity
    assert one.packages() == {"thing": "1.0"}


def test_a_changed_package_is_another_environment(tmp_path: Path) -> None:
    one, two = fake(tmp_path / "one"), fake(tmp_path / "two")
    record = tmp_path / "two/lib/python3.11/site-packages/thing-1.0.dist-info/RECORD"
    record.write_text(record.read_text().replace("abc", "abd"))
    assert one.identity != two.identity


def test_a_missing_environment_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="make setup ENVS=mace"):
        _ = Environment("mace", tmp_path / "nothing").identity

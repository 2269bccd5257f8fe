"""Command lines and environments of workers, and what a virtual environment is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlipbench_hpc.campaign.site import LocalSite
from mlipbench_hpc.contract.task import Resources, Task
from mlipbench_hpc.runtime.container import Place, command
from mlipbench_hpc.runtime.endings import lost
from mlipbench_hpc.runtime.environments import Environment, EnvironmentMissing
from mlipbench_hpc.runtime.images import Entry, Image
from mlipbench_hpc.runtime.own_lammps import LammpsRefused, OwnLammps, own_lammps

ENVIRONMENT = Environment("mace", Path("/envs/mace"))
ENTRY = Entry("mace", "cpu", "mace.sif", "r", "5" * 64, "f", 1, "debian:0", {}, {})
IMAGE = Image(ENTRY, Path("/images/mace.sif"))
PLACE = Place(Path("/st,o:re"), Path("/st,o:re/attempts/a"), Path("/st,o:re/code/x"))
TASK = Task("md", 1, "mace", "venv:0", {"threads": 3})
OUTSIDE = {
    "HOME": "/home/u",
    "PATH": "/usr/bin",
    "PYTHONPATH": "/evil",
    "LD_PRELOAD": "x.so",
    "AWS_SECRET": "s",
    "APPTAINER_BIND": "/secret",
    "APPTAINERENV_PYTHONPATH": "/evil",
    "CUDA_VISIBLE_DEVICES": "2",
}


def test_a_worker_is_an_argv_list() -> None:
    start = command(ENVIRONMENT, TASK, PLACE, {})
    assert start.argv == ["/envs/mace/bin/python", "-m", "mlipbench_hpc.worker", "task.json"]
    assert not start.contained
    assert command(ENVIRONMENT, TASK, PLACE, {}, commit=False).argv[-1] == "--keep"


def test_only_named_variables_pass() -> None:
    place = Place(Path("/store"), Path("/store/attempts/a"), Path("/store/code/x"))
    result = command(ENVIRONMENT, TASK, place, OUTSIDE).environ
    assert result["PYTHONPATH"] == "/store/code/x"
    assert result["OMP_NUM_THREADS"] == "3"
    assert result["CUDA_VISIBLE_DEVICES"] == "2"
    assert not {"LD_PRELOAD", "AWS_SECRET"} & set(result)


def test_a_contained_worker_sees_the_store_and_nothing_else() -> None:
    start = command(IMAGE, TASK, PLACE, OUTSIDE, {"MLIPBENCH_ATTEMPT": "a-0"})
    worker = start.argv.index("/images/mace.sif")
    assert start.argv[worker + 1 :] == [
        "/opt/environment/bin/python", "-m", "mlipbench_hpc.worker", "task.json",
    ]  # fmt: skip
    options = start.argv[:worker]
    assert options[:3] == ["apptainer", "--quiet", "exec"]
    assert {"--containall", "--no-home", "--pwd=/st,o:re/attempts/a"} < set(options)
    assert "--nv" not in options
    assert [option for option in options if option.startswith("--mount")] == [
        '--mount=type=bind,"src=/st,o:re","dst=/st,o:re"',
        '--mount=type=bind,"src=/st,o:re/inputs","dst=/st,o:re/inputs",ro',
        '--mount=type=bind,"src=/st,o:re/code/x",dst=/opt/mlipbench,ro',
    ]
    variables = dict(option[6:].split("=", 1) for option in options if option.startswith("--env="))
    assert variables["PYTHONPATH"] == "/opt/mlipbench"
    assert variables["MLIPBENCH_ATTEMPT"] == "a-0"
    assert variables["LD_LIBRARY_PATH"] == "/opt/environment/lib"
    assert not {"HOME", "LD_PRELOAD", "AWS_SECRET"} & set(variables)
    assert start.environ == {"HOME": "/home/u", "PATH": "/usr/bin"}
    assert start.contained


def test_a_task_on_a_gpu_asks_apptainer_for_it() -> None:
    task = Task("md", 1, "mace", "image:0", {"device": "cuda"}, resources=Resources(gpus=1))
    assert "--nv" in command(IMAGE, task, PLACE, OUTSIDE).argv


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a", "--env=M=a"), ("a,b", "--env=M=a,b"), ("a=b,c", '--env="M=a=b,c"'), ('"q"', '--env="M=""q"""')],
)
def test_values_with_commas_and_quotes_reach_apptainer_whole(value: str, shown: str) -> None:
    assert shown in command(IMAGE, TASK, PLACE, {}, {"M": value}).argv


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "killed by SIGKILL"),
        (137, "killed by SIGKILL"),
        (143, "killed by SIGTERM"),
        (255, "ended with 255"),
    ],
)
def test_an_end_without_a_record_is_put_into_words(code: int, words: str) -> None:
    """Apptainer ends with 128 and a signal's number, and with 255 when it cannot start at all."""
    assert words in lost(code)


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


def lammps_in(folder: Path, library: bytes = b"ELF") -> OwnLammps:
    package = folder / "lammps"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "liblammps.so").write_bytes(library)
    return OwnLammps(folder)


def test_a_lammps_of_the_sites_own_comes_before_the_environments(tmp_path: Path) -> None:
    own = lammps_in(tmp_path / "own")
    result = command(replace(ENVIRONMENT, lammps=own), TASK, PLACE, {}).environ
    assert result["PYTHONPATH"] == f"{PLACE.code}:{own.folder}"
    argv = command(replace(IMAGE, lammps=own), TASK, PLACE, {}).argv
    assert f"--mount=type=bind,src={own.folder},dst=/opt/lammps,ro" in argv
    assert "--env=PYTHONPATH=/opt/mlipbench:/opt/lammps" in argv


def test_its_bytes_are_part_of_the_environments_identity(tmp_path: Path) -> None:
    bare = fake(tmp_path / "venv")
    one, same = lammps_in(tmp_path / "one"), lammps_in(tmp_path / "same")
    other = lammps_in(tmp_path / "other", b"another")
    (tmp_path / "same" / "lammps" / "__init__.pyc").touch()
    result = [replace(bare, lammps=own).identity for own in (one, same, other)]
    assert result[0] == result[1] != result[2]
    assert result[0].startswith(f"{bare.identity}+lammps:")
    assert replace(IMAGE, lammps=one).identity == f"{IMAGE.identity}+{one.identity}"
    replace(bare, lammps=one).describe(tmp_path)
    rest = [json.loads(path.read_text()) for path in (tmp_path / "environments").iterdir()]
    assert [record["identity"] for record in rest] == [result[0]]


def test_a_folder_without_a_lammps_is_refused(tmp_path: Path) -> None:
    site = LocalSite(name="here", scheduler="local", lammps={"mace": str(tmp_path / "own")})
    with pytest.raises(LammpsRefused, match=r"holds no __init__\.py and no liblammps"):
        own_lammps("mace", site)
    lammps_in(tmp_path / "own")
    assert own_lammps("mace", site) == OwnLammps(tmp_path / "own")
    assert own_lammps("deepmd", site) is None
    with pytest.raises(LammpsRefused, match="has a colon"):
        lammps_in(tmp_path / "a:b").check()

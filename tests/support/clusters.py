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
from typing import Any

import pytest

NODES, GPUS, CORES = 2, 4, 8
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scancel", "sinfo")
PBS = Path(__file__).with_name("pbs.py")


def both() -> Any:
    """What does not depend on the scheduler: `make test` takes SLURM, `make test-full` the stand-in too."""
    stand_in = pytest.param("pbs", marks=[pytest.mark.pbs, pytest.mark.slow])
    return pytest.mark.parametrize("cluster", ["slurm", stand_in], indirect=True)


def missing() -> list[str]:
    """What a real SLURM needs and this machine lacks."""
    result = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    return result if os.geteuid() == 0 else [*result, "root"]


class Slurm:
    """The scheduler that `slurm()` started; environ is what a command needs to find it."""

    kind = "slurm"
    commands = ("sbatch", "squeue", "scancel")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"SLURM_CONF": str(root / "slurm.conf")}
        # Nobody else's on this machine, so that several may run beside each other.
        self.own = f"p{os.getpid()}n"
        self.ports = free_ports(1 + NODES)
        self.devices = [Path(f"/dev/testgpu{self.own}{number}") for number in range(GPUS)]
        self.daemons: list[subprocess.Popen[bytes]] = []

    def site(self, walltime: str = "2 min", blocks: int = 1, gpus: int = 2, **more: object) -> str:
        """A site file for it."""
        return site("slurm", "partition: gpu, exclusive: true", walltime, blocks, gpus, more)

    def jobs(self, states: str = "PENDING,RUNNING") -> list[str]:
        """Ids of all jobs in such states."""
        return self._run("squeue", "--noheader", f"--states={states}", "--format=%i").split()

    def cancel(self, job: str) -> None:
        """As its user would."""
        self._run("scancel", job)

    def node(self, job: str) -> str:
        """Where a job runs."""
        return self._run("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()

    def crash(self, job: str) -> None:
        """The node of a running job loses its power: slurmd and all that it ran."""
        node = self.node(job)
        everything = [*_with("SLURMD_NODENAME", node), *_with("TEST_NODE", node)]
        assert everything, f"nothing runs on {node}"
        _kill(everything)

    def lose_slurmd(self, job: str) -> None:
        """slurmd of a running job's node dies alone; what it started lives on."""
        result = [daemon for daemon in self.daemons if daemon.args[:3] == ["slurmd", "-N", self.node(job)]]
        assert result, self.node(job)
        result[-1].kill()

    def mend(self) -> None:
        """Every node is up and answers again."""
        for daemon in [one for one in self.daemons if one.poll() is not None]:
            self.daemons.remove(daemon)
            self.daemons.append(_slurmd(self, daemon.args[2]))
        _wait_for_nodes(self)

    def names(self) -> list[str]:
        """Of its nodes."""
        return [f"{self.own}{number}" for number in range(NODES)]

    def configuration(self) -> str:
        """slurm.conf: everything below one folder, everything on the loopback."""
        host = socket.gethostname()
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CORES} "
            f"Boards=1 SocketsPerBoard=1 CoresPerSocket={CORES} ThreadsPerCore=1 RealMemory=4000 "
            f"Gres=gpu:a100:{GPUS} State=UNKNOWN"
            for name, port in zip(self.names(), self.ports[1:], strict=True)
        )
        return f"""\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={self.ports[0]}
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
SlurmdTimeout=10
KillWait=3
SlurmdParameters=config_overrides
{nodes}
PartitionName=gpu Nodes={",".join(self.names())} Default=YES MaxTime=60 State=UP
"""

    def _run(self, *command: str) -> str:
        environ = os.environ | self.environ
        return subprocess.run(command, check=True, env=environ, capture_output=True, text=True).stdout


@contextmanager
def slurm(root: Path) -> Iterator[Slurm]:
    """A running SLURM whose files are below `root`; nothing of it is left afterwards."""
    result = Slurm(root)
    for name in ("munge", "state", *[f"spool/{name}" for name in result.names()]):
        (root / name).mkdir(parents=True)
    for device in result.devices:
        os.mknod(device, 0o666 | 0o020000, os.makedev(1, 3))
    (root / "slurm.conf").write_text(result.configuration())
    files = ",".join(map(str, result.devices))
    lines = [f"NodeName={name} Name=gpu Type=a100 File={files}" for name in result.names()]
    (root / "gres.conf").write_text("\n".join(["AutoDetect=off", *lines]) + "\n")
    result.daemons = _daemons(result)
    try:
        _wait_for_nodes(result)
        yield result
    finally:
        with suppress(subprocess.CalledProcessError):
            result._run("scancel", f"--user={getpass.getuser()}")
            _until(lambda: not result.jobs(), 15)
        for daemon in reversed(result.daemons):
            daemon.terminate()
        for daemon in result.daemons:
            daemon.wait(timeout=20)
        for device in result.devices:
            device.unlink(missing_ok=True)


def _daemons(result: Slurm) -> "list[subprocess.Popen[bytes]]":
    root = result.root
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
    return started + [_slurmd(result, name) for name in result.names()]


def _slurmd(result: Slurm, name: str) -> "subprocess.Popen[bytes]":
    command = ["slurmd", "-N", name, "-D", "-f", str(result.root / "slurm.conf")]
    return _start(result.root, command, name)


def free_ports(count: int) -> list[int]:
    """TCP ports that nobody listens on."""
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


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


def _wait_for_nodes(result: Slurm) -> None:
    def idle() -> bool:
        with suppress(subprocess.CalledProcessError):
            return len(result._run("sinfo", "-h", "-N", "-t", "idle").splitlines()) == NODES
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
    commands = ("qsub", "qstat", "qselect", "qdel", "pbsnodes")

    def __init__(self, root: Path, history: bool) -> None:
        self.root = root
        (root / "bin").mkdir()
        (root / "jobs").mkdir()
        for name in self.commands:
            program = root / "bin" / name
            program.write_text(f"#!{sys.executable}\n{PBS.read_text()}")
            program.chmod(0o755)
        path = f"{root / 'bin'}:{os.environ['PATH']}"
        self.environ = {"PATH": path, "PBS_STAND_IN": str(root / "jobs"), "PBS_SLOTS": str(NODES)}
        self.environ |= {"PBS_HISTORY": "1" if history else ""}

    def site(self, walltime: str = "2 min", blocks: int = 1, gpus: int = 2, **more: object) -> str:
        """A site file for it."""
        return site("pbs", "queue: gpu", walltime, blocks, gpus, more)

    def names(self) -> list[str]:
        """Of its nodes."""
        return [f"p{number}" for number in range(NODES)]

    def jobs(self, states: str = "HQR") -> list[str]:
        """Ids of all jobs in such states."""
        result = [json.loads(path.read_text()) for path in (self.root / "jobs").glob("*.json")]
        return [job["id"] for job in result if job["state"] in states]

    def crash(self, job: str) -> None:
        """The node of a running job loses its power; the server goes on to say that it runs."""
        _kill([*_with("PBS_JOBID", job), *_with("PBS_SHEPHERD", job)])

    def mend(self) -> None:
        """Nothing to do: its nodes are slots."""

    def cancel(self, job: str) -> None:
        """As its user would."""
        subprocess.run(["qdel", job], check=True, env=os.environ | self.environ)


@contextmanager
def pbs(root: Path, history: bool = False) -> Iterator[Pbs]:
    """The stand-in; its jobs are ended afterwards. history: whether it remembers jobs that are over."""
    result = Pbs(root, history)
    try:
        yield result
    finally:
        for path in (root / "jobs").glob("*.json"):
            with suppress(ProcessLookupError, KeyError):
                os.killpg(json.loads(path.read_text())["pid"], signal.SIGKILL)


def site(kind: str, own: str, walltime: str, blocks: int, gpus: int, more: dict[str, object]) -> str:
    """A site file: short polls, because these tests are; few workers, as each costs a start of Python."""
    lines = "".join(f"{name}: {value}\n" for name, value in more.items())
    return (
        f"name: tests\nscheduler: {kind}\nruntime: venv\npoll: 1 s\nidle_limit: 20 s\n"
        f"scheduler_timeout: 10 s\n{lines}nodes:\n  gpu: {{{own}, cores_per_node: {CORES}, "
        f"gpus_per_node: {gpus}, walltime: {walltime}, max_blocks: {blocks}}}\n"
    )

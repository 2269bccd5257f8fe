"""From a site to a running Parsl: the only module that imports it."""

import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import parsl
from parsl.app.python import PythonApp
from parsl.config import Config
from parsl.dataflow.dflow import DataFlowKernel
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.runtime import processes
from mlipbench_hpc.runtime.launch import launch

LABEL = "local"
HEARTBEAT_S, LOST_AFTER_S = 2, 10


class Pool:
    """A HighThroughputExecutor with `slots` workers on this machine; memoization and retries stay off."""

    def __init__(self, slots: int, store: Store) -> None:
        self.folder = _private_folder(store.root)
        # Parsl looks for interchange.py and process_worker_pool.py on PATH, whatever the venv.
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        # All of Parsl's processes inherit these marks, so that none of them can be left behind.
        os.environ |= {processes.STORE: store.name, processes.POOL: self.folder.name}
        self.executor = _executor(slots)
        config = Config(
            executors=[self.executor],
            run_dir=str(self.folder),
            retries=0,
            strategy="simple",
            strategy_period=1,
            max_idletime=86400.0,
        )
        self.kernel: DataFlowKernel = parsl.load(config)
        self._app = PythonApp(launch, data_flow_kernel=self.kernel, executors=[LABEL])

    def submit(self, *arguments: Any) -> "Future[int]":
        """Queue launch(argv, folder, environ, log); the future holds the exit code."""
        future: Future[int] = self._app(*arguments)
        return future

    def is_broken(self) -> bool:
        """Whether the interchange died or Parsl gave the executor up: a new pool is needed."""
        process = self.executor.interchange_proc
        return process is None or process.poll() is not None or bool(self.executor.bad_state_is_set)

    def close(self) -> None:
        """Stop Parsl's processes, also those whose parent was killed, and forget its folder."""
        self.kernel.cleanup()
        parsl.clear()
        processes.kill(processes.POOL, self.folder.name)
        shutil.rmtree(self.folder, ignore_errors=True)


def _executor(slots: int) -> HighThroughputExecutor:
    return HighThroughputExecutor(
        label=LABEL,
        address="127.0.0.1",
        max_workers_per_node=slots,
        cores_per_worker=1e-3,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        heartbeat_period=HEARTBEAT_S,
        heartbeat_threshold=LOST_AFTER_S,
        interchange_launch_cmd=[sys.executable, "-m", "mlipbench_hpc.runtime.interchange", str(os.getpid())],
        encrypted=True,
    )


def _private_folder(store: Path) -> Path:
    """Parsl hands this path to a shell unquoted, so a store with unusual characters gets a temporary one."""
    room = store / "parsl"
    plain = re.fullmatch(r"[A-Za-z0-9_./+-]+", str(room.resolve()))
    if plain:
        room.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-" if plain else "mlipbench-", dir=room if plain else None))


def slots(site: Site) -> int:
    """How many tasks run at a time."""
    cores = site.cores or len(os.sched_getaffinity(0))
    return max(1, cores // site.threads_per_task)

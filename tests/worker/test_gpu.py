"""A GPU that is asked for and not there is missed at once, in words."""

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_OF_FAILURE, Task, TransientFailure
from mlipbench_hpc.worker import __main__ as worker
from mlipbench_hpc.worker.gpu import require_gpu


def driver(monkeypatch: pytest.MonkeyPatch, init: int, gpus: int) -> None:
    """A stand-in of the NVIDIA driver's library."""

    def count(reference: Any) -> int:
        reference._obj.value = gpus
        return 0

    library = SimpleNamespace(cuInit=lambda flags: init, cuDeviceGetCount=count)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)


def test_no_driver_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(TransientFailure, match=r"nothing\.so cannot be loaded .*CUDA_VISIBLE_DEVICES is '3'"):
        require_gpu("nothing.so")


def test_what_the_driver_says_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, 100, 1)
    with pytest.raises(TransientFailure, match="answers with error 100"):
        require_gpu()
    driver(monkeypatch, 0, 0)
    with pytest.raises(TransientFailure, match="shows none"):
        require_gpu()
    driver(monkeypatch, 0, 2)
    assert require_gpu() == 2


def test_a_task_for_a_gpu_fails_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(f"{name}: no such file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    store = Store(tmp_path / "store")
    store.create()
    attempt = store.begin(Task("md", 1, "mace", "image:0", {"device": "cuda"}))
    assert worker.attempt(attempt, None, commit=True) == EXIT_OF_FAILURE["transient"]
    assert "needs a GPU, but none is visible" in read_json(attempt / "failure.json")["message"]

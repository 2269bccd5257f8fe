"""speed as the worker runs it: sizes, what ends a scan, an interruption, and engines that miscompute."""

import ctypes
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from driving import MODEL, md, stop

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, Task
from mlipbench_hpc.worker import machine, speed
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.copies import doubled, repeated
from mlipbench_hpc.worker.engines.system import System
from tests.plugins.argon.adapter import CUTOFF, Argon

ATOMS, FIXED = 32, [0, 3]
ASKED: dict[str, Any] = {
    "replica": 0, "seed": 3, "temperature": 60.0, "timestep": 0.004,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.1, "length": 3},
    "fixed_atoms": FIXED, "fixed_layers": None, "wall": "none", "start_frame": 0, "engine": "ase",
    "warm_up": 2, "blocks": 5, "block_time": 0.01, "scan_time": 300.0, "copies": 4, "cutoff": CUTOFF,
    "hardware": "here",
}  # fmt: skip


def argon(edges: tuple[int, int, int] = (2, 2, 2)) -> Atoms:
    """A crystal of argon, a little disturbed."""
    atoms = bulk("Ar", "fcc", a=5.4, cubic=True) * edges
    atoms.positions += np.random.default_rng(0).normal(scale=0.05, size=atoms.positions.shape)
    return atoms


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def task(store: Store, atoms: Atoms | None = None, **changes: Any) -> Task:
    """A speed task of the argon model, whose upstream is committed."""
    return replace(md(store, atoms or argon()), verb="speed", parameters=ASKED | MODEL | changes)


def run(store: Store, asked: Task) -> dict[str, Any]:
    """Values of an attempt that must succeed."""
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True) == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(asked.key)
    assert result is not None
    values: dict[str, Any] = result["values"]
    return values


def failure(store: Store, asked: Task) -> str:
    """Message of an attempt that must fail."""
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True) == EXIT_OF_FAILURE["architecture"]
    return str(read_json(folder / "failure.json")["message"])


def test_sizes_double_and_say_what_was_computed(store: Store) -> None:
    values = run(store, task(store))
    sizes = values["sizes"]
    assert [size["atoms"] for size in sizes] == [32, 64, 128]
    assert [size["mobile"] for size in sizes] == [30, 60, 120]
    assert [size["repeats"] for size in sizes] == [[1, 1, 1], [2, 1, 1], [2, 2, 1]]
    assert values["ended"] == {"by": "copies", "sentence": "4 copies were asked for at most"}
    atoms = argon()
    for size in sizes:
        copies = atoms.repeat(size["repeats"])
        assert size["edges"] == neighbours(copies)
        copies.calc = Argon()
        assert size["energy_eV"] == pytest.approx(copies.get_potential_energy(), abs=1e-9)
    for size in sizes:
        assert len(size["seconds_per_step"]) == 5
        assert min(size["seconds_per_step"]) > 0
        spent = size["steps_per_block"] * sum(size["seconds_per_step"]) + size["warm_up_s"] + size["first_s"]
        assert spent <= size["wall_s"]
    assert (values["cutoff_A"], sizes[0]["skin_A"], values["engine"]) == (CUTOFF, 0.0, "ase")
    assert values["hardware"]["processor"]
    assert values["hardware"]["gpu"] is None


def neighbours(atoms: Atoms) -> int:
    """Pairs within the cutoff, both directions, over explicit images."""
    count, cell = 0, np.asarray(atoms.cell)
    for shift in np.ndindex(3, 3, 3):
        apart = atoms.positions[None] - atoms.positions[:, None] + (np.array(shift) - 1) @ cell
        distances = np.sqrt((apart**2).sum(axis=-1))
        count += int(((distances < CUTOFF) & (distances > 0)).sum())
    return count


def clocked(monkeypatch: pytest.MonkeyPatch, first_s: float, step_s: float) -> None:
    """A clock that stands still but while the calculator computes: `first_s` at first, then `step_s` each."""
    now = [0.0]

    def computing(self: Argon, *given: Any, **more: Any) -> None:
        now[0] += step_s if now[0] else first_s
        computed(self, *given, **more)

    computed = Argon.calculate
    monkeypatch.setattr(Argon, "calculate", computing)
    monkeypatch.setattr(speed.Parity, "check", lambda *given: None)
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: now[0]))


def test_a_step_takes_what_it_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second until first forces, then 30 ms each: four steps are the fewest that take 0.1 s."""
    clocked(monkeypatch, 0.5, 0.03)
    (size,) = run(store, task(store, copies=1, block_time=0.1))["sizes"]
    assert size["first_s"] == pytest.approx(0.5)
    assert size["warm_up_s"] == pytest.approx(2 * 0.03)
    assert size["steps_per_block"] == 4
    assert size["seconds_per_step"] == pytest.approx([0.03] * 5)


def test_blocks_are_as_long_as_they_should_be_where_a_call_takes_longer_than_a_step() -> None:
    """0.2 ms for a call, 5 µs for a step: 100 ms are 19,960 steps, not the 488 that single ones suggest."""
    now = [0.0]
    engine = SimpleNamespace(advance=lambda steps: now.__setitem__(0, now[0] + 2e-4 + 5e-6 * steps))
    scan = object.__new__(speed.Scan)
    scan.context = SimpleNamespace(parameters={"block_time": 0.1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        steps, spent = scan.block_length(engine, 2.05e-4)
    assert 0.05 < 2e-4 + 5e-6 * steps < 0.12
    assert spent == pytest.approx(now[0])


def test_a_scan_ends_before_the_size_that_would_take_too_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start alone takes 0.5 + 2 x 1 + 5 x 1 s, two copies at most 2 x 2.5 + 5 x 2 s more: 22.5 s."""
    for limit, sizes in ((22.4, 1), (22.6, 2)):
        with monkeypatch.context() as patch:
            clocked(patch, 0.5, 1.0)
            values = run(store, task(store, copies=2, scan_time=limit))
        assert len(values["sizes"]) == sizes
        assert values["ended"]["by"] == ("time" if sizes == 1 else "copies")


def test_time_ends_a_scan(store: Store) -> None:
    values = run(store, task(store, scan_time=1e-3))
    assert [size["copies"] for size in values["sizes"]] == [1]
    assert values["ended"]["by"] == "time"
    assert "with 2 copies it would take" in values["ended"]["sentence"]


def test_memory_that_would_not_do_ends_a_scan(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 GiB with the start alone, 1 GiB of it before: twice 29 and 1 are more than the 40 that are left."""
    gib = 2**30
    monkeypatch.setattr(machine, "used_bytes", lambda: gib)
    monkeypatch.setattr(machine, "peak_bytes", lambda: 30 * gib)
    monkeypatch.setattr(machine, "free_bytes", lambda: 39 * gib)
    values = run(store, task(store))
    assert len(values["sizes"]) == 1
    assert values["ended"] == {"by": "memory", "sentence": "2 copies need about 59.0 GiB of 40.0 GiB"}
    monkeypatch.setattr(machine, "free_bytes", lambda: 59 * gib)
    assert len(run(store, task(store, seed=4))["sizes"]) == 3


def broken(monkeypatch: pytest.MonkeyPatch, atoms: int, error: Exception) -> None:
    """Engines of so many atoms raise this error."""
    make = speed.start_engine

    def raising(context: Any, start: Any, potential: Any) -> Any:
        if len(start.system.start) >= atoms:
            raise error
        return make(context, start, potential)

    monkeypatch.setattr(speed, "start_engine", raising)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("none left"),
        RuntimeError("CUDA out of memory. Tried"),
        RuntimeError("RESOURCE_EXHAUSTED: x"),
    ],
)
def test_memory_that_runs_out_ends_a_scan(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    broken(monkeypatch, 64, error)
    values = run(store, task(store))
    assert [size["copies"] for size in values["sizes"]] == [1]
    assert values["ended"] == {"by": "memory", "sentence": f"2 copies: {error}"}


def test_another_error_is_a_failure_and_so_is_memory_for_the_start(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, 64, RuntimeError("no such kernel"))
    assert "no such kernel" in failure(store, task(store))
    broken(monkeypatch, 32, MemoryError("none left"))
    folder = store.begin(asked := task(store, seed=4))
    assert attempt(folder, None, commit=True) == EXIT_OF_FAILURE["resource"], asked.key


def test_a_scan_that_the_kernel_ended_goes_no_further(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt dies with 4 copies; the next one, with smaller batches, keeps what was timed."""
    asked = task(store)
    with monkeypatch.context() as patch:
        broken(patch, 128, KeyboardInterrupt("killed"))
        assert attempt(store.begin(asked), None, commit=True) != EXIT_COMMITTED
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True, smaller_by=8) == EXIT_COMMITTED
    values = (store.result(asked.key) or {})["values"]
    assert [size["copies"] for size in values["sizes"]] == [1, 2]
    assert "an attempt with 4 copies or more was ended for want of memory" in values["ended"]["sentence"]


def test_sizes_that_were_timed_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = task(store)
    first = store.begin(asked)
    stop(first, 2 + ASKED["blocks"], monkeypatch)  # one check as the verb begins, and one for the size
    (kept,) = read_json(next((first / "checkpoint").glob("0*")) / "sizes.json")["sizes"]
    values = run(store, asked)
    assert values["sizes"][0] == kept
    assert [size["copies"] for size in values["sizes"]] == [1, 2, 4]


def test_sizes_of_another_machine_are_timed_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = task(store)
    first = store.begin(asked)
    stop(first, 2 + ASKED["blocks"], monkeypatch)
    (kept,) = read_json(next((first / "checkpoint").glob("0*")) / "sizes.json")["sizes"]
    monkeypatch.setattr(machine, "processor", lambda: "another one")
    assert run(store, asked)["sizes"][0]["wall_s"] != kept["wall_s"]


def test_an_engine_that_does_not_compute_the_copies_is_a_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = Argon.calculate

    def short(self: Argon, *given: Any, **more: Any) -> None:
        computed(self, *given, **more)
        if len(self.atoms) > ATOMS:
            self.results["energy"] *= 0.9

    monkeypatch.setattr(Argon, "calculate", short)
    assert "eV/atom apart, limit 1e-05; the engine does not compute systems of this size" in failure(
        store, task(store)
    )


def test_a_cluster_is_timed_as_it_is(store: Store) -> None:
    atoms = argon()
    atoms.pbc = False
    values = run(store, task(store, atoms))
    assert len(values["sizes"]) == 1
    assert values["ended"]["sentence"].startswith("no direction is periodic")


def test_films_grow_along_the_surface_and_fixed_atoms_with_them() -> None:
    system = System.prepare(Atoms("Ar4", np.eye(4, 3), cell=[9.0, 8.0, 3.0], pbc=True), [0])
    assert doubled(system, (1, 1, 1), is_film=False) == (1, 1, 2)
    assert doubled(system, (1, 1, 1), is_film=True) == (1, 2, 1)
    assert doubled(system, (1, 2, 1), is_film=True) == (2, 2, 1)
    both = repeated(system, (1, 2, 1))
    np.testing.assert_array_equal(both.mobile, [1, 2, 3, 5, 6, 7])
    np.testing.assert_allclose(both.start.positions[4:], system.start.positions + np.array([0.0, 8.0, 0.0]))
    np.testing.assert_allclose(both.start.cell.lengths(), [9.0, 16.0, 3.0])


def test_what_linux_says_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "PROCESSOR": "processor\t: 0\nmodel name\t: Xeon 9 @ 2 GHz\n",
        "MEMORY": "MemAvailable:   2048 kB\n",
    }
    files |= {"LIMIT": "max\n", "CURRENT": "100\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(machine, name, tmp_path / name)
    assert machine.processor() == "Xeon 9 @ 2 GHz"
    assert machine.free_bytes() == 2048 * 1024
    (tmp_path / "LIMIT").write_text("1100\n")
    assert machine.free_bytes() == 1000
    (tmp_path / "PROCESSOR").unlink()
    assert machine.processor() == machine.platform.machine()


def test_a_gpu_is_named_by_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(buffer: Any, _length: int, _device: Any) -> int:
        buffer.value = b"NVIDIA H200"
        return 0

    library = SimpleNamespace(
        cuInit=lambda flags: 0, cuDeviceGet=lambda device, number: 0, cuDeviceGetName=name
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert machine.hardware("cuda")["gpu"] == "NVIDIA H200"
    library.cuInit = lambda flags: 100
    assert machine.gpu() is None


def test_the_record_is_json_without_surprises(store: Store) -> None:
    """What a report reads."""
    values = run(store, task(store, copies=1))
    assert json.loads(json.dumps(values, allow_nan=False)) == values

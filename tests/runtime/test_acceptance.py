"""What images must pass, on packages and products that are known to be wrong."""

import importlib.util
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

HERE = Path(__file__).parents[2] / "containers"
SPEC = importlib.util.spec_from_file_location("acceptance", HERE / "acceptance.py")
assert SPEC is not None
assert SPEC.loader is not None
acceptance = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(acceptance)


def tf32(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ten bits of the mantissa, as the tensor cores of GPUs keep them."""
    return (matrix.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


def test_products_in_their_own_precision_pass() -> None:
    acceptance.products(lambda one, other: one @ other)


def test_products_of_less_precision_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"a product of float32 errs by \d\.\de-0[34]"):
        acceptance.products(lambda a, b: tf32(a) @ tf32(b) if a.dtype == np.float32 else a @ b)
    with pytest.raises(AssertionError, match="a product of float64 errs by"):
        acceptance.products(lambda a, b: (a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype))


def test_products_of_another_dtype_are_refused() -> None:
    """As JAX without its 64 bits gives them, and TensorFlow's numpy mode."""
    with pytest.raises(AssertionError, match="a product of float64 comes as float32"):
        acceptance.products(lambda a, b: a.astype(np.float32) @ b.astype(np.float32))
    with pytest.raises(AssertionError, match="a product of float32 comes as float64"):
        acceptance.products(lambda a, b: a.astype(np.float64) @ b.astype(np.float64))


def test_what_the_lock_says_is_compared_with_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    monkeypatch.setattr(acceptance, "LOCK", lock)
    lock.write_text(f"numpy=={np.__version__} \\\n    --hash=sha256:0\n")
    acceptance.versions()
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:0\n")
    with pytest.raises(AssertionError, match=f"numpy is {np.__version__}, not 0.1"):
        acceptance.versions()
    lock.write_text("")
    with pytest.raises(AssertionError, match="names no package"):
        acceptance.versions()


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, *requires: str) -> None:
    """One package alone, with these requirements, for `importlib.metadata`."""
    info = folder / "tried-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: tried", "Version: 1.0"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (info / "METADATA").write_text("\n".join(lines))
    monkeypatch.setattr(acceptance, "distributions", lambda: distributions(path=[str(folder)]))


def test_a_requirement_that_is_not_met_has_to_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(
        tmp_path, monkeypatch, "numpy", "packaging<1", "Not_There>=2; sys_platform == 'linux'",
        "elsewhere; sys_platform == 'win32'", "more; extra == 'all'",
    )  # fmt: skip
    with pytest.raises(AssertionError, match=r"\['tried: not-there', 'tried: packaging'\], expected \[\]"):
        acceptance.requirements(())
    acceptance.requirements({"tried: not-there", "tried: packaging"})


def test_a_listed_requirement_that_is_met_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, "numpy")
    acceptance.requirements(())
    with pytest.raises(AssertionError, match=r"not met: \[\], expected \['tried: numpy'\]"):
        acceptance.requirements({"tried: numpy"})


def test_forces_that_are_no_gradient_are_refused() -> None:
    """Of a harmonic well; forces of one percent more are refused."""
    positions = np.arange(12.0).reshape(4, 3) / 10
    acceptance.gradient(lambda x: (float((x**2).sum()), -2 * x), positions, 1e-6)
    with pytest.raises(AssertionError, match="minus the gradient"):
        acceptance.gradient(lambda x: (float((x**2).sum()), -2.02 * x), positions, 1e-6)
    with pytest.raises(AssertionError, match="tests nothing"):
        acceptance.gradient(lambda x: (0.0, 0 * x), positions, 1e-6)

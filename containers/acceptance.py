"""What every image must pass before it counts as built; each environment's accept.py imports this.

Runs inside the image with this package bound and on PYTHONPATH; standard library, numpy and packaging only.
"""

import re
from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path("/opt/recipe/requirements.lock")
Arrays = NDArray[np.float64]
Matrix = NDArray[np.floating[Any]]


def packages(unmet: Collection[str] = ()) -> None:
    """Every package is there as the lock says, with what it requires but for `unmet` (see requirements)."""
    versions()
    requirements(unmet)


def versions() -> None:
    """Every package of the lock is installed in the version that the lock says."""
    pins = re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", LOCK.read_text(), flags=re.MULTILINE)
    wrong = [f"{name} is {version(name)}, not {pin}" for name, pin in pins if version(name) != pin]
    assert pins, f"{LOCK} names no package"
    assert not wrong, "; ".join(wrong)
    print(f"{len(pins)} packages as locked")


def requirements(unmet: Collection[str]) -> None:
    """Every package has what it requires (`pip check`), but for those that are known to work without.

    unmet: `package: requirement` by their names, all that may be missing or have another version.
    """
    found = {
        f"{canonicalize_name(package.name)}: {canonicalize_name(requirement.name)}"
        for package in distributions()
        for requirement in map(Requirement, package.requires or ())
        if (requirement.marker is None or requirement.marker.evaluate({"extra": ""})) and not met(requirement)
    }
    assert found == set(unmet), f"requirements that are not met: {sorted(found)}, expected {sorted(unmet)}"


def met(requirement: Requirement) -> bool:
    """Whether a version that fits is installed."""
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def gradient(label: Callable[[Arrays], tuple[float, Arrays]], positions: Arrays, tolerance: float) -> None:
    """Forces are minus the gradient of the energy along one random direction.

    label: positions (N, 3) in Å to the energy in eV and forces (N, 3) in eV/Å. tolerance: eV/Å.
    """
    direction = np.random.default_rng(7).normal(size=positions.shape)
    direction /= np.linalg.norm(direction)
    step = 1e-3 * direction
    slope = (label(positions + step)[0] - label(positions - step)[0]) / 2e-3
    along = float((label(positions)[1] * direction).sum())
    assert abs(along) > tolerance, f"a force of {along} eV/Å tests nothing"
    assert abs(slope + along) < tolerance, f"force {along} eV/Å, minus the gradient {-slope} eV/Å"
    print(f"force {along:.6f} eV/Å, minus the gradient {-slope:.6f} eV/Å")


def products(product: Callable[[Matrix, Matrix], Matrix]) -> None:
    """Matrices are multiplied in their own precision, whatever the packages set when they are imported.

    product: of two matrices (64, 64), by the library that the models are written in. TF32 keeps ten bits of
    the mantissa of float32, and errs a hundred times more than is allowed here.
    """
    for dtype in (np.float32, np.float64):
        one, other = np.random.default_rng(5).normal(size=(2, 64, 64)).astype(dtype)
        exact = one.astype(np.longdouble) @ other.astype(np.longdouble)
        result = np.asarray(product(one, other))
        assert result.dtype == dtype, f"a product of {np.dtype(dtype)} comes as {result.dtype}"
        error = float(np.abs(result - exact).max() / np.abs(exact).max())
        assert error < 16 * np.finfo(dtype).eps, f"a product of {np.dtype(dtype)} errs by {error:.1e}"
    print("matrices are multiplied in their own precision")

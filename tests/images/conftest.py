"""A real Apptainer, and one real image: of `analysis`, the smallest environment that runs a campaign."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import running
from contained import image_in, site
from toy import write_toy

# Set where Apptainer must be there (.ci/run does): its absence is then a failure and no reason to skip.
REQUIRED = "MLIPBENCH_REQUIRE_APPTAINER"
# A folder to keep images in between runs of the tests.
KEPT = "MLIPBENCH_TEST_IMAGES"


@pytest.fixture(scope="session", autouse=True)
def apptainer() -> None:
    missing = [name for name in ("apptainer", "mksquashfs") if shutil.which(name) is None]
    if missing and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but {' and '.join(missing)} is not on PATH")
    if missing:
        pytest.skip(f"{' and '.join(missing)} is not on PATH: images are not tested here")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the image of `analysis`, as `mlipbench images build` leaves it."""
    rest = os.environ.get(KEPT)
    folder = Path(rest).resolve() if rest else tmp_path_factory.mktemp("images")
    work = tmp_path_factory.mktemp("build")
    built = running.run(work, "images", "build", "analysis", site=site(folder), timeout=1200)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture
def copied(images: Path, tmp_path: Path) -> Path:
    """The same image and lock in a folder that a test may spoil."""
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(images / "images.lock", folder)
    shutil.copy(image_in(images), folder)
    return folder


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Path]:
    """A folder with the toy campaign; nothing of it is left running."""
    folder = tmp_path / "campaign"
    folder.mkdir()
    write_toy(folder)
    with running.cleaned(folder):
        yield folder

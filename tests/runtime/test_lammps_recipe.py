"""What `make lammps` does before and after it compiles; compiling takes too long for a test."""

import hashlib
import importlib.util
import io
import sys
import sysconfig
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parents[2] / "containers/lammps"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lammps_recipe", HERE / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archive(path: Path, *names: str) -> str:
    """An archive with these files; its sha256."""
    with tarfile.open(path, "w:gz") as packed:
        for name in names:
            packed.addfile(tarfile.TarInfo(name), io.BytesIO())
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("top", ["", "lammps-2026/"])
def test_the_source_is_found_in_either_kind_of_archive(recipe: ModuleType, tmp_path: Path, top: str) -> None:
    archive(tmp_path / "a.tar.gz", f"{top}cmake/CMakeLists.txt", f"{top}src/version.h")
    assert recipe.unpacked(tmp_path / "a.tar.gz", tmp_path / "room") == (tmp_path / "room" / top)


def test_what_is_no_source_of_lammps_is_refused(recipe: ModuleType, tmp_path: Path) -> None:
    archive(tmp_path / "a.tar.gz", "src/other.h")
    with pytest.raises(recipe.BuildError, match="holds no source of LAMMPS"):
        recipe.unpacked(tmp_path / "a.tar.gz", tmp_path / "room")
    archive(tmp_path / "b.tar.gz", "../outside")
    with pytest.raises(tarfile.TarError):
        recipe.unpacked(tmp_path / "b.tar.gz", tmp_path / "other")
    assert not (tmp_path / "outside").exists()


def test_another_archive_than_the_named_one_is_refused(recipe: ModuleType, tmp_path: Path) -> None:
    result = archive(tmp_path / "a.tar.gz", "src/version.h")
    with pytest.raises(recipe.BuildError, match=f"has sha256 {result}, expected {'0' * 64}"):
        recipe.main(tmp_path / "a.tar.gz", "0" * 64, tmp_path / "made")
    assert not (tmp_path / "made").exists()
    (tmp_path / "made").mkdir()
    if (Path(sysconfig.get_path("include")) / "Python.h").exists():
        with pytest.raises(recipe.BuildError, match="is there already"):
            recipe.main(tmp_path / "a.tar.gz", result, tmp_path / "made")


def test_a_step_that_fails_says_how_it_ended(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    tools = recipe.Tools(tmp_path, tmp_path / "log")
    tools.run(sys.executable, "-c", "print('first')")
    with pytest.raises(recipe.BuildError, match=r"failed \(3\)(?s:.*)no compiler"):
        tools.run(sys.executable, "-c", "print('no compiler'); raise SystemExit(3)")
    assert "first" in (tmp_path / "log").read_text()


def test_the_package_needs_no_libpython_of_its_own(recipe: ModuleType, tmp_path: Path) -> None:
    source, ran = tmp_path / "source", []
    for name in ("python/lammps/mliap/__init__.py", "python/lammps/core.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("looks for libpython")
    (source / "src").mkdir()
    (source / "src" / "version.h").write_text('#define LAMMPS_VERSION "4 Jul 2026"\n')
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "liblammps.so").touch()

    class Recorded:
        def run(self, *argv: str) -> None:
            ran.append(argv)

    result = recipe.assembled(source, tmp_path, Recorded())
    assert "activate_mliappy" in (result / "lammps/mliap/__init__.py").read_text()
    assert "Version: 2026.7.4\n" in (result / "lammps-2026.7.4.dist-info" / "METADATA").read_text()
    assert {"--remove-rpath", "--remove-needed"} < set(ran[-1])
    assert ran[-1][-1] == str(result / "lammps" / "liblammps.so")


def test_every_tool_is_locked() -> None:
    named = [line.split()[0] for line in (HERE / "requirements.in").read_text().splitlines()[1:]]
    lock = (HERE / "requirements.lock").read_text()
    assert all(f"\n{name}==" in lock for name in named)
    assert lock.count("==") == len(named)
    assert "--hash=sha256:" in lock

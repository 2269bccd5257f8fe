"""A frozen copy of this package in the store: what runs tonight is what was there when the driver began."""

import compileall
import os
import py_compile
import shutil
from collections.abc import Iterable
from pathlib import Path

import mlipbench_hpc
from mlipbench_hpc.architectures.card import InstalledArchitecture
from mlipbench_hpc.contract.folder import rename_into
from mlipbench_hpc.contract.key import digest, file_digest
from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.contract.versions import package_files, package_folder
from mlipbench_hpc.data.framewise import foreign, package_of
from mlipbench_hpc.potentials.card import InstalledPotential


def stage(store: Path, adapters: Iterable[InstalledArchitecture | InstalledPotential]) -> Path:
    """Copy the package, and what third parties add to it, to code/<digest>/ once; returns that folder.

    adapters: architectures and reference potentials. The folder holds nothing else, so it can be a PYTHONPATH
    that shows workers no package of the login node.
    """
    files = _sources(mlipbench_hpc.__name__, Path(mlipbench_hpc.__file__).parent)
    for adapter in adapters:
        files |= _sources(adapter.module, adapter.folder)
    for verb in verbs().values():
        if verb.is_foreign:
            package = verb.module.rpartition(".")[0]
            folder = package_folder(package)
            assert folder, "its version could not be told either"
            files |= _sources(package, folder)
    for value in foreign():
        files |= _sources(*package_of(value))
    sums = [[name, file_digest(path)] for name, path in sorted(files.items())]
    target = store / "code" / digest(sums)
    if not target.exists():
        _copy(files, target)
    return target


def _sources(module: str, folder: Path) -> dict[str, Path]:
    prefix = Path(*module.split("."))
    return {(prefix / name).as_posix(): path for name, path in package_files(folder).items()}


def _copy(files: dict[str, Path], target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    for name, path in files.items():
        (temporary / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, temporary / name)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(temporary, quiet=1, invalidation_mode=mode, stripdir=str(temporary))
    rename_into(temporary, target)

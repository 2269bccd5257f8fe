"""Starts a module of the worker for a command that needs no campaign: no task, no store, no attempt."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlipbench_hpc
from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.runtime.container import COMPILED, environ
from mlipbench_hpc.runtime.environments import locate


def start(
    environments: Mapping[str, str],
    name: str,
    module: str,
    request: dict[str, Any],
    linked: tuple[str, ...] = (),
    packages: Mapping[str, Path] | None = None,
) -> bool:
    """Run `python -m mlipbench_hpc.worker.MODULE request.json` in environment `name`; whether it went well.

    linked: entries of the request that are a file, or a list of files, to be opened under links, each in a
    folder of its own, for what opens them leaves files beside them; request["shown"] then holds what the user
    typed for each link.
    packages: folder by dotted name of what the worker imports besides this package.
    Makes the folder request["out"]. What went wrong is printed to stderr. Raises where the environment is not
    there.
    """
    environment = locate(name, environments)
    assert environment.identity, "identity raises where the environment is not there"
    Path(request["out"]).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mlipbench-") as temporary:
        folder = Path(temporary)
        # These packages alone, so that no package of the login node is seen.
        (folder / "mlipbench_hpc").symlink_to(Path(mlipbench_hpc.__file__).parent)
        for package, source in (packages or {}).items():
            _link(folder.joinpath(*package.split(".")), source)
        for role in linked:
            files = request[role] if isinstance(request[role], list) else [request[role]]
            links = [
                linked_as(folder, f"{role}{index or ''}", path) for index, path in enumerate(files) if path
            ]
            request["shown"] |= dict(zip(links, files, strict=False))
            if links:
                request[role] = links if isinstance(request[role], list) else links[0]
        write_json(folder / "request.json", request)
        # -P: not the package of another checkout that the command happens to run in.
        argv = [str(environment.python), "-P", "-m", f"mlipbench_hpc.worker.{module}"]
        argv.append(str(folder / "request.json"))
        cache = {COMPILED: str(Path.home() / ".cache" / "mlipbench" / "numba")}
        variables = environ(environment, "1", [folder], os.environ) | cache
        code = subprocess.run(argv, env=variables, check=False).returncode
    if code < 0:  # It could say nothing itself.
        why = "is a file damaged, or was memory short?"
        print(f"{name}: the process was killed by {signal.Signals(-code).name}: {why}", file=sys.stderr)
    return code == 0


def _link(link: Path, source: Path) -> None:
    """A package of a third party; those of this package are there with it."""
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)


def linked_as(folder: Path, name: str, path: str) -> str:
    """A link to the file, of the same name, in a new folder `name` of `folder`."""
    (folder / name).mkdir()
    link = folder / name / Path(path).name
    link.symlink_to(Path(path).resolve())
    return str(link)

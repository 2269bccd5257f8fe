"""A LAMMPS of the site's own, which an environment's workers import in place of the environment's."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.key import digest, file_digest
from mlipbench_hpc.runtime.trouble import Trouble

PACKAGE, LIBRARY = "lammps", "liblammps*.so*"


class LammpsRefused(Trouble):
    """The folder that a site names holds no LAMMPS that Python could import."""


@dataclass(frozen=True)
class OwnLammps:
    """A folder with the Python package `lammps`, its library inside."""

    folder: Path

    def check(self) -> None:
        """Raises LammpsRefused; what it can do, workers find out by starting it."""
        package = self.folder / PACKAGE
        lacking = [name for name in ("__init__.py", LIBRARY) if not any(package.glob(name))]
        if lacking:
            raise LammpsRefused(
                f"site's lammps: {package} holds no {' and no '.join(lacking)}; name a folder that `make "
                "lammps` made, or one with LAMMPS's Python package and its library in it"
            )
        if ":" in str(self.folder):
            raise LammpsRefused(f"site's lammps: {self.folder} has a colon, which Python's path cannot have")

    @cached_property
    def identity(self) -> str:
        """lammps:sha256 of every file of the package."""
        self.check()
        package = self.folder / PACKAGE
        files = sorted(path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return "lammps:" + digest([[str(path.relative_to(package)), file_digest(path)] for path in files])


def own_lammps(environment: str, site: Site) -> OwnLammps | None:
    """The one that the site names for an environment. Raises LammpsRefused."""
    if environment not in site.lammps:
        return None
    lammps = OwnLammps(Path(site.lammps[environment]).resolve())
    lammps.check()
    return lammps

"""Which environment a task runs in on a site: an image, or a virtual environment."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.environments import Environment, locate
from mlipbench_hpc.runtime.images import Image, ImageRefused, Images
from mlipbench_hpc.runtime.own_lammps import own_lammps
from mlipbench_hpc.runtime.recipe import known


def locate_all(names: Iterable[str], site: Site, remember: Path) -> Mapping[str, Environment | Image]:
    """The site's environments by name. remember: a folder for what is known of image files.

    Raises ImageRefused, EnvironmentMissing, LammpsRefused when one is not there.
    """
    wanted = list(names)
    if site.runtime == "apptainer" and not shutil.which("apptainer"):
        raise ImageRefused(
            f"site `{site.name}` runs images, but no apptainer is here: install it, or say `runtime: venv`"
        )
    if in_images(wanted, site):
        return {name: _image(name, site, images_of(site, remember)) for name in wanted}
    return {name: _venv(name, site) for name in wanted}


def in_images(names: list[str], site: Site) -> bool:
    """True where tasks of these environments run in images: `auto` takes them where all are there."""
    if site.runtime == "auto":
        return bool(shutil.which("apptainer")) and images_of(site).has(names, site.flavour)
    return site.runtime == "apptainer"


def device(name: str, site: Site) -> str:
    """Device of an environment's models in its image, be it there or still to be built: cpu or cuda.

    As everywhere, an environment that is made in no other flavour is taken in cpu.
    """
    entries = images_of(site).entries
    offers = entries if f"{name}-cpu" in entries or f"{name}-{site.flavour}" in entries else known()
    return site.flavour if f"{name}-{site.flavour}" in offers else "cpu"


def locate_again(task: Task, site: Site, remember: Path) -> Environment | Image:
    """Where a task that was planned once is to run: in the same kind of environment. Raises ImageRefused."""
    if not task.identity.startswith("image:"):
        return _venv(task.environment, site)
    image = _image(task.environment, site, images_of(site, remember))
    image.check()
    return image


def _image(name: str, site: Site, images: Images) -> Image:
    return replace(images.find(name, site.flavour), lammps=own_lammps(name, site))


def _venv(name: str, site: Site) -> Environment:
    return locate(name, site.environments, own_lammps(name, site))


def images_of(site: Site, remember: Path | None = None) -> Images:
    """The site's folder of images."""
    return Images(Path(site.images).resolve(), remember)

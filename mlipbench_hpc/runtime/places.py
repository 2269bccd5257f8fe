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


def locate_all(names: Iterable[str], site: Site, remember: Path) -> Mapping[str, Environment | Image]:
    """The site's environments by name. remember: a folder for what is known of image files.

    Raises ImageRefused, EnvironmentMissing, LammpsRefused when one is not there.
    """
    wanted, images = list(names), images_of(site, remember)
    if site.runtime == "apptainer" and not shutil.which("apptainer"):
        raise ImageRefused(
            f"site `{site.name}` runs images, but no apptainer is here: install it, or say `runtime: venv`"
        )
    if site.runtime == "apptainer" or (site.runtime == "auto" and _can_contain(wanted, site, images)):
        return {name: _image(name, site, images) for name in wanted}
    return {name: _venv(name, site) for name in wanted}


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


def _can_contain(names: list[str], site: Site, images: Images) -> bool:
    return bool(shutil.which("apptainer")) and images.has(names, site.flavour)

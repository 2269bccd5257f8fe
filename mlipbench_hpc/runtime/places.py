"""Which environment a task runs in on a site: an image, or a virtual environment."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.environments import Environment, locate
from mlipbench_hpc.runtime.images import Image, ImageRefused, Images


def locate_all(names: Iterable[str], site: Site, remember: Path) -> Mapping[str, Environment | Image]:
    """The site's environments by name. remember: a folder for what is known of image files.

    Raises ImageRefused, EnvironmentMissing when one is not there.
    """
    wanted, images = list(names), images_of(site, remember)
    if site.runtime == "apptainer" and not shutil.which("apptainer"):
        raise ImageRefused(
            f"site `{site.name}` runs images, but no apptainer is here: install it, or say `runtime: venv`"
        )
    if site.runtime == "apptainer" or (site.runtime == "auto" and _can_contain(wanted, site, images)):
        return {name: images.find(name, site.flavour) for name in wanted}
    return {name: locate(name, site.environments) for name in wanted}


def locate_again(task: Task, site: Site, remember: Path) -> Environment | Image:
    """Where a task that was planned once is to run: in the same kind of environment. Raises ImageRefused."""
    if not task.identity.startswith("image:"):
        return locate(task.environment, site.environments)
    image = images_of(site, remember).find(task.environment, site.flavour)
    image.check()
    return image


def images_of(site: Site, remember: Path | None = None) -> Images:
    """The site's folder of images."""
    return Images(Path(site.images).resolve(), remember)


def _can_contain(names: list[str], site: Site, images: Images) -> bool:
    return bool(shutil.which("apptainer")) and images.has(names, site.flavour)

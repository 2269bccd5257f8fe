"""Environments before a driver starts anything: check them, stage images, say what they are."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlipbench_hpc.runtime.environments import Environment
from mlipbench_hpc.runtime.images import Image, ImageRefused
from mlipbench_hpc.runtime.trouble import Trouble


class NotStaged(Trouble):
    """An image could not be copied to the folder that the site names."""


def ready(
    environments: Mapping[str, Environment | Image], staged_in: str | None, store: Path
) -> dict[str, Environment | Image]:
    """The same, as tasks are to use them. staged_in: the site's folder for copies of images, if any.

    Raises ImageRefused, NotStaged.
    """
    ready_to_use = {}
    for name, environment in environments.items():
        environment.check()
        environment.describe(store)
        ready_to_use[name] = environment
        if staged_in and isinstance(environment, Image):
            ready_to_use[name] = staged(environment, Path(staged_in).resolve())
    return ready_to_use


def staged(image: Image, folder: Path) -> Image:
    """The image as a file in `folder`, copied there unless the locked bytes are there already.

    A copy gets its name when every byte of it was compared. Raises NotStaged.
    """
    there = replace(image, path=folder / image.path.name, _seen=[])
    try:
        there.check()
    except (ImageRefused, OSError):
        try:
            _copy(image, there)
        except (ImageRefused, OSError) as error:
            raise NotStaged(
                f"{image.path} could not be staged in {folder} (`stage_images` of the site): {error}"
            ) from error
    return there


def _copy(image: Image, there: Image) -> None:
    there.path.parent.mkdir(parents=True, exist_ok=True)
    temporary = there.path.with_name(f".{there.path.name}.{os.getpid()}.tmp")
    try:
        with image.path.open("rb") as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 22)
            target.flush()
            os.fsync(target.fileno())
        replace(there, path=temporary, remember=None).verify()
        temporary.chmod(0o644)
        temporary.rename(there.path)
        there.check()
    finally:
        temporary.unlink(missing_ok=True)

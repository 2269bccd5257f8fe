"""Devices of a campaign's models at a site, refused where their architecture cannot use them."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mlipbench_hpc.architectures.card import InstalledArchitecture
from mlipbench_hpc.campaign.document import parse
from mlipbench_hpc.campaign.problem import CampaignError, Mistake
from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.plan.expand import environments
from mlipbench_hpc.potentials.card import InstalledPotential
from mlipbench_hpc.runtime.places import device, in_images


def checked_devices(
    path: Path,
    campaign: Campaign,
    architectures: Mapping[str, InstalledArchitecture],
    potentials: Mapping[str, InstalledPotential],
    site: Site,
) -> Mapping[str, str]:
    """cpu or cuda by environment, whether or not its image is built yet.

    Raises CampaignError naming, in the campaign's file, each model whose card does not list the device.
    """
    names = environments(campaign, architectures, potentials)
    contained = in_images(names, site)
    devices = {name: device(name, site) if contained else "cpu" for name in names}
    if wrong := list(refused(campaign, architectures, devices, site.name)):
        _, lines, _ = parse(path)
        raise CampaignError(map(lines.problem, wrong))
    return devices


def idle_gpus(names: Collection[str], site: Site) -> list[str]:
    """A sentence where a site with GPUs computes on CPUs. names: environments of a campaign."""
    if site.flavour == "cpu" or in_images(list(names), site):
        return []
    missing = "" if site.runtime == "venv" else ", since not every image that the campaign needs is there"
    return [
        f"GPUs of site `{site.name}` compute nothing: tasks run in virtual environments, which are for CPUs"
        f"{missing}; for GPUs make images (`mlipbench images build {' '.join(names)} --site …`) and have an "
        "Apptainer"
    ]


def refused(
    campaign: Campaign,
    architectures: Mapping[str, InstalledArchitecture],
    devices: Mapping[str, str],
    site: str,
) -> Iterator[Mistake]:
    """Models on a device that the card of their architecture, or of their kernel, does not list."""
    for name, model in campaign.models.items():
        own = architectures[model.architecture].card
        for key, card in {"architecture": own, "kernel": own.by(model.kernel)}.items():
            device = devices[card.environment]
            if device in card.devices or (key == "kernel" and card is own):
                continue
            message = f"site `{site}` computes model `{name}` on {device}, which {card.name} does not offer"
            offers = " or ".join(card.devices)
            expected = f"{offers}: choose a site with `flavour: {card.devices[0]}`, or another {key}"
            yield Mistake(("models", name, key), message, device, expected)

"""Systems that the starts of MD runs and the frames of datasets come from."""

from mlipbench_hpc.campaign.spec import Campaign, MolecularDynamics, System


def origins(md: MolecularDynamics, campaign: Campaign) -> list[System]:
    """The systems that the start may come from, so far as that is known."""
    return [campaign.systems[name] for name in starts(md, campaign)]


def starts(md: MolecularDynamics, campaign: Campaign) -> list[str]:
    """Their names."""
    if md.start.dataset:
        return behind(md.start.dataset, campaign)
    return [md.start.system] if md.start.system in campaign.systems else []


def behind(dataset: str, campaign: Campaign) -> list[str]:
    """The systems that a dataset's frames come from, so far as that is known."""
    waiting, seen, names = [dataset], set[str](), list[str]()
    while waiting:
        name = waiting.pop(0)
        here = campaign.datasets.get(name)
        if here is None or name in seen:
            continue
        seen.add(name)
        names += here.generate.origins if here.generate else []
        waiting += [here.label.frames] if here.label else here.join or []
    return [name for name in dict.fromkeys(names) if name in campaign.systems]

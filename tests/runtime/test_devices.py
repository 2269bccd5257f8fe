"""A device that an architecture's card does not list is refused before anything is planned."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import load_campaign
from mlipbench_hpc.campaign.site import LocalSite, SlurmSite
from mlipbench_hpc.cli import main
from mlipbench_hpc.runtime.devices import idle_gpus, refused
from mlipbench_hpc.runtime.images import Entry, Images
from mlipbench_hpc.runtime.places import device

SITE = "name: fast\nscheduler: local\nruntime: {runtime}\nimages: {images}\nflavour: {flavour}\n"


def site(folder: Path, *flavours: str, runtime: str = "apptainer", flavour: str = "cuda") -> Path:
    """A site file whose folder of images locks `analysis` in these flavours; no image file is there."""
    images = folder / "images"
    images.mkdir()
    for name in flavours:
        Images(images).write(Entry("analysis", name, f"{name}.sif", "r", name, name, 1, "debian:0", {}, {}))
    path = folder / "fast.yaml"
    path.write_text(SITE.format(runtime=runtime, images=images, flavour=flavour))
    return path


def command(verb: str, campaign: Path, where: Path) -> int:
    return main([verb, str(campaign), "--site", str(where), "--store", str(campaign.parent / "store")])


def test_validate_refuses_a_gpu_where_the_card_lists_cpu_only(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("validate", toy, site(tmp_path, "cpu", "cuda")) == 2
    line = toy.read_text().splitlines().index("  pairs: {architecture: toy}") + 1
    assert capsys.readouterr().err.startswith(
        f"{toy}:{line}: models.pairs.architecture: site `fast` computes model `pairs` on cuda, which toy "
        "does not offer; received cuda; expected cpu: choose a site with `flavour: cpu`, or another "
        "architecture\n"
    )


@pytest.mark.parametrize(
    ("flavours", "runtime", "flavour"),
    [
        (("cpu",), "apptainer", "cuda"),  # its environment comes in no other
        ((), "apptainer", "cuda"),  # nor can it be made in another
        (("cpu", "cuda"), "venv", "cuda"),  # environments without images hold what the cpu locks say
        (("cpu", "cuda"), "apptainer", "cpu"),
    ],
)
def test_validate_accepts_what_will_run_on_a_cpu(
    toy: Path, tmp_path: Path, flavours: tuple[str, ...], runtime: str, flavour: str
) -> None:
    assert command("validate", toy, site(tmp_path, *flavours, runtime=runtime, flavour=flavour)) == 0


def test_a_card_that_lists_gpus_only_is_refused_on_a_cpu(toy: Path) -> None:
    toy_found = find()["toy"]
    only_gpus = replace(toy_found, card=replace(toy_found.card, devices=("cuda",)))
    campaign = load_campaign(toy)
    (mistake,) = refused(campaign, {"toy": only_gpus}, {"analysis": "cpu"}, "here")
    assert mistake.message == "site `here` computes model `pairs` on cpu, which toy does not offer"
    assert mistake.expected.startswith("cuda: choose a site with `flavour: cuda`")
    assert list(refused(campaign, {"toy": only_gpus}, {"analysis": "cuda"}, "here")) == []


def test_an_image_still_to_be_built_is_judged_by_its_recipe(tmp_path: Path) -> None:
    where = LocalSite(name="x", scheduler="local", images=str(tmp_path / "none"), flavour="cuda")
    assert [device(name, where) for name in ("mace", "analysis")] == ["cuda", "cpu"]


def test_a_kernel_is_judged_by_its_own_devices(toy: Path) -> None:
    """The architecture computes on a GPU, its kernel, in an environment of its own, does not."""
    toy.write_text(toy.read_text().replace("{architecture: toy}", "{architecture: toy, kernel: twin}"))
    own = find()["toy"]
    kernel = replace(own.card.kernels["twin"], environment="twins")
    both = replace(own, card=replace(own.card, devices=("cpu", "cuda"), kernels={"twin": kernel}))
    (mistake,) = refused(load_campaign(toy), {"toy": both}, {"analysis": "cuda", "twins": "cuda"}, "here")
    assert mistake.place == ("models", "pairs", "kernel")
    assert mistake.message == "site `here` computes model `pairs` on cuda, which toy/twin does not offer"
    assert (
        list(refused(load_campaign(toy), {"toy": both}, {"analysis": "cuda", "twins": "cpu"}, "here")) == []
    )


def test_gpus_that_compute_nothing_are_told(tmp_path: Path) -> None:
    nodes = {"gpu": {"cores_per_node": 8, "gpus_per_node": 1, "walltime": "1 h"}}
    site = {"name": "s", "scheduler": "slurm", "nodes": nodes, "images": str(tmp_path), "flavour": "cuda"}
    for runtime, why in (
        ("auto", "not every image"),
        ("venv", "virtual environments, which are for CPUs;"),
    ):
        (sentence,) = idle_gpus(["mace"], SlurmSite.model_validate(site | {"runtime": runtime}))
        assert why in sentence
    assert idle_gpus(["mace"], SlurmSite.model_validate(site | {"runtime": "auto", "flavour": "cpu"})) == []
    assert idle_gpus(["mace"], SlurmSite.model_validate(site | {"runtime": "apptainer"})) == []

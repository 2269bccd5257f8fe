"""Images of the environments that train: each built twice, then a small campaign in it.

Their recipes and locks are tested without building them (tests/runtime/test_images.py), in every tier.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import running
from contained import contents, image_in, site

from mlipbench_hpc.runtime.images import Images

pytestmark = [pytest.mark.apptainer, pytest.mark.slow, pytest.mark.timeout(7200)]
# One small architecture of each environment, on the toy campaign's argon.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "deepmd": ("dp", {"rcut": 4.5, "neuron": [4, 8], "axis_neuron": 2, "fitting_neuron": [8, 8]}),
    "mace": (
        "mace",
        {"r_max": 4.5, "num_channels": 4, "max_L": 1, "max_ell": 2, "correlation": 2, "radial_MLP": [8]},
    ),
    "jax": (
        "dp-mp",
        {"rcut": 4.5, "neuron": [4, 8], "axis_neuron": 2, "message_neuron": [8], "fitting_neuron": [8]},
    ),
    "grace": (
        "grace-1l",
        {"rcut": 4.5, "lmax": 1, "n_rad_max": 4, "prod_func_n_max": 4, "embedding_size": 4},
    ),
    "fairchem": ("esen", {"cutoff": 4.5, "sphere_channels": 4, "hidden_channels": 4, "edge_channels": 4}),
}


@pytest.fixture
def room(images: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with the image of `analysis`, which a campaign needs too; gigabytes do not stay behind."""
    folder = tmp_path / "room"
    folder.mkdir()
    for path in (images / "images.lock", image_in(images)):
        shutil.copy(path, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("environment", MODELS)
def test_an_image_twice_and_a_campaign_in_it(environment: str, room: Path, campaign: Path) -> None:
    """The same bytes both times, and the numbers that virtual environments give."""
    for words in ([], ["--again"]):
        built = running.run(campaign, "images", "build", *words, environment, site=site(room), timeout=3600)
        assert built.returncode == 0, built.stdout + built.stderr
    assert "byte-identical to the one of" in built.stdout
    architecture, hyperparameters = MODELS[environment]
    chosen = json.dumps(hyperparameters | {"epochs": 2})
    path = campaign / "toy.yaml"
    path.write_text(
        path.read_text()
        .replace("architecture: toy", f"architecture: {architecture}, hyperparameters: {chosen}")
        .replace("members: 2", "members: 1")
        .replace("replicas: 2", "replicas: 1")
        .replace("length: 0.4 ps", "length: 0.06 ps")
    )
    ended = running.run(campaign, "run", "toy.yaml", site=site(room), timeout=1800)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    inside = contents(campaign)
    records = [json.loads(p.read_text()) for p in (campaign / "store" / "tasks").glob("*/task.json")]
    squashfs = Images(room).entries[f"{environment}-cpu"].squashfs
    verbs = {record["verb"] for record in records if record["identity"] == f"image:{squashfs}"}
    assert {"train", "evaluate", "md"} <= verbs
    shutil.move(campaign / "store", campaign / "contained")
    ended = running.run(campaign, "run", "toy.yaml", site=site(room, "venv"), timeout=1800)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert inside == contents(campaign)

"""Architecture under test: attributes stated by its suite, and its trained models."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from mlipbench_hpc.architectures.card import Card, load_card, merge
from mlipbench_hpc.architectures.interface import Evaluator, TrainingJob
from mlipbench_hpc.architectures.testing.frames import REFERENCE, water


class Subject:
    """Attributes that a suite states of its architecture.

    adapter: the module with `train` and `load` (see ../interface.py); card.toml lies beside it.
    small: hyperparameters of a model that trains on six frames of 18 atoms within seconds; `epochs` is 4 or
    more. Its cutoff should be 3 Å or less: the cells are 6 Å wide.
    learning: changes to `small` with which forces of a harmonic bond are learnt: their error falls by half.
    weights: name of the file that `train` writes and whose bytes are the model; `model.json` may be this one.
    title: name of a model in the adapter's messages, as in `holds no DP model`, `DP model for H, O: it does
    not know Au`.
    one_file: True where a model trained in one dtype can be loaded in the other.
    seeded: True where the seed decides the start of a training; False for a linear fit.
    forks: True where a process may be forked once the engine is imported; False for an engine with threads.
    compiles: True where an engine compiles for seconds in every process: trainings and MD to be interrupted
    and continued share two processes, one before the interruptions and one after.
    sums: largest difference (eV, eV/Å, in float64) between two orders of adding up the same numbers.
    """

    adapter: ClassVar[ModuleType]
    small: ClassVar[dict[str, Any]]
    learning: ClassVar[dict[str, Any]]
    weights: ClassVar[str]
    title: ClassVar[str]
    one_file: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    forks: ClassVar[bool] = True
    compiles: ClassVar[bool] = False
    sums: ClassVar[float] = 1e-9

    def disturb(self, seed: int) -> None:
        """Change the process's random state between two parts of a training.

        Extend it for an engine with a random state of its own, such as torch.manual_seed(seed).
        """
        import numpy as np

        np.random.seed(seed)  # noqa: NPY002 (the global state is what a training library may use)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests with an argument `dtype` or `engine` for each that the card offers."""
        card, listed = self.card(), set()
        for mark in metafunc.definition.iter_markers("parametrize"):
            names = mark.args[0]
            listed |= set(names.replace(",", " ").split() if isinstance(names, str) else names)
        for argument, offers in (("dtype", card.dtypes), ("engine", card.engines)):
            if argument in metafunc.fixturenames and argument not in listed:
                metafunc.parametrize(argument, offers)

    @classmethod
    def folder(cls) -> Path:
        """Folder of adapter and card."""
        assert cls.adapter.__file__
        return Path(cls.adapter.__file__).parent

    @classmethod
    def card(cls) -> Card:
        """Card of the architecture; raises CardError for a wrong one."""
        return load_card(cls.folder() / "card.toml")

    @classmethod
    def widest(cls) -> str:
        """Widest dtype of the card, float64 where it offers that."""
        dtypes = cls.card().dtypes
        return "float64" if "float64" in dtypes else dtypes[0]

    @classmethod
    def hyperparameters(cls, **changes: Any) -> dict[str, Any]:
        """Hyperparameters of the card, with `small` and then `changes` in place of its defaults."""
        return merge(cls.card(), None, {**cls.small, **changes})

    @classmethod
    def job(cls, folder: Path, **changes: Any) -> TrainingJob:
        """Training job of six training and two validation frames; checkpoints and rows are discarded."""
        folder.mkdir(exist_ok=True)
        job = TrainingJob(
            folder=folder, train=water(6, seed=1), validation=water(2, seed=2), reference_energies=REFERENCE,
            hyperparameters=cls.hyperparameters(), seed=3, device="cpu", dtype=cls.widest(), threads=1,
            resume=None, save=lambda epoch, files: None, report=lambda row: None,
        )  # fmt: skip
        return replace(job, **changes)

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
        """Folders of models by the dtype of their training."""
        folders = {dtype: tmp_path_factory.mktemp(dtype) / "model" for dtype in cls.card().dtypes}
        for dtype, folder in folders.items():
            values = cls.adapter.train(cls.job(folder, dtype=dtype))
            assert values["epochs"] == cls.small["epochs"]
            assert values["parameters"] > 0
        return folders

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, trained: dict[str, Path]) -> Evaluator:
        """Model in its widest dtype."""
        return cls.load(trained, cls.widest())

    @classmethod
    def model_folder(cls, trained: dict[str, Path], dtype: str) -> Path:
        """Folder of the model that is used in `dtype`."""
        return trained[cls.widest() if cls.one_file else dtype]

    @classmethod
    def load(cls, trained: dict[str, Path], dtype: str) -> Evaluator:
        """Load the model for use in `dtype`."""
        folder = cls.model_folder(trained, dtype)
        evaluator: Evaluator = cls.adapter.load(folder, cls.hyperparameters(), "cpu", dtype)
        return evaluator

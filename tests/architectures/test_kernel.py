"""Kernels on a card: their mistakes, and what computes a model."""

import argparse
from pathlib import Path

import pytest

from mlipbench_hpc.architectures import kernel
from mlipbench_hpc.architectures.card import CardError, find, load_card
from mlipbench_hpc.architectures.kernel import compiler_version, computing
from mlipbench_hpc.cli.architectures import paragraph
from mlipbench_hpc.cli.session import Session
from mlipbench_hpc.runtime.trouble import Trouble

TOY = Path(__file__).parents[1] / "plugins/mlipbench_toy/card.toml"


def test_a_kernel_brings_its_environment_engines_cost_and_claim() -> None:
    own = find()["mace"].card
    card = own.by("symmetrix")
    assert (card.name, card.environment, card.engines) == ("mace/symmetrix", "symmetrix", ("ase",))
    assert card.hyperparameters == own.hyperparameters
    assert card.restart.training == own.restart.training
    assert card.cost["md_ase"] != own.cost["md_ase"]
    assert own.by(None) is own


def test_it_has_a_version_of_its_own() -> None:
    mace = find()["mace"]
    own = mace.by("symmetrix")
    assert own.module == "mlipbench_hpc.architectures.mace_symmetrix"
    assert isinstance(own.version, int)
    assert mace.by(None) is mace


def test_one_of_a_third_party_is_known_by_the_digest_of_its_source() -> None:
    assert len(str(find()["toy"].by("twin").version)) == 64


def test_names_lead_to_architectures_and_kernels() -> None:
    installed = find()
    assert computing(installed, "mace") is installed["mace"]
    own = computing(installed, "mace/symmetrix")
    assert own is not None
    assert own.name == "mace/symmetrix"
    assert computing(installed, "mace/other") is None
    assert computing(installed, "other") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cutoff = 5.0}", "cutof = 5.0}", r"kernels\.twin\.needs\.cutof: no such hyperparameter"),
        ("cutoff = 5.0}", "cutoff = 50.0}", r"kernels\.twin\.needs\.cutoff: expected float at least 1\.0"),
        ('environment = "analysis"\nengines = ["ase"]', "", r"kernels\.twin\.environment: is missing"),
        ('compiler = "sed"', 'compiler = "sed"\nspeed = 3', r"kernels\.twin\.speed: unknown key"),
        ("kernel = 1\n", "", r"kernels\.twin\.cost\.kernel: is missing"),
        ("kernel = 1\n", 'kernel = "atoms *"\n', r"kernels\.twin\.cost\.kernel: 'atoms \*' is no expression"),
        ('engines = ["ase"]', 'engines = ["asr"]', r"engines\.asr: no such engine"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = TOY.read_text()
    assert old in text
    (tmp_path / "card.toml").write_text(text.replace(old, new))
    with pytest.raises(CardError, match=message):
        load_card(tmp_path / "card.toml")


def test_kernels_that_are_no_tables_are_a_mistake(tmp_path: Path) -> None:
    head, tail = TOY.read_text().split("# The same numbers")
    text = 'kernels = ["twin"]\n' + head + tail[tail.index("[presets") :]
    (tmp_path / "card.toml").write_text(text)
    with pytest.raises(CardError, match="kernels: expected a table for each kernel"):
        load_card(tmp_path / "card.toml")


def test_a_package_that_is_not_there_is_named() -> None:
    toy = find()["toy"]
    lost = dict(toy.card.kernels)
    object.__setattr__(lost["twin"], "module", "nowhere.twin")
    with pytest.raises(CardError, match=r"kernel twin of toy: no package nowhere\.twin"):
        toy.by("twin")


def test_a_compiler_says_its_version_in_one_line() -> None:
    assert compiler_version("sed").startswith("sed (GNU sed)")
    with pytest.raises(OSError, match="exit code 1"):
        compiler_version("false")
    with pytest.raises(FileNotFoundError):
        compiler_version("no-such-compiler")


def test_a_compiler_that_is_missing_is_named_with_the_model(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.write_text(toy.read_text().replace("{architecture: toy}", "{architecture: toy, kernel: twin}"))

    def lacking(program: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", program)

    session = Session(
        toy,
        argparse.Namespace(
            needs_site=False, opens_trajectories=False, part=None, site=None, store=str(toy.parent / "store")
        ),
    )
    assert session.compilers["sed"].startswith("sed")
    monkeypatch.setattr(kernel, "compiler_version", lacking)
    again = Session(toy, session.options)
    with pytest.raises(Trouble, match="kernel twin of model `pairs` is compiled by the system's sed, which"):
        again.compilers  # noqa: B018 (a property that raises)


def test_one_may_need_no_compiler_and_compute_every_model(tmp_path: Path) -> None:
    text = TOY.read_text()
    for line in ('compiler = "sed"\n', "needs = {cutoff = 5.0}\n"):
        assert line in text
        text = text.replace(line, "")
    (tmp_path / "card.toml").write_text(text)
    twin = load_card(tmp_path / "card.toml").kernels["twin"]
    assert (twin.compiler, twin.needs, twin.preparing) == ("", {}, "analysis")


def test_its_task_may_run_beside_the_architecture_s_library() -> None:
    kernel = find()["dp"].card.kernels["jax"]
    assert (kernel.environment, kernel.preparing) == ("jax", "deepmd")
    lines = paragraph(find()["dp"].card)
    (line,) = [line for line in lines if line.startswith("  kernel jax: ")]
    assert line.endswith("environment jax; engines jax-md, ase; devices cpu; prepared in deepmd")


def test_the_listing_says_which_presets_fit() -> None:
    lines = paragraph(find()["mace"].card)
    (line,) = [line for line in lines if line.startswith("  kernel symmetrix: ")]
    assert "environment symmetrix; engines ase; devices cpu; compiler g++" in line
    assert "needs num_interactions 2, max_ell 3, correlation 3" in line
    assert line.endswith("presets tiny-l3, paper-efficiency, paper-full, 16l1, 64l0")

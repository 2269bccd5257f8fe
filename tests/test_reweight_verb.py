"""`mlipbench reweight` as it is typed: its numbers against the formulas, and every mistake at once."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.units import kB

from mlipbench_hpc.cli import main

KT = kB * 300
FRAMES = 2003


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Four members, the second of them the driver, 100 eV apart; an observable of 5 bins."""
    noise = np.random.default_rng(0)
    counts = noise.multinomial(12, np.full(5, 0.2), size=FRAMES)
    driver = noise.normal(size=FRAMES) - 1000
    for member, size in enumerate((0.3, 0.0, 0.6, 2.5)):
        shift = 100.0 * member if size else 0.0
        np.save(tmp_path / f"E{member}.npy", driver + shift + size * KT * noise.normal(size=FRAMES))
    np.save(tmp_path / "N.npy", counts)
    return tmp_path


def command(folder: Path, *more: str, members: tuple[str, ...] = ("E0", "E1", "E2", "E3")) -> list[str]:
    given = [str(folder / f"{name}.npy") for name in members]
    return [
        "reweight", "--driver", str(folder / "E1.npy"), "--members", *given, "--observable",
        str(folder / "N.npy"), "--temperature", "300", "--out", str(folder / "out"), *more,
    ]  # fmt: skip


def test_numbers_are_those_of_the_formulas(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(files, "--alpha", "2", "--tolerance", "0.01", "--frame-every", "0.01")) == 0
    result = json.loads((files / "out" / "reweight.json").read_text())
    n = np.load(files / "N.npy")[:2000].astype(float)
    energies = np.array([np.load(files / f"E{member}.npy")[:2000] for member in range(4)])
    cea = []
    for member in range(4):
        h = (energies[member] - energies[1]) / KT
        h -= h.mean()
        cea.append(n.mean(axis=0) - (n * h[:, None]).mean(axis=0))
        one, weights = result["members"][member], np.exp(-h) / np.exp(-h).sum()
        np.testing.assert_allclose(one["cea"], cea[-1], atol=1e-9)
        np.testing.assert_allclose(one["direct"], weights @ n, atol=1e-9)
        effective = None if one["driving"] else pytest.approx(1 / np.square(weights).sum())
        assert one["effective_frames"] == effective
        assert one["std_h"] == pytest.approx(h.std(ddof=1), abs=1e-9)
    bands = result["bands"]
    np.testing.assert_allclose(bands["sigma_observed"], np.std(cea, axis=0, ddof=1), atol=1e-9)
    for low, sigma, high, observed in zip(
        *(bands[name] for name in ("sigma_low", "sigma", "sigma_high", "sigma_observed")), strict=True
    ):
        assert low == 0 if sigma is None else 0 <= low <= sigma <= min(high, observed)
    assert bands["sigma"].count(None) == 1
    np.testing.assert_allclose(bands["mean"], np.mean(cea, axis=0))
    np.testing.assert_allclose(
        bands["combined"],
        np.hypot(bands["se_driving_member"], [2 * (sigma or 0.0) for sigma in bands["sigma"]]),
    )
    plain = n.std(axis=0, ddof=1) / np.sqrt(2000)  # the frames are independent
    assert np.mean(np.array(bands["se_driving_member"]) / plain) == pytest.approx(1, rel=0.4)
    assert [one["driving"] for one in result["members"]] == [False, True, False, False]
    assert result["members"][0]["verdict"] == "trust"
    assert (result["next_member"], result["members"][3]["verdict"]) == (3, "run it directly")
    text = capsys.readouterr().out
    assert "Run member 3 directly next" in text
    assert "3 frames after the last whole block were dropped" in text
    assert "In 1 of 5 bins members differ by no more than their sampling noise: σ is not determined" in text
    assert "more frames" in text
    assert " ns " in text


def test_blocks_shorter_than_the_memory_of_h_are_warned_of(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference of energies that stays for 100 frames, in blocks of 2."""
    driver = np.load(files / "E1.npy")
    steps = np.repeat(np.random.default_rng(5).normal(size=len(driver) // 100 + 1), 100)[: len(driver)]
    np.save(files / "E0.npy", driver + 0.5 * KT * steps)
    assert main(command(files, "--blocks", "1000", members=("E0", "E1"))) == 0
    assert "exceeds the block length 2 frames" in capsys.readouterr().out


def test_of_members_out_of_reach_the_driver_alone_says_how_much_longer(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driver = np.load(files / "E1.npy")
    np.save(files / "E3.npy", driver * np.random.default_rng(5).normal(size=len(driver)) * 1e3)
    assert main(command(files, "--tolerance", "1")) == 0
    assert "2·SE is at most" in (text := capsys.readouterr().out)
    assert "within the tolerance of 1." in text


def test_a_member_twice_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(files, members=("E0", "E0", "E1"))) == 2
    assert "E0.npy is given more than once" in capsys.readouterr().err


def test_without_alpha_it_says_so(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(files)) == 0
    assert "the training band is 1.2 σ, Student's t for M = 4 members" in capsys.readouterr().out


def test_every_mistake_is_said_at_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(files / "short.npy", np.zeros(7))
    np.save(files / "pickled.npy", np.array([{}]), allow_pickle=True)
    np.save(files / "holes.npy", np.full(FRAMES, np.nan))
    np.save(files / "N.npy", np.ones((5, FRAMES)))
    (files / "torn.npy").write_bytes((files / "E2.npy").read_bytes()[:500])
    wrong = command(
        files, "--alpha", "-1", "--blocks", "1",
        members=("E1", "E22", "short", "pickled", "holes", "torn"),
    )  # fmt: skip
    assert main(wrong) == 2
    text = capsys.readouterr().err
    for expected in (
        "--alpha: received -1, expected 1e-06 to 1e+09",
        "--blocks: received 1, expected at least 2",
        f"E22.npy: no such file; did you mean `{files / 'E2.npy'}`?",
        f"short.npy: received shape (7,), expected ({FRAMES},)",
        "pickled.npy: no whole .npy file of numbers",
        f"holes.npy: {FRAMES} of {FRAMES} values are not finite",
        "torn.npy: no whole .npy file",
        f"N.npy: received shape (5, {FRAMES}), expected ({FRAMES}, bins) or ({FRAMES},); transposed?",
        "8 mistakes; nothing was written",
    ):
        assert expected in text
    assert not (files / "out").exists()


def test_the_driver_must_be_among_the_members(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(files, members=("E0", "E2"))) == 2
    assert "none equals --driver" in capsys.readouterr().err


def test_the_mean_of_the_members_may_drive(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then every member is reweighted, and none is the driving one."""
    names = ("E0", "E2", "E3")
    energies = np.array([np.load(files / f"{name}.npy") for name in names])
    np.save(files / "E1.npy", energies.mean(axis=0))
    assert main(command(files, members=names)) == 0
    result = json.loads((files / "out" / "reweight.json").read_text())
    assert (result["driving_member"], result["driven_by"]) == (None, "mean of the members")
    assert not any(member["driving"] for member in result["members"])
    n = np.load(files / "N.npy")[:2000].astype(float)
    for member, row in zip(result["members"], energies, strict=True):
        h = ((row - energies.mean(axis=0)) / KT)[:2000]
        h -= h.mean()
        np.testing.assert_allclose(member["cea"], n.mean(axis=0) - (n * h[:, None]).mean(axis=0), atol=1e-9)


def test_scalars_and_columns_are_the_same_as_arrays_of_one_column(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(files / "N.npy", np.load(files / "N.npy")[:, 2:3])
    assert main(command(files)) == 0
    expected = json.loads((files / "out" / "reweight.json").read_text())
    np.save(files / "N.npy", np.load(files / "N.npy")[:, 0])
    np.save(files / "E2.npy", np.load(files / "E2.npy")[:, None])
    assert main(command(files)) == 0
    assert json.loads((files / "out" / "reweight.json").read_text()) == expected

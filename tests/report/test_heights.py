"""Heights of ions where no layers are told apart: range, mean, drift and mixing, of heights by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import CHARGED, collected, interfaces
from ion_heights import put_ions

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report import conclusions, heights
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.layers import conditional, layers_of

FRAMES = 160
MOVES = (0.6, 1.0)


def ramp(start: float, move: float) -> np.ndarray:
    """Heights (T,) Å that rise evenly: the second half is `move` above the first."""
    return np.linspace(start, start + 2 * move, FRAMES)


def spread(seed: int) -> np.ndarray:
    """Heights (T,) Å without memory between 4 and 6 Å."""
    return 4.0 + 2.0 * np.random.default_rng(seed).random(FRAMES)


@pytest.fixture
def leaving(campaign: Any) -> Any:
    """Ions of the model move outwards by 0.6 and 1.0 Å from 4.5 and 5 Å; the reference's mix."""
    interfaces(campaign)
    for replica, move in enumerate(MOVES):
        put_ions(campaign, "charged", replica, [ramp(4.5, move), ramp(5.0, move)])
        put_ions(campaign, "truth", replica, [spread(2 * replica), spread(2 * replica + 1)])
    return campaign


def charged_of(campaign: Any) -> Group:
    return next(group for group in groups(collected(campaign)) if group.title == CHARGED)


def test_range_mean_and_drift_are_those_of_the_ions(leaving: Any) -> None:
    """By hand: means of runs 4.75 + 0.6 and 4.75 + 1.0 Å; drift (0.6 + 1.0)/2 Å, ± 0.2 Å between runs."""
    truth, charged = charged_of(leaving).lines
    own = heights.heights_of(charged, "Na")
    assert own is not None
    assert (own.lowest, own.highest) == pytest.approx((4.5, 7.0))
    assert own.mean.mean == pytest.approx(5.55)
    half = FRAMES / (FRAMES - 1)  # between the means of halves of a ramp, over half its rise
    assert own.drift.mean == pytest.approx(0.8 * half)
    assert own.drift.se >= 0.2 * half - 1e-6
    assert (own.ions, own.outwards) == (4, 4)
    assert not own.mixed
    mixed = heights.heights_of(truth, "Na")
    assert mixed is not None
    assert mixed.mixed
    assert mixed.passes > 4 * FRAMES / 10


def test_without_layers_numbers_depend_on_heights(leaving: Any) -> None:
    truth, charged = charged_of(leaving).lines
    assert layers_of(charged, "Na") is None
    words = conditional(charged)
    assert words.startswith("Na: no layers identified, and its ions have not mixed between 4.50 and 7.00 Å")
    assert "numbers depend on the heights where its ions began" in words
    assert "visit one layer" not in words
    assert "its ions have mixed between 4.0" in conditional(truth)


def test_one_ion_that_stays_aside_is_not_mixed(leaving: Any) -> None:
    """Three ions pass hundreds of times between quarters; the fourth never comes down."""
    put_ions(leaving, "truth", 0, [spread(0), 5.9 + 0.01 * spread(1)])
    own = heights.heights_of(charged_of(leaving).lines[0], "Na")
    assert own is not None
    assert own.passes > heights.ENOUGH_PASSES
    assert (own.both, own.ions) == (3, 4)
    assert not own.mixed


def test_the_page_names_heights_and_no_layers(
    leaving: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))
    results = collected(leaving)
    for run in results.of("analyse", md="charged"):
        run.values["profiles"]["first_layer"]["peak_g_per_cm3"]["mean"] += 50.0
    assert any(
        "Conditional on the heights where the ions of charged and truth began." in own
        for own in conclusions.sentences(results)
    )
    build_report(leaving.document, leaving.tasks, leaving.store, tmp_path)
    summary = " ".join((tmp_path / "summary.txt").read_text(encoding="utf-8").split())
    values = read_json(tmp_path / "results.json") or {}
    assert (
        f"Ions: mean heights of Na in {CHARGED}, from the lowest to the highest ion of each run: " in summary
    )
    assert "No equilibrium distribution in mace, where ions have not mixed." in summary
    ions = values["comparisons"][CHARGED]["lines"]["charged"]["ions"]["Na"]
    assert ions["peaks_A"] is None
    assert ions["heights_A"]["mean"] == pytest.approx(5.55)
    assert ions["heights_A"]["mixed"] is False
    apart = heights.table(charged_of(leaving))
    assert apart is not None
    assert apart.rows[1][4].startswith("+0.5")  # 5.55 Å less the mean of numbers between 4 and 6 Å


def test_ions_stand_in_order_with_the_time_beyond_the_reference_s(leaving: Any) -> None:
    """Replicas: means 5.1 and 5.6, 5.5 and 6.0 Å, so 5.3 and 5.8, each ± 0.4/2.

    The reference's are between 4 and 6 Å; above are 0, 1/6, 1/4 and 1/2 of the four ions' times.
    """
    (words,) = heights.sentences([charged_of(leaving)])
    assert "mace 5.30 ± 0.20 and 5.80 ± 0.20 Å (drift of the mean" in words
    share = (1 / 6 + 1 / 4 + 1 / 2) / 4
    assert f", {100 * share:.0f} % of their time outside the heights of the reference's ions (4.0" in words
    assert words.count("outside the heights") == 1
    assert "of its own runs at most 1 % outside those of the others)" in words


def test_what_the_reference_s_own_runs_do_as_much_is_not_said(leaving: Any) -> None:
    """One run of the reference stays between 4 and 5 Å, the other goes to 6: half its time is outside."""
    put_ions(leaving, "truth", 0, [(spread(0) + 4.0) / 2, (spread(1) + 4.0) / 2])
    (words,) = heights.sentences([charged_of(leaving)])
    assert "outside the heights" not in words

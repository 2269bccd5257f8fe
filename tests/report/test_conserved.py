"""Conserved energy: what draws of momenta exchange, and a drift of all runs, of rows written by hand."""

from typing import Any

import pytest
from charged import collected

from mlipbench_hpc.report import conserved
from mlipbench_hpc.report.draw.runs import _draws
from mlipbench_hpc.report.sections.md import table, warnings

DRAWS = {"every": 0.05, "length": 0.1}
# eV at 0, 0.05, 0.10, 0.15, 0.2 ps of 10 atoms: the draws at 0.05 and 0.10 ps take out 0.1 and 0.14 eV.
ROWS = (-5.0, -5.0, -5.1, -5.24, -5.241)


def thermo(values: tuple[float, ...]) -> bytes:
    head = "step,time_ps,potential_eV,kinetic_eV,conserved_eV,temperature_K"
    rows = [f"{100 * row},{0.05 * row},-6,1,{value},300" for row, value in enumerate(values)]
    return "\n".join([head, *rows]).encode()


def run(campaign: Any, drifts: tuple[float, ...], equilibrate: dict[str, float] | None) -> Any:
    """One `md` with a run for each drift."""
    campaign.document["campaign"]["md"]["drawn"] = {
        "committee": None, "potential": "spc-fw", "temperature": 300.0, "length": 0.2,
        "start": {"system": "box"},
        "replicas": len(drifts), "equilibrate": equilibrate, "stability": {"conserved_energy": 0.004},
    }  # fmt: skip
    for replica, drift in enumerate(drifts):
        values = {"outcome": "completed", "cause": None, "time_ps": 0.2, "steps": 400, "frames": 5,
                  "atoms": 10, "conserved_drift_meV_per_atom_per_ps": drift,
                  "largest_conserved_deviation_meV_per_atom": 0.1}  # fmt: skip
        subject = {"md": "drawn", "replica": replica, "potential": "spc-fw"}
        campaign.commit("md", subject, values, {"thermo.csv": thermo(ROWS)})
    return campaign


def test_the_draws_exchange_what_the_conserved_energy_jumps_by(campaign: Any) -> None:
    """-5.24 + 5.0 eV of 10 atoms: -24 meV/atom; the row at the last draw is from before it."""
    results = collected(run(campaign, (0.0,), DRAWS))
    (item,) = results.of("md", md="drawn")
    assert conserved.last_draw_ps(results, "drawn") == pytest.approx(0.1)
    assert conserved.exchanged(results, item) == pytest.approx(-24.0)
    (row,) = [row for row in table(results).rows if row[0] == "drawn"]
    assert row[-1] == "−24.0"
    assert "drawn up to 0.100 ps" in _draws(results, ["drawn"])


def test_without_draws_nothing_is_exchanged(campaign: Any) -> None:
    results = collected(run(campaign, (0.0,), None))
    (item,) = results.of("md", md="drawn")
    assert conserved.exchanged(results, item) is None
    assert _draws(results, ["drawn"]) == ""


def test_a_drift_that_all_runs_share_is_said_with_its_size(campaign: Any) -> None:
    """The quickstart's: mean -0.01829, SE 0.00083, t = 22 with 3 degrees of freedom: p = 2e-4."""
    drifts = (-0.018266746, -0.020634501, -0.016881363, -0.017388534)
    results = collected(run(campaign, drifts, None))
    own = conserved.drift(results.of("md", md="drawn"))
    assert own is not None
    assert (own.mean, own.error) == pytest.approx((-0.0182929, 0.00083137), rel=1e-4)
    assert own.p == pytest.approx(2.06e-4, rel=0.05)
    (warning,) = [own for own in warnings(results) if "conserved energy drifts" in own.sentence]
    assert "by −0.01829 ± 0.00083 meV/atom/ps" in warning.sentence
    assert "−1.8 meV/atom in 100 ps, the limit of 4.00 meV/atom after 219 ps" in warning.sentence


@pytest.mark.parametrize("drifts", [(-0.0015, 0.0046, -0.0019, -0.0044), (-0.018, -0.019)])
def test_a_drift_of_either_sign_or_of_two_runs_is_not(campaign: Any, drifts: tuple[float, ...]) -> None:
    assert conserved.sentence(collected(run(campaign, drifts, None)), "drawn") == ""

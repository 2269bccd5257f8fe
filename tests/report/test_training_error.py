"""Training errors that are not determined: said so in page, summary, figures' files and results.json."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import CHARGED, add, collected

from mlipbench_hpc.analysis.spread import Spread
from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report.html import build_report

LONG = {"time_ps": 600.0, "analysed_ps": 500.0, "memory": 4.0}
OVERLAY = "overlay-Au36-O24-H48-Na1-300-K"


@pytest.fixture
def compared(campaign: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model and the reference, without time for drawing."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "model", "mace", spread={"frames": 150.0}, **LONG)
    add(campaign, "truth", None, **LONG)
    return campaign


def build(campaign: Any, out: Path) -> tuple[dict[str, Any], str]:
    """results.json and the summary."""
    build_report(campaign.document, campaign.tasks, campaign.store, out)
    return read_json(out / "results.json") or {}, (out / "summary.txt").read_text()


def lose_spread(campaign: Any) -> None:
    """Noise of every reweighting above the spread of its members, in numbers and curves."""
    for item in collected(campaign).of("reweight"):
        item.folder.chmod(0o755)
        for path in item.folder.glob("reweighted-*.csv"):
            header, *rows = path.read_text().splitlines()
            place = header.split(",").index("noise")
            cells = [row.split(",") for row in rows]
            path.chmod(0o644)
            noisy = [",".join([*own[:place], "9.0", *own[place + 1 :]]) for own in cells]
            path.write_text("\n".join([header, *noisy]) + "\n")
        result = read_json(item.folder / "result.json") or {}
        for scalar in result["values"]["scalars"].values():
            scalar["noise"] = 100.0
        (item.folder / "result.json").chmod(0o644)
        seal(item.folder, result | {"outputs": outputs(item.folder)})


def test_spread_within_its_noise_by_hand() -> None:
    """s² = 4 with noise 1, 1 with noise 4, and 0 without noise: σ = √3, not determined, 0."""
    spread = Spread(np.array([4.0, 1.0, 0.0]), np.array([1.0, 4.0, 0.0]), np.ones(3), 10)
    np.testing.assert_allclose(spread.determined, [3**0.5, np.nan, 0.0])


def test_a_spread_within_its_noise_is_not_determined_rather_than_zero(compared: Any, tmp_path: Path) -> None:
    lose_spread(compared)
    results, summary = build(compared, tmp_path)
    own = results["comparisons"][CHARGED]["lines"]["model"]["numbers"]["cosine"]
    assert own["training"] is None
    assert re.search(r"0\.310 ± 0\.0\d+ ± not determined", summary)
    assert "± not determined" in (tmp_path / "report.html").read_text()
    drawn = results["figures"][OVERLAY]
    rows = zip(drawn["md"], drawn["observable"], drawn["training"], strict=True)
    assert {width for md, name, width in rows if (md, name) == ("model", "density")} == {None}
    header, *lines = (tmp_path / f"figures/{OVERLAY}.csv").read_text().splitlines()
    place = header.split(",").index("training")
    assert {line.split(",")[place] for line in lines if line.startswith("density,model")} == {""}


def test_a_model_without_reweighting_has_no_training_error_and_the_reference_needs_none(
    compared: Any, tmp_path: Path
) -> None:
    compared.tasks = [task for task in compared.tasks if task.verb != "reweight"]
    results, summary = build(compared, tmp_path)
    numbers = results["comparisons"][CHARGED]["lines"]["model"]["numbers"]
    assert {own["training"] for own in numbers.values()} == {None}
    model, truth = (
        re.search(rf"{name}: .*?mean P_z +([^\n]*)", summary, re.DOTALL) for name in ("  mace", "electrode")
    )
    assert model is not None
    assert truth is not None
    assert "± not determined" in model[1]
    assert "not determined" not in truth[1]

"""Figures of `mlipbench analyse`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlipbench_hpc.data.observable import HEIGHT, Observable
from mlipbench_hpc.report import analysed
from mlipbench_hpc.report.draw.drawing import finish


def test_the_legend_covers_no_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks up to the frame's edge, everywhere: no place within is free."""
    canvases: list[Any] = []

    def watched(*given: Any) -> Any:
        campaign = finish(*given)
        canvases.append(given[-1])
        return campaign

    monkeypatch.setattr(analysed, "finish", watched)
    z = np.arange(-10, 30, 0.1)
    rows = np.column_stack([z, np.abs(np.sin(z)), np.full(len(z), 0.01)])
    header = "z_A,density_g_per_cm3,se_density_g_per_cm3"
    np.savetxt(tmp_path / "profiles.csv", rows, delimiter=",", header=header, comments="")
    density = Observable(
        "density", "Water density", "ρ", axis=HEIGHT, file="profiles.csv", column="density_g_per_cm3",
        error="se_density_g_per_cm3", drawn="line",
    )  # fmt: skip
    content = {"descriptors": [density.to_json()], "blocks": 10}
    (tmp_path / "analysis.json").write_text(json.dumps(content))
    assert analysed.draw(tmp_path) == ["analysis.json", "profiles.csv", "density.svg"]
    (axes,) = canvases[0].axes
    legend, frame = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert legend.y0 >= frame.y1
    assert legend.x1 <= canvases[0].bbox.x1
    assert legend.y1 <= canvases[0].bbox.y1

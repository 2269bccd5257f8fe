"""Rendering of figures: what it costs."""

from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from mlipbench_hpc.report.draw.drawing import new_axes, render


def test_each_file_draws_the_figure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """SVG and PDF: two drawings, not one more for the layout of each."""
    draw, drawings = Canvas.draw, list[Canvas]()

    def counted(canvas: Canvas, renderer: Any) -> None:
        drawings.append(canvas)
        draw(canvas, renderer)

    monkeypatch.setattr(Canvas, "draw", counted)
    canvas, axes = new_axes((3.0, 2.0), "x", "y")
    axes.plot([0.0, 1.0], [0.0, 1.0])
    svg, pdf = render(canvas, "line")
    assert svg.rstrip().endswith("</svg>")
    assert pdf.startswith(b"%PDF")
    assert drawings == [canvas] * 2

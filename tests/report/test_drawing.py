"""Rendering of figures: what it costs."""

from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from mlipbench_hpc.report.draw.drawing import COLOURS, colour_of, legend_below, new_axes, render


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


def test_colours_differ_beyond_the_palette() -> None:
    colours = [colour_of(index) for index in range(3 * len(COLOURS))]
    assert colours[: len(COLOURS)] == list(COLOURS)
    assert len(set(colours)) == len(colours)


def test_a_legend_below_covers_no_line() -> None:
    canvas, axes = new_axes((4.6, 3.1), "x", "y")
    for line in range(9):
        axes.plot([0.0, 1.0], [0.0, line], label=f"a line with a name, {line}")
    legend_below(canvas, axes)
    canvas.draw_without_rendering()
    (legend,) = canvas.legends
    assert legend.get_window_extent().y1 <= axes.get_window_extent().y0

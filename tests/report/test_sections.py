"""Sections: found by themselves, a third party's too, each with its own keys, anchors and figures."""

import sys
from pathlib import Path
from typing import Any

import pytest
from wellformed import Wellformed

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report import sections
from mlipbench_hpc.report.draw.drawing import Figure
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.section import Content, Folded, Gallery, Table, all_figures, all_sections, together

ANCHORS = [
    "overview", "comparison", "missing", "data_efficiency", "speed_studies", "stability",
    "mixed_vs_specific", "thermostats", "dynamics", "reweighting_check", "polarization", "truth",
    "foundation",
    "solvation", "visibility", "roughness", "asked", "data", "models", "errors", "uncertainty", "md",
    "speed", "structure", "profiles", "cite", "timings", "provenance",
]  # fmt: skip
TOY = """
import numpy as np
from mlipbench_hpc.report.draw.drawing import finish, new_axes
from mlipbench_hpc.report.section import (
    Caution, Content, Folded, Gallery, Paragraph, Section, Table,
)

def build(results):
    canvas, axes = new_axes((3.0, 2.0), "number", "square")
    axes.plot([1, 2], [1, 4])
    figure = finish("squares", "Squares", "Squares of numbers.", {"n": [1.0, 2.0]}, canvas)
    table = Table("Lengths of names.", ["committee", "letters"], [[n, str(len(n))] for n in results.names("committees")])
    return Content(
        [Paragraph("Of <no> use."), table, Folded("More", [Gallery([figure], "none")])],
        numbers={"toy": {"letters": 4}}, verdict=[["Names are short."]], warnings=[Caution("names", "Names", "one is short.")],
    )

SECTION = Section("%s", "Names", 65, build)
"""  # noqa: E501


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A package outside this one, as pip would leave it, with one section."""
    (folder / "toy_section.py").write_text(TOY % name)
    information = folder / "toy_section-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-section\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[mlipbench_hpc.sections]\ntoy = toy_section:SECTION\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "toy_section", raising=False)


def test_every_module_is_a_section() -> None:
    modules = {path.stem for path in Path(sections.__path__[0]).glob("*.py")} - {"__init__"}
    assert [section.name for section in all_sections()] == ANCHORS
    assert modules == set(ANCHORS)


@pytest.mark.whole
def test_a_section_of_somebody_else(campaign: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file and one line of an entry point: on the page, in results.json, among figures and warnings."""
    install(tmp_path, monkeypatch, "names")
    page = build_report(campaign.document, campaign.tasks, campaign.store, tmp_path / "out").read_text(
        encoding="utf-8"
    )
    parsed = Wellformed(page)
    assert parsed.open == []
    assert page.index('<section id="models"') < page.index('<section id="names"') < page.index('id="errors"')
    assert '<a href="#names">Names</a>' in page
    assert "Of &lt;no&gt; use." in page
    assert '<td>mace</td><td class="n">4</td>' in page
    assert "<li>One is short. [names]</li>" in page
    results = read_json(tmp_path / "out" / "results.json")
    assert results["toy"] == {"letters": 4}
    assert "Names are short." in results["verdict"]
    assert "Names: one is short." in results["warnings"]
    assert results["figures"]["squares"] == {"n": [1.0, 2.0]}
    assert (tmp_path / "out/figures/squares.pdf").read_bytes().startswith(b"%PDF")
    assert 'id="figure-squares"' in page


@pytest.mark.parametrize("name", ["models", "warnings"])
def test_two_sections_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install(tmp_path, monkeypatch, name)
    with pytest.raises(ValueError, match=f"{name} is registered twice; rename yours"):
        all_sections()


def test_two_figures_never_write_the_same_files() -> None:
    figure = Figure("squares", "Squares", "", {}, "", b"")
    assert all_figures([Content([Folded("more", [Gallery([figure], "")])])]) == [figure]
    with pytest.raises(ValueError, match="squares is drawn twice; rename yours"):
        all_figures([Content([Gallery([figure], "")])] * 2)


def test_an_entry_point_that_is_no_section_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "names")
    (tmp_path / "toy_section.py").write_text("SECTION = 'names'\n")
    with pytest.raises(
        ValueError, match=r"entry point toy of .*: received str from toy_section:SECTION, expected"
    ):
        all_sections()


def test_two_sections_never_write_the_same_key() -> None:
    with pytest.raises(ValueError, match="two sections give the key md"):
        together([Content([], {"md": 1, "toy": 2}), Content([], {"md": 3})])
    assert together([Content([], {"md": 1}), Content([], {"toy": 2})]) == {"md": 1, "toy": 2}


def test_a_verb_that_the_report_does_not_know_is_listed(campaign: Any) -> None:
    campaign.commit("measure", {"system": "box"}, {}, {})
    campaign.change(
        lambda task: task.verb == "measure", status="failed", failure={"message": "no <space> left"}
    )
    from mlipbench_hpc.report.collect import collect

    content = next(section for section in all_sections() if section.name == "missing").build(
        collect(campaign.document, campaign.tasks, campaign.store)
    )
    (table,) = content.blocks
    assert isinstance(table, Table)
    assert table.rows == [
        [
            "measure system=box",
            "failed",
            "no <space> left",
            "results that depend on this task are missing too",
        ]
    ]

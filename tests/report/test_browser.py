"""The page in a real browser: nothing fails, nothing is fetched, no figure is empty, all is readable.

Chromium is driven by its command line. A script in a copy of the page opens what is folded and measures; the
copy stands in a frame as wide as the screen in question, because a window of Chromium is never narrower than
500 pixels.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import interfaces
from matplotlib.image import imread

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report.html import build_report

pytestmark = pytest.mark.whole
# Set where Chromium must be there (.ci/run does): its absence is then a failure and no reason to skip.
REQUIRED = "MLIPBENCH_REQUIRE_CHROMIUM"
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--allow-file-access-from-files",
)  # fmt: skip
MEASURE = """<script>
addEventListener("load", () => {
  const closed = document.querySelectorAll("details:not([open])").length;
  document.querySelectorAll("details").forEach(d => d.open = true);
  const figures = [...document.querySelectorAll("figure")].map(f => {
    const svg = f.querySelector("svg"), box = svg.getBoundingClientRect();
    return {id: f.id, height: box.height, scale: box.width / svg.viewBox.baseVal.width,
            shapes: svg.querySelectorAll("path, use, image").length};
  });
  const sizes = [...document.querySelectorAll("p, li, td, th, figcaption")]
    .filter(e => e.innerText.trim()).map(e => parseFloat(getComputedStyle(e).fontSize));
  const first = document.querySelector("section").getBoundingClientRect();
  parent.postMessage(JSON.stringify({
    width: innerWidth, content: document.documentElement.scrollWidth, closed, figures,
    smallest: Math.min(...sizes),
    cut: [...document.querySelectorAll("div.table")].filter(e => getComputedStyle(e).overflowX != "auto" &&
      e.scrollWidth > e.clientWidth).length,
    tall: Math.max(0, ...[...document.querySelectorAll("td")].filter(e => e.innerText.length > 40).map(
      e => 15 * parseFloat(getComputedStyle(e).fontSize) - e.getBoundingClientRect().width)),
    fetched: performance.getEntriesByType("resource").map(e => e.name), bottom: first.bottom,
  }), "*");
});
</script></head>"""
FRAME = """<!DOCTYPE html><title>frame</title><pre id="measured"></pre>
<iframe src="copy.html" width="%d" height="900" style="border: 0"></iframe>
<script>
addEventListener("message", e => document.getElementById("measured").textContent = e.data);
</script>"""
ATOM = "ATOM  {:5d} {:>4} MOL     1    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00          {:>2}  \n"


@pytest.fixture(scope="session")
def chromium() -> str:
    path = shutil.which("chromium")
    if path is None and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but chromium is not on PATH")
    if path is None:
        pytest.skip("chromium is not on PATH: the page is not opened here")
    return path


def frame() -> bytes:
    """A start frame: a layer of gold, a water and an ion above it."""
    atoms = [("Au", 2.9 * i, 2.9 * j, 5.0) for i in range(3) for j in range(3)]
    atoms += [("O", 3.0, 3.0, 8.5), ("H", 3.8, 3.0, 9.0), ("H", 2.2, 3.0, 9.0), ("Na", 6.0, 6.0, 10.0)]
    lines = [
        ATOM.format(number, name, x, y, z, name.upper()) for number, (name, x, y, z) in enumerate(atoms, 1)
    ]
    return ("CRYST1    8.700    8.700   30.000  90.00  90.00  90.00 P 1\n" + "".join(lines)).encode()


@pytest.fixture(scope="module")
def report(chromium: str, make_campaign: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report with every section."""
    root = tmp_path_factory.mktemp("browsed")
    whole = interfaces(make_campaign(root / "store"), topology=frame())
    return build_report(whole.document, whole.tasks, whole.store, root / "out").parent


def browse(chromium: str, work: Path, page: Path, *options: str) -> tuple[str, str]:
    """What Chromium writes on standard output, and its log."""
    command = [chromium, *QUIET, f"--user-data-dir={work / 'profile'}", "--enable-logging=stderr", *options]
    ended = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    return ended.stdout, ended.stderr


def measure(chromium: str, work: Path, report: Path, width: int, printed: bool = False) -> dict[str, Any]:
    """The page at so many pixels; printed: in the style of its prints."""
    text = (report / "report.html").read_text(encoding="utf-8").replace("</head>", MEASURE, 1)
    text = text.replace("@media print", "@media all") if printed else text
    (work / "copy.html").write_text(text, encoding="utf-8")
    (work / "frame.html").write_text(FRAME % width, encoding="utf-8")
    tree, log = browse(chromium, work, work / "frame.html", "--dump-dom", "--virtual-time-budget=5000")
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    shown = re.search(r'<pre id="measured">(.*?)</pre>', tree, re.S)
    assert shown is not None
    assert shown[1], log[-2000:]
    measured: dict[str, Any] = json.loads(shown[1])
    return measured


@pytest.mark.parametrize(
    ("width", "printed"),
    [(1400, False), (1280, False), (390, False), (718, True)],
    ids=["wide", "desk", "telephone", "A4"],
)
def test_page_is_readable(chromium: str, report: Path, tmp_path: Path, width: int, printed: bool) -> None:
    page = measure(chromium, tmp_path, report, width, printed)
    assert page["width"] == width
    assert page["content"] <= width, "the page is wider than the screen"
    assert page["smallest"] >= (9.5 if printed else 12), "pixels of the smallest text"
    assert page["fetched"] == []
    assert page["cut"] == 0 or printed, "tables that neither fit nor scroll"
    assert page["tall"] < 1 or printed, "a cell of many words is squeezed into a narrow column"
    figures = {figure["id"]: figure for figure in page["figures"]}
    assert set(figures) == {
        f"figure-{name}" for name in (read_json(report / "results.json") or {})["figures"]
    }
    assert "figure-cell" in figures
    # text of 8 to 10 pt in the figure is at least 7 pixels high
    assert [name for name, own in figures.items() if not 0.85 <= own["scale"] < 2.2] == []
    assert [name for name, own in figures.items() if own["height"] < 100 or own["shapes"] < 20] == []


def test_conclusions_stand_on_the_first_screen(chromium: str, report: Path, tmp_path: Path) -> None:
    page = measure(chromium, tmp_path, report, 1280)
    assert page["bottom"] < 1000
    assert page["closed"] > 5


def test_pixels_of_the_page_and_its_print(chromium: str, report: Path, tmp_path: Path) -> None:
    shot, pdf = tmp_path / "page.png", tmp_path / "page.pdf"
    browse(chromium, tmp_path, report / "report.html", "--window-size=1280,1000", f"--screenshot={shot}")
    pixels = imread(shot)[:, :, :3]
    assert pixels.shape[:2] == (1000, 1280)
    bright = pixels.mean(axis=2)
    assert 0.02 < np.mean(bright < 0.7) < 0.4, "ink on paper"
    gold = np.abs(pixels - np.array([217, 165, 32]) / 255).max(axis=2) < 0.03
    assert gold.sum() > 1000, "the metal of the cell is seen on the first screen"
    browse(chromium, tmp_path, report / "report.html", f"--print-to-pdf={pdf}")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert 5 < len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) < 60

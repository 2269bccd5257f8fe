"""Citations of the architectures in use, from their cards."""

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Content, Points, Section


def build(results: Results) -> Content:
    """One line for each entry of each card."""
    cards = results.document["architectures"]
    entries = [f"{name}: {entry}" for name in sorted(cards) for entry in cards[name]["citation"]]
    return Content([Points(entries)] if entries else [])


SECTION = Section("cite", "Cite", 115, build)

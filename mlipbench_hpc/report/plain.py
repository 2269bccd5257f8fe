"""The report in eighty columns: what is printed when a run ends."""

from mlipbench_hpc.report.section import Content
from mlipbench_hpc.report.text import wrapped


def summary(title: str, contents: list[Content]) -> str:
    """The verdict, then what sections add; no line is longer than 80 characters."""
    lines = [title, "=" * len(title)]
    for content in contents:
        for first, *points in content.verdict:
            lines += wrapped(first)
            lines += [text for point in points for text in wrapped(point, indent="    ", first="  - ")]
    lines += [line for content in contents for line in content.summary]
    return "\n".join(lines) + "\n"

"""Report in eighty columns, printed when a run ends."""

from mlipbench_hpc.report.cautions import kinds
from mlipbench_hpc.report.section import Content
from mlipbench_hpc.report.text import wrapped


def summary(title: str, contents: list[Content]) -> str:
    """Verdict, one line for each kind of warning, then the sections' summaries; as on the page.

    No line is longer than 80 characters. Points below a sentence of the verdict stand on the page alone.
    """
    lines = [title, "=" * len(title)]
    for content in contents:
        lines += [text for paragraph in content.verdict for text in wrapped(paragraph[0])]
    if every := kinds(contents):
        lines += ["", f"Warnings, most consequential first ({len(every)})", "-" * 80]
        lines += [text for kind in every for text in wrapped(kind.line(), indent="    ", first="  - ")]
    lines += [line for content in contents for line in content.summary]
    return "\n".join(lines) + "\n"

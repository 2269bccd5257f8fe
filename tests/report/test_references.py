"""Several references of one system that differ from each other."""

from typing import Any

import pytest
from charged import add, collected

from mlipbench_hpc.report import references
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.sections.comparison import SECTION


@pytest.mark.parametrize(("shift", "differ"), [(0.0, False), (2.0, False), (6.0, True)])
def test_references_of_one_system_are_compared(campaign: Any, shift: float, differ: bool) -> None:
    """Shifted by so many errors of a run, which are those of a difference of two runs each: 2 and 6."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "truth", None, ions=0)
    add(campaign, "again", None, ions=0, shift=shift)
    results = collected(campaign)
    (group,) = [group for group in groups(results) if group.interface]
    sentences = references.apart(group)
    assert bool(sentences) == differ
    content = SECTION.build(results)
    warned = [caution.sentence for caution in content.warnings if "References differ" in caution.sentence]
    assert warned == sentences
    if differ:
        assert "mean P_z −6.00 ± 0.28 in truth and −3.60 ± 0.28 in again" in sentences[0]
        assert any(sentences[0] in words for paragraph in content.verdict for words in paragraph)

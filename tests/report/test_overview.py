"""What the page begins with: warnings by kind, the table of z, three sentences, the picture of the cell."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from charged import interfaces
from profiled import ERRORS, SCALARS

from mlipbench_hpc.report import conclusions, summary_table
from mlipbench_hpc.report.cautions import kinds, merged
from mlipbench_hpc.report.collect import Results, collect
from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.draw.cell import cell, read_topology
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.section import Caution, Consequence, Content, Table


def warned(*cautions: Caution) -> list[Content]:
    return [Content([], warnings=list(cautions))]


def test_equal_warnings_of_several_runs_are_a_single_line() -> None:
    sentences = ["replica 0: width 0.5 Å exceeds 2 Å.", "replica 1: width −1.5 Å exceeds 2 Å."]
    own = [Caution("a", "MD a (1 ps)", sentence) for sentence in sentences]
    (kind,) = kinds(warned(*own, replace(own[0], place="b"), own[0]))
    assert kind.line() == "Width … Å exceeds 2 Å. [a (replicas 0 and 1): −1.5 to 0.5; b (replica 0): 0.5]"
    assert len(kind.cautions) == 3


def test_warnings_stand_in_the_order_of_their_consequence() -> None:
    note = [Caution(place, place, "a note.", Consequence.NOTE) for place in "abc"]
    few = [Caution(place, place, "an error.", Consequence.ERROR_UNKNOWN) for place in "a"]
    many = [Caution(place, place, "errors.", Consequence.ERROR_UNKNOWN) for place in "ab"]
    wrong = [Caution("a", "a", "wrong.", Consequence.WRONG)]
    result = [kind.sentence for kind in kinds(warned(*note, *few, *many, *wrong))]
    assert result == ["wrong.", "errors.", "an error.", "a note."]


def test_a_stated_kind_holds_different_sentences_together() -> None:
    own = [Caution(p, p, f"{p} is cold", kind="species at different temperatures") for p in ("Au", "Na")]
    (kind,) = kinds(warned(*own))
    assert kind.line() == "Species at different temperatures [Au and Na]"
    cold = [replace(caution, value=f"{kelvin} K") for caution, kelvin in zip(own, (212, 409), strict=True)]
    (kind,) = kinds(warned(*cold))
    assert kind.line() == "Species at different temperatures [Au: 212 K; Na: 409 K]"


def test_a_line_on_several_runs_states_the_values_of_each() -> None:
    """A number with its error is one value; what all runs share stays in the sentence."""
    pairs = {
        "dp": "12 standard errors (−12.26 ± 0.25 and −3.79 ± 0.93)",
        "mace": "3.0 standard errors (−8.00 ± 0.27 and −7.27 ± 0.65)",
    }
    own = [Caution(name, name, f"replicas differ by {words}, limit 3.") for name, words in pairs.items()]
    (kind,) = kinds(warned(*own))
    assert kind.line() == (
        "Replicas differ by … standard errors (… and …), limit 3. [dp: 12, −12.26 ± 0.25 and −3.79 ± 0.93; "
        "mace: 3.0, −8.00 ± 0.27 and −7.27 ± 0.65]"
    )
    assert kinds(warned(own[0]))[0].line() == f"Replicas differ by {pairs['dp']}, limit 3. [dp]"


def test_formulas_are_listed_and_names_with_digits_are_no_numbers() -> None:
    sentences = ["P2x of Au4H2 is -1 eV", "P2x of Au4Na1 is +2 eV"]
    assert merged([Caution("a", "a", own) for own in sentences]) == "P2x of Au4H2 and Au4Na1 is -1 to +2 eV"
    assert merged([Caution(own, own, own) for own in sentences]) == "P2x of … is … eV"


def collected(campaign: Any) -> Results:
    return collect(campaign.document, campaign.tasks, campaign.store)


def test_z_is_the_difference_over_both_errors(campaign: Any) -> None:
    """Two replicas each: SE/√2. Members lie (0, 1, -1, 2)·SE apart: σ² = 5/3 SE², its limit is a χ² bound."""
    results = collected(interfaces(campaign))
    table = summary_table.table(groups(results))
    assert isinstance(table, Table)
    one = next(one for one in summary_table.differences(groups(results)[0]) if one.quantity.name == "cosine")
    assert one.whole.difference == pytest.approx(0.6 * ERRORS["cosine"])
    sampling = ERRORS["cosine"] ** 2
    model = numbered(one.line, "cosine").model
    assert model is not None
    training = model.error**2
    assert one.whole.t == pytest.approx(0.6 * ERRORS["cosine"] / math.sqrt(sampling + training))
    assert one.shares == pytest.approx(
        [part / (sampling + training) for part in (sampling / 2, sampling / 2, training)]
    )
    assert table.titles == [0, 3]
    assert table.rows[1][0].startswith("reference potential electrode\n2 runs of 2.00 ps")
    assert table.rows[1][1] == f"{SCALARS['cosine']:.3f} ± 0.014\nreference".replace("-", "−")
    assert "○ t = " in table.rows[2][1]
    assert table.marks[2, 1] == "unresolved"
    # nothing to compare the neutral interface with
    assert "z" not in table.rows[4][1]


def test_three_sentences_say_what_is_resolved_and_what_to_run(campaign: Any) -> None:
    """The clock of the toy store gives its n-th task 3 + n s of wall time; runs have 1.6 of 100 ps."""
    results = collected(interfaces(campaign))
    resolved, unresolved, following = conclusions.sentences(results)
    assert resolved == (
        "Resolved: none of 4 differences in the primary table. Of the models member 0 of mace alone ran, "
        "not the committees."
    )
    assert "4 of 4 differences" in unresolved
    assert "mean P_z" in unresolved
    runs = {md: results.of("md", md=md) for md in ("truth", "charged", "neutral")}
    hours = sum(
        sum(run.result["timing"]["wall_s"] for run in own) / (2.0 * len(own)) * 98.4 * len(own) / 3600
        for own in runs.values()
    )
    assert f"{hours:.1f} h of run time" in following or f"{60 * hours:.1f} min of run time" in following
    assert "truth, charged and neutral to 100 ps" in following


def test_a_resolved_difference_is_provisional_while_runs_are_short(campaign: Any) -> None:
    whole = interfaces(campaign)
    results = collected(whole)
    for run in results.of("analyse", md="charged"):
        run.values["profiles"]["first_layer"]["peak_g_per_cm3"]["mean"] += 50.0
    resolved = conclusions.sentences(results)[0]
    assert "mace in density at the first peak" in resolved
    assert "Provisional" in resolved


def test_without_comparison_there_are_no_sentences(campaign: Any) -> None:
    assert conclusions.sentences(collected(campaign)) == []
    assert summary_table.table(groups(collected(campaign))) is None


def test_the_picture_holds_every_atom_of_the_start_frame(campaign: Any, tmp_path: Path) -> None:
    line = "ATOM  {:5d} {:>4} MOL     1    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00          {:>2}  \n"
    atoms = [("Au", 0.0, 0.0, 5.0), ("O", 1.0, 2.0, 8.125), ("Na", -3.5, 0.5, 10.0)]
    text = "".join(line.format(n, name, x, y, z, name.upper()) for n, (name, x, y, z) in enumerate(atoms))
    (tmp_path / "topology.pdb").write_text(text)
    read = read_topology(tmp_path / "topology.pdb")
    assert read is not None
    assert read.symbols == ["Au", "O", "Na"]
    assert read.positions.tolist() == [list(place) for _, *place in atoms]
    assert read_topology(tmp_path / "none.pdb") is None
    figure = cell(collected(interfaces(campaign, topology=text.encode())))
    assert figure is not None
    assert figure.columns["z_A"] == [5.0, 8.125, 10.0]
    assert "charged" in figure.caption or "truth" in figure.caption

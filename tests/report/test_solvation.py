"""The section of solvation, from runs made by hand: two ions that hop between two layers."""

from typing import Any

import numpy as np
import pytest
from charged import CHARGED, add, collected
from ion_heights import INNER_A, OUTER_A, hopping, put_ions
from profiled import npz

from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.report import solvation
from mlipbench_hpc.report.sections.solvation import SECTION
from mlipbench_hpc.report.studies import parts

FRAMES, SKIPPED = 160, 40
SPECIES = [79] * 36 + [1] * 48 + [8] * 24 + [11]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for rendering."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def positions() -> np.ndarray:
    """Frames (F, N, 3) Å with the ion at the origin, an oxygen at 2.4 Å, and all else across the cell."""
    frame = np.full((len(SPECIES), 3), 4.3)
    frame[:, 2] = 15.0
    frame[-1], frame[36 + 48] = 0.0, (8.65 + 2.4, 0.0, 0.0)
    return np.tile(frame, (SKIPPED + FRAMES, 1, 1))


def trajectory() -> bytes:
    """`trajectory.nc` of a run."""
    numbers, frames = np.array(SPECIES), positions()
    records = np.zeros(len(frames), record_type(len(numbers)))
    records["time"], records["coordinates"] = 0.01 * np.arange(len(frames)), frames
    records["cell_lengths"], records["cell_angles"] = (8.65, 9.99, 37.1), 90.0
    begin = header(numbers)
    return begin[:4] + numrecs(len(frames)) + begin[8:] + records.tobytes()


def put_shells(campaign: Any, md: str, replica: int, heights: np.ndarray) -> None:
    """Heights (T,) Å of the ion, four oxygens in the inner layer and six in the outer, and the trajectory."""
    neighbours = np.where(heights < (INNER_A + OUTER_A) / 2, 4, 6).astype(np.uint8)
    put_ions(campaign, md, replica, [heights])
    (analysis,) = collected(campaign).of("analyse", md=md, replica=replica)
    (run,) = collected(campaign).of("md", md=md, replica=replica)
    ions = {"coordination_within_A": 3.2, "indices": [len(SPECIES) - 1]}
    values = {"dynamics": {"frame_ps": 0.01, "first_frame": SKIPPED, "ions": {"Na": ions}}}
    for item, name, content in (
        (analysis, "ion_coordination.npz", npz(Na=neighbours[:, None])), (run, "trajectory.nc", trajectory()),
    ):  # fmt: skip
        item.folder.chmod(0o755)
        (item.folder / name).write_bytes(content)
        result = read_json(item.folder / "result.json")
        result["values"] |= values if item is analysis else {}
        seal(item.folder, result | {"outputs": outputs(item.folder)})


@pytest.fixture
def hopped(campaign: Any) -> Any:
    """Two runs of a model whose ion changes layer seven times in each."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace")
    for replica in range(2):
        put_shells(campaign, "charged", replica, hopping(replica, 7, FRAMES, seed=replica))
    study = {"kind": "solvation", "runs": ["charged", "bulk"]}
    campaign.document["campaign"]["studies"] = {"shells": study}
    campaign.document["studies"] = {"shells": {"kind": "solvation", "entries": {}}}
    return campaign


def test_layers_have_their_oxygens_shares_and_stays(hopped: Any) -> None:
    """Eight stays of 20 frames of 0.01 ps in each run: half the time in each layer, 0.2 ps at a time."""
    (part,) = parts(collected(hopped), "solvation")
    (own,) = solvation.solvated(part)
    assert [layer.peak for layer in own.layers] == pytest.approx([INNER_A, OUTER_A], abs=0.1)
    np.testing.assert_allclose(own.in_layers.mean, [4.0, 6.0])
    assert own.share(0).mean == pytest.approx(0.5)
    np.testing.assert_allclose(own.mean_heights.mean, [INNER_A, OUTER_A], atol=0.05)
    departures = [own.stays(layer).departures for layer in (0, 1)]
    assert sum(departures) == 14
    assert own.stays(0).time_ps == pytest.approx(1.6)
    assert own.stays(0).mean_ps == pytest.approx(1.6 / departures[0])
    rows = solvation.table(part, [own]).rows
    assert [(row[3], row[8], row[10]) for row in rows] == [
        ("inner", "4.00 (error not determined)", "7"), ("outer", "6.00 (error not determined)", "7"),
    ]  # fmt: skip
    assert "within 3.20 Å" in solvation.table(part, [own]).caption


def test_the_profile_rises_from_one_layer_to_the_other(hopped: Any) -> None:
    content = SECTION.build(collected(hopped))
    figure = next(one for one in content.figures if one.name == "solvation-shells")
    columns = {name: np.array(values) for name, values in figure.columns.items()}
    low, high = columns["z_A"] < 5, columns["z_A"] > 5.4
    visited = columns["samples"] > 0
    np.testing.assert_allclose(columns["oxygens"][low & visited], 4.0)
    np.testing.assert_allclose(columns["oxygens"][high & visited], 6.0)
    assert columns["samples"].sum() == 2 * FRAMES
    assert set(np.round(np.diff(columns["z_A"]), 6)) == {0.2}


def test_snapshots_show_the_shell_across_the_cell_s_edge(hopped: Any) -> None:
    content = SECTION.build(collected(hopped))
    figure = next(one for one in content.figures if one.name.startswith("solvation-shells-charged-Na-"))
    columns = {name: np.array(values) for name, values in figure.columns.items()}
    assert set(columns["layer"]) == {"inner", "outer"}
    assert columns["element"].tolist() == ["O", "Na"] * 2
    assert columns["coordinates"].tolist() == [1, 0] * 2
    np.testing.assert_allclose(columns["x_A"], [2.4, 0.0] * 2, atol=1e-5)
    assert "4 oxygens" in figure.caption
    assert "6 oxygens" in figure.caption


def test_beside_the_paper_and_what_is_missing(hopped: Any) -> None:
    content = SECTION.build(collected(hopped))
    beside = next(block for block in content.blocks if "beside the paper" in getattr(block, "caption", ""))
    heights = [row for row in beside.rows if row[1].endswith("Å")]
    assert [float(row[4]) for row in heights] == pytest.approx([INNER_A / 3.4, OUTER_A / 4.6], abs=0.03)
    assert beside.rows[2][3].startswith("0.667"), "4 / 6"
    assert [caution.sentence[:5] for caution in content.warnings if caution.place == "shells"] == ["bulk "]
    layers = content.numbers["solvation"]["shells"]["runs"]["charged"][CHARGED]["Na"]["layers"]
    assert layers["inner"]["coordination"] == pytest.approx(4.0)
    assert layers["outer"]["departures"] == 7
    assert content.verdict[0][0].startswith("Study shells (solvation): 1 of 2 runs with ions.")


def test_one_peak_is_no_layer_and_stands_beside_both_positions_of_the_paper(campaign: Any) -> None:
    """An ion about 4 Å: no share, no name of a layer; all ions are those in the core and beyond it."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace")
    heights = np.random.default_rng(0).normal(4.0, 0.1, size=(2, FRAMES))
    for replica in range(2):
        put_shells(campaign, "charged", replica, heights[replica])
    study = {"kind": "solvation", "runs": ["charged"]}
    campaign.document["campaign"]["studies"] = {"shells": study}
    campaign.document["studies"] = {"shells": {"kind": "solvation", "entries": {}}}
    content = SECTION.build(collected(campaign))
    (row,), (own, shell) = (block.rows for block in content.blocks if hasattr(block, "rows"))
    assert (row[3], row[7]) == ("own peak", "–")
    assert float(row[6].split()[0]) == pytest.approx(heights.mean(), abs=0.01)
    assert own[1:3] == ["Na, own peak, Å", "3.4 and 4.6"]
    assert [float(word) for word in own[4].split(" and ")] == pytest.approx([4 / 3.4, 4 / 4.6], abs=0.02)
    assert shell[1] == "oxygens near Na, own peak"
    assert "No two layers are known in charged" in content.verdict[0][0]


def test_a_run_without_ions_has_no_section_of_its_own(campaign: Any) -> None:
    content = SECTION.build(collected(campaign))
    assert (content.blocks, content.numbers) == ([], {})

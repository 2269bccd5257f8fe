"""Faces of slabs made by hand: which layer is z = 0, and what else of the metal is what."""

import numpy as np
import pytest
from interface import water

from mlipbench_hpc.analysis.onepass import block_means
from mlipbench_hpc.analysis.profiles import WATER_G_PER_CM3, Profiler
from mlipbench_hpc.analysis.surface import Slab, Surface, ranges, surface
from mlipbench_hpc.analysis.visibility import visible_share

EDGE, LENGTH = 12.0, 60.0
CELL = np.diag([EDGE, EDGE, LENGTH])
PT, NI, TI, AU = 78, 28, 22, 79
SITES = np.array([(3.0 * i, 3.0 * j) for i in range(4) for j in range(4)])


class Pile:
    """Atoms put down one after another; frames of them that shake by `noise` Å."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.positions: list[np.ndarray] = []

    def layer(self, z: float, number: int = PT, sites: np.ndarray = SITES) -> np.ndarray:
        """The indices of a layer of atoms at z Å."""
        first = len(self.numbers)
        self.numbers += [number] * len(sites)
        self.positions += [np.array([x, y, z]) for x, y in sites]
        return np.arange(first, len(self.numbers))

    def waters(self, *heights: float) -> "Pile":
        for place, z in enumerate(heights):
            self.numbers += [8, 1, 1]
            at = np.array([*SITES[place % 16], z])
            self.positions += list(water(at, np.array([0.0, 0.0, 1.0])))
        return self

    def frames(self, count: int = 8, noise: float = 0.0) -> np.ndarray:
        shake = np.random.default_rng(0).normal(scale=noise, size=(count, len(self.numbers), 3))
        return np.array(self.positions) + shake

    def surface(self, *elements: int, noise: float = 0.0, **choice: object) -> Surface:
        slab = Slab(elements or (PT,), **choice)  # type: ignore[arg-type]
        return surface(np.array(self.numbers), self.frames(noise=noise), CELL, slab)


def terraces(*heights: float) -> Pile:
    pile = Pile()
    for z in heights:
        pile.layer(z)
    return pile


def layers(outside: Surface) -> list[tuple[float, list[int]]]:
    return [(face.normal, face.layer.tolist()) for face in outside.faces]


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("shift", [0.0, 11.0, -7.3, 57.0])
def test_two_electrodes_face_the_water_and_not_the_wider_vacuum(noise: float, shift: float) -> None:
    """Water between 6 and 26 Å, vacuum between 30 and 60 Å: wherever the cell begins."""
    pile = terraces(2.0, 4.0, 6.0, 26.0, 28.0, 30.0).waters(9.0, 12.0, 20.0, 23.0)
    pile.positions = [np.mod(p + np.array([0, 0, shift]), LENGTH) for p in pile.positions]
    outside = pile.surface(noise=noise)
    assert layers(outside) == [(1.0, list(range(32, 48))), (-1.0, list(range(48, 64)))]
    if not noise:
        heights = [face.heights(pile.frames(1), CELL, np.array([96]))[0, 0] for face in outside.faces]
        assert heights == pytest.approx([3.0, 17.0])


def test_the_dry_side_does_not_count_unless_it_is_asked_for() -> None:
    pile = terraces(2.0, 4.0, 6.0, 26.0, 28.0, 30.0).waters(9.0, 9.5, 12.0)
    assert [face.normal for face in pile.surface().faces] == [1.0]
    assert [face.normal for face in pile.surface(face="lower").faces] == [-1.0]
    assert [face.normal for face in pile.surface(face="both").faces] == [1.0, -1.0]


def test_a_face_with_less_than_half_of_the_water_is_left_out_and_named() -> None:
    """Three waters in the first layer of the upper face, and one at 26 - 23 = 3 Å from the lower."""
    pile = terraces(2.0, 4.0, 6.0, 26.0, 28.0, 30.0).waters(9.0, 9.5, 10.0, 23.0)
    name = "lower face left out, 1.0 waters in its first layer: --face both counts it"
    assert name in pile.surface().facts
    assert name not in pile.surface(face="both").facts
    assert name not in pile.surface(face="upper").facts


def test_water_in_another_gap_is_said() -> None:
    outside = terraces(2.0, 4.0, 6.0, 26.0, 28.0, 30.0).waters(9.0, 12.0, 45.0).surface()
    assert outside.doubts[0].startswith("1 of 3 waters are on the other side of the slab")


def test_dissolved_metal_is_an_ion_and_an_adatom_is_neither_ion_nor_surface() -> None:
    pile = terraces(2.0, 4.0, 6.0).waters(9.0, 12.0)
    far, near = pile.layer(14.0, sites=SITES[:2]), pile.layer(8.0, sites=SITES[4:5])
    outside = pile.surface(noise=0.05)
    assert layers(outside) == [(1.0, list(range(32, 48)))]
    assert (outside.dissolved.tolist(), outside.adatoms.tolist()) == (far.tolist(), near.tolist())
    assert outside.facts[1].startswith(f"adatoms or steps, not z = 0: 1 Pt atom ({near[0]}), ")
    assert outside.facts[2].startswith(f"dissolved, counted as ions: 2 Pt atoms ({far[0]} to {far[1]}), ")
    result = Profiler.of(np.array(pile.numbers), pile.frames(), CELL, PT, 0.1)
    assert {symbol: atoms.tolist() for symbol, atoms in result.ions.items()} == {"Pt": far.tolist()}
    share = visible_share(np.array(pile.numbers), pile.frames(1)[0], CELL, PT, np.array([1.0, 50.0]))
    assert share is not None
    assert share.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("upper", "at"), [(8, 8.0), (7, 6.0)])
def test_a_layer_is_the_surface_when_half_of_its_atoms_are_there(upper: int, at: float) -> None:
    pile = terraces(2.0, 4.0, 6.0)
    pile.layer(8.0, sites=SITES[:upper])
    outside = pile.waters(11.0, 12.0).surface()
    heights = np.array(pile.positions)[outside.faces[0].layer, 2]
    assert heights.tolist() == [at] * len(heights)
    assert len(outside.adatoms) == (0 if upper == 8 else 7)


def test_rows_of_a_stepped_surface_are_layers_of_their_own() -> None:
    """Nine rows of four, 0.8 Å apart: no two are 1 Å apart, and the uppermost is z = 0."""
    pile = Pile()
    for row in range(9):
        pile.layer(2.0 + 0.8 * row, sites=SITES[4 * (row % 4) : 4 * (row % 4) + 4])
    outside = pile.waters(11.0, 12.0).surface(noise=0.05)
    assert layers(outside) == [(1.0, list(range(32, 36)))]


def test_other_elements_within_the_slab_belong_to_it() -> None:
    """A slab of two elements in turn, of which one or both are named; sodium above it is an ion."""
    pile = terraces(2.0, 4.0, 6.0)
    pile.numbers[1::2] = [NI] * 24
    pile.layer(8.5, 11, SITES[:1])
    pile.waters(9.0, 12.0)
    for elements in ((PT,), (NI,), (PT, NI)):
        outside = pile.surface(*elements)
        assert layers(outside) == [(1.0, list(range(32, 48)))]
        result = Profiler.of(np.array(pile.numbers), pile.frames(), CELL, elements, 0.1)
        assert list(result.ions) == ["Na"]
        assert len(outside.facts) == (1 if len(elements) == 2 else 2)


def test_lattice_oxygen_makes_no_side_wet() -> None:
    """Oxygen 1 Å above and below each layer of cations; water above alone."""
    pile = terraces(2.0, 5.0, 8.0)
    pile.numbers = [TI] * 48
    for z in (1.0, 3.0, 4.0, 6.0, 7.0, 9.0):
        pile.layer(z, 8, SITES + 1.5)
    outside = pile.waters(11.0, 12.0).surface(TI)
    assert layers(outside) == [(1.0, list(range(32, 48)))]


def test_atoms_of_the_surface_may_be_named() -> None:
    pile = terraces(2.0, 4.0, 6.0, 26.0, 28.0, 30.0).waters(23.0, 24.0)
    assert layers(pile.surface(layer=(49, 48))) == [(-1.0, [48, 49])]
    assert layers(pile.surface(layer=(48, 49), face="upper")) == [(1.0, [48, 49])]
    with pytest.raises(ValueError, match="received 1000, expected 0 to 101"):
        pile.surface(layer=(1000,))
    with pytest.raises(ValueError, match="names the atoms of one face"):
        pile.surface(layer=(48,), face="both")


def test_a_surface_across_x_is_said_to_lie_across_the_wrong_axis() -> None:
    """Layers of Pt at x = 2, 4 and 6 Å of a cell of 40 Å, which fill y and z."""
    sites = 2.5 * np.stack(np.meshgrid(np.arange(4), np.arange(4)), -1).reshape(-1, 2)
    metal = np.concatenate([np.column_stack([np.full(16, x), sites]) for x in (2.0, 4.0, 6.0)])
    positions = np.concatenate([metal, [[9.0, 5, 5], [9.6, 5, 5.8], [9.6, 5, 4.2]]])[None]
    numbers = np.array([78] * 48 + [8, 1, 1])
    with pytest.raises(
        ValueError, match=r"along z is 2\.50 Å, .*; across lattice vector a it is 36\.00 Å: the"
    ):
        surface(numbers, positions, np.diag([40.0, 10.0, 10.0]), Slab((78,)))


def test_what_is_hardly_a_slab_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the slab would be one layer, 16 Pt atoms \(0 to 15\): pass the"):
        terraces(2.0).waters(5.0).surface()
    with pytest.raises(ValueError, match=r"no water is near a face of the slab: the nearest oxygen is 14\.0"):
        terraces(2.0, 4.0).waters(18.0).surface()
    with pytest.raises(ValueError, match=r"the metal fills the cell: its widest gap along z is 4\.00 Å"):
        terraces(*np.arange(0.0, 60.0, 4.0)).surface()
    pile = Pile()
    pile.layer(2.0, sites=SITES[:1])
    pile.layer(4.0, sites=SITES[:1])
    with pytest.raises(ValueError, match=r"z = 0 would be a layer of 1 Pt atom \(1\): pass the atoms"):
        pile.waters(7.0).surface()
    pile = Pile()
    for row in range(16):
        pile.layer(2.0 + 0.3 * row, sites=SITES[row : row + 1])
    with pytest.raises(ValueError, match=r"16 Pt atoms \(0 to 15\) fill 4\.50 Å without a gap of 0\.4 Å"):
        pile.waters(9.0).surface()


def test_without_metal_or_water() -> None:
    assert terraces(2.0, 4.0).waters(7.0).surface(AU) == Surface()
    assert [face.normal for face in terraces(2.0, 4.0).surface().faces] == [1.0]


def test_several_frames_decide_and_not_the_first() -> None:
    """An atom that is 1.2 Å above its layer in the first frame alone is of the layer."""
    pile = terraces(2.0, 4.0, 6.0).waters(9.0)
    frames = pile.frames()
    frames[0, 40, 2] += 1.2
    frames += np.linspace(0, 30.0, 8)[:, None, None] * [0, 0, 1]  # the slab drifts
    outside = surface(np.array(pile.numbers), np.mod(frames, LENGTH), CELL, Slab((PT,)))
    assert layers(outside) == [(1.0, list(range(32, 48)))]


def test_bins_at_the_ends_of_the_cell_are_whole() -> None:
    """z from -15 to 45 Å in bins of 0.7 Å: the first whole one begins at -14.7, the last ends at 44.8."""
    pile = terraces(2.0, 4.0, 6.0).waters(9.0, 50.9)
    result = Profiler.of(np.array(pile.numbers), pile.frames(), CELL, PT, 0.7)
    assert [result.z[0] - 0.35, result.z[-1] + 0.35] == pytest.approx([-14.7, 44.8])
    means, _ = block_means(result, [pile.frames(2)], 2, 2)
    # the water at 44.9 Å is in no bin; the other one alone counts
    assert means["density"].sum(axis=1) == pytest.approx([WATER_G_PER_CM3 / (EDGE**2 * 0.7)] * 2)


def test_indices_in_words() -> None:
    assert ranges(np.array([3, 5, 6, 7, 9])) == "3, 5 to 7, 9"
    assert ranges(np.arange(0, 20, 2)) == "0, 2, 4, 6, 8, 10, …"

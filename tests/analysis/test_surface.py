"""Faces of slabs made by hand: which layer is z = 0, and what else of the metal is what."""

from contextlib import nullcontext

import numpy as np
import pytest
from interface import water

from mlipbench_hpc.analysis.fused import first_layer
from mlipbench_hpc.analysis.onepass import BlockSums, block_means, feed
from mlipbench_hpc.analysis.planes import plane_of
from mlipbench_hpc.analysis.profiles import MOL_PER_L, WATER_G_PER_CM3, Profiler
from mlipbench_hpc.analysis.sample import ranges
from mlipbench_hpc.analysis.slab import Face, Slab
from mlipbench_hpc.analysis.surface import Surface, surface
from mlipbench_hpc.analysis.visibility import visible_share
from mlipbench_hpc.worker.observables.profiles import observables, tell_absences
from mlipbench_hpc.worker.stretch import Notes

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
    with pytest.raises(ValueError, match=r"no water is near a face of the slab: no oxygen lies above z = 0"):
        terraces(2.0, 4.0, 6.0).waters(5.0).surface()
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


def leaving(height: float, frames: int = 20) -> np.ndarray:
    """Frames in which atoms 46 and 47 of the layer at 6 Å stand `height` Å above it from frame 14 on."""
    pile = terraces(2.0, 4.0, 6.0).waters(9.0, 12.0)
    positions = np.repeat(np.array(pile.positions)[None], frames, axis=0)
    positions[14:, 46:48, 2] += height
    return positions


@pytest.mark.parametrize("height", [2.4, 10.0, 20.0, -9.0])
@pytest.mark.parametrize("shift", [0.0, 52.5, -6.0])
def test_atoms_that_leave_the_layer_do_not_move_its_plane(height: float, shift: float) -> None:
    """Waters at 3 and 6 Å above 14 atoms that stay; with the two that left, z = 0 would be at height/8."""
    numbers = np.array([PT] * 48 + [8, 1, 1] * 2)
    frames = np.mod(leaving(height) + np.array([0, 0, shift]), LENGTH)
    result = Profiler.of(numbers, frames, CELL, PT, 0.1)
    assert layers(result.surface) == [(1.0, list(range(32, 48)))]
    above = result.faces[0].heights(frames, CELL, np.array([48, 51]))
    assert above == pytest.approx(np.tile([3.0, 6.0], (20, 1)))
    sums = BlockSums(result, np.ones((1, 20)), 10)
    feed([frames[:7], frames[7:]], [sums.add])
    water = sums.averages.means["density"]
    assert water[:, (result.z > 2.85) & (result.z < 3.15)].sum(axis=1) == pytest.approx(
        [WATER_G_PER_CM3 / (EDGE**2 * 0.1)] * 10
    )
    assert sums.absences[:14].tolist() == [[0.0, 0.0, 0.0]] * 14
    assert sums.absences[14:] == pytest.approx(np.tile([6, 14, height], (2, 1)))
    counts = sums.averages.means["concentration-absent"].sum(axis=1) * EDGE**2 * 0.1 / MOL_PER_L
    assert counts == pytest.approx([0] * 7 + [2] * 3)
    inside, _ = first_layer(result, frames)
    assert inside[:, 0].all()


def test_atoms_that_leave_the_layer_are_named_with_number_and_time() -> None:
    result = Profiler.of(np.array([PT] * 48 + [8, 1, 1] * 2), leaving(10.0), CELL, PT, 0.1)
    sums, notes = BlockSums(result, np.ones((1, 20)), 10), Notes()
    sums.add(leaving(10.0))
    tell_absences(sums, notes, 0.05 * np.arange(20), 3)
    assert notes.warnings[0].startswith(
        "profiles: 2 Pt atoms (46 to 47) of the layer at z = 0 leave it: outside in 6 of 20 frames, first in "
        "frame 17 (0.7 ps), 10.00 Å above it in the last; z = 0 is the height of the atoms that stay"
    )
    assert [observable.name for observable in observables(result, sums.averages.means)][
        2
    ] == "concentration-absent"


def test_compiled_planes_are_those_of_numpy() -> None:
    """Layers of 2 to 12 atoms scattered over up to 4 Å, anywhere in the cell."""
    generator = np.random.default_rng(2)
    for count in range(2, 13):
        frame = generator.uniform(0, 4.0 * generator.uniform(), size=(count, 3)) + generator.uniform(-60, 60)
        face = Face(np.arange(count), 1.0)
        compiled = plane_of(frame, face.layer, CELL, 1 / np.diag(CELL))[0]
        assert compiled == pytest.approx(face.planes(frame[None], CELL)[0], abs=1e-9)


FINE = np.array([(1.5 * i, 1.5 * j) for i in range(8) for j in range(7)])


def test_each_electrode_has_its_own_measure_of_a_full_layer() -> None:
    """Platinum layers of 16 atoms, carbon sheets of 56, 20 Å of water between them; one dissolved Pt."""
    pile = terraces(2.0, 4.0, 6.0)
    sheets = [pile.layer(z, 6, FINE) for z in (26.0, 29.35)]
    ion = pile.layer(14.0, sites=SITES[:1])
    outside = pile.waters(9.0, 12.0, 22.5, 23.0).surface(PT, 6, noise=0.03)
    assert layers(outside) == [(1.0, list(range(32, 48))), (-1.0, sheets[0].tolist())]
    assert outside.dissolved.tolist() == ion.tolist()
    assert not outside.doubts


def test_dissolved_atoms_at_one_height_are_no_electrode() -> None:
    pile = terraces(2.0, 4.0, 6.0)
    ions = pile.layer(16.0, sites=SITES[:4])
    outside = pile.waters(9.0, 12.0).surface(noise=0.03)
    assert layers(outside) == [(1.0, list(range(32, 48)))]
    assert outside.dissolved.tolist() == ions.tolist()


def anatase(noise: float = 0.0) -> Pile:
    """Six rows of titanium in pairs 0.88 Å apart, the same from above as from below; water on both sides."""
    pile = Pile()
    for row, z in enumerate((2.0, 2.88, 5.53, 6.41, 9.06, 9.94)):
        pile.layer(z, TI, SITES[8 * (row % 2) :][:8])
    scatter = np.random.default_rng(7).normal(scale=noise, size=(48, 3))
    pile.positions = list(np.array(pile.positions) + scatter)
    return pile.waters(12.4, 13.0, -0.4, -1.0)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.15])
def test_rows_of_an_oxide_are_layers_on_both_faces(noise: float) -> None:
    outside = anatase(noise).surface(TI, noise=0.05)
    assert layers(outside) == [(1.0, list(range(40, 48))), (-1.0, list(range(8)))]
    assert outside.one_slab
    assert not outside.doubts


@pytest.mark.parametrize("seed", range(5))
def test_a_corrugated_layer_is_one_layer_on_both_faces(seed: int) -> None:
    """Atoms scattered by 0.4 Å about 2, 6 and 10 Å, one of them 0.8 Å out of its layer."""
    pile = terraces(2.0, 6.0, 10.0)
    pile.positions = list(
        np.array(pile.positions) + np.random.default_rng(seed).normal(scale=0.3, size=(48, 3))
    )
    pile.positions[47][2] = 10.8
    outside = pile.waters(13.0, -1.0).surface()
    assert layers(outside) == [(1.0, list(range(32, 48))), (-1.0, list(range(16)))]


def test_unlike_faces_of_one_slab_are_said_with_both_heights() -> None:
    """Eleven of the sixteen atoms above, all below; two electrodes may differ."""
    pile = terraces(2.0, 4.0)
    pile.layer(6.0, sites=SITES[:11])
    outside = pile.waters(9.0, -1.0).surface()
    assert outside.one_slab
    assert outside.doubts[0].startswith(
        "the faces of the slab are not alike: upper face: 11 Pt atoms (32 to 42) at z = 6.00 Å; lower "
        "face: 16 Pt atoms (0 to 15) at z = 2.00 Å: take each by itself"
    )
    pile = terraces(2.0, 4.0, 6.0, 30.0)
    pile.layer(26.0, sites=SITES[:11])
    outside = pile.waters(9.0, 23.0).surface()
    assert (outside.one_slab, outside.doubts) == (False, ())


@pytest.mark.parametrize("nickel", [12, 16])
def test_a_layer_of_another_metal_above_is_refused(nickel: int) -> None:
    pile = terraces(2.0, 4.0, 6.0)
    pile.numbers[32 : 32 + nickel] = [NI] * nickel
    pile.waters(9.0, 12.0)
    with pytest.raises(
        ValueError, match=r"z = 0 would be 16 Pt .* 2\.00 Å above: did you mean --surface Pt Ni\? Or"
    ):
        pile.surface()
    for elements in ((PT, NI), (NI, PT)):
        assert layers(pile.surface(*elements)) == [(1.0, list(range(32, 48)))]
    assert layers(pile.surface(layer=tuple(range(32, 48)))) == [(1.0, list(range(32, 48)))]


def test_a_complete_layer_needs_no_other_metal() -> None:
    """Nickel adatoms, chlorine, CO and sites of no element above it; a gold electrode across the water."""
    pile = terraces(2.0, 4.0, 6.0)
    pile.layer(8.0, NI, SITES[:3])
    pile.layer(8.0, 17, SITES[3:14])
    assert layers(pile.waters(10.5, 12.0).surface()) == [(1.0, list(range(32, 48)))]
    pile = terraces(2.0, 4.0, 6.0)
    pile.layer(7.9, 6)
    pile.layer(9.05, 8)
    pile.layer(10.5, 0)
    assert layers(pile.waters(12.5, 13.0).surface()) == [(1.0, list(range(32, 48)))]
    pile = terraces(2.0, 4.0, 6.0)
    pile.layer(26.0, AU)
    pile.layer(28.0, AU)
    outside = pile.waters(9.0, 12.0).surface()
    assert layers(outside) == [(1.0, list(range(32, 48)))]
    assert outside.doubts == (
        "32 Au atoms (48 to 79) are in layers, but count as ions: did you mean --surface Pt Au?",
    )


def test_a_skin_of_one_layer_on_another_metal_is_refused() -> None:
    pile = terraces(2.0, 4.0, 6.0)
    pile.numbers[:32] = [NI] * 32
    with pytest.raises(
        ValueError, match=r"the slab would be one layer.*: did you mean --surface Pt Ni\? Or pass"
    ):
        pile.waters(9.0).surface()


def test_an_atom_that_dissolves_early_is_dissolved_and_not_an_adatom() -> None:
    """One of 16 atoms of the layer at 6 Å is at 14 Å from the third frame of eight on."""
    pile = terraces(2.0, 4.0, 6.0).waters(9.0, 12.0)
    frames = pile.frames()
    frames[2:, 40, 2] = 14.0
    outside = surface(np.array(pile.numbers), frames, CELL, Slab((PT,)))
    assert len(outside.faces[0].layer) == 15
    assert (outside.dissolved.tolist(), outside.adatoms.tolist()) == ([40], [])
    assert outside.facts[1] == "dissolved, counted as ions: 1 Pt atom (40), 8.00 Å above it (median)"


def test_a_particle_is_no_slab() -> None:
    """27 atoms 2 Å apart in a cell of 12 Å leave 8.0 Å open beside them; 1.8 Å apart, 8.4 Å."""
    for spacing, message in ((2.0, ""), (1.8, r"the layers leave 8\.4 Å of the cell open along x or y")):
        pile = Pile()
        for z in (2.0, 4.0, 6.0):
            pile.layer(z, sites=spacing * np.array([(i, j) for i in range(3) for j in range(3)]))
        pile.waters(9.0, 12.0)
        with pytest.raises(ValueError, match=message) if message else nullcontext():
            assert layers(pile.surface()) == [(1.0, list(range(18, 27)))]


def test_atoms_between_the_layers_are_doubted() -> None:
    pile = terraces(2.0, 4.6, 7.2)
    between = [pile.layer(z, sites=SITES[5 * k : 5 * k + 3]) for k, z in enumerate((3.3, 5.9))]
    outside = pile.waters(10.0, 12.0).surface()
    assert layers(outside) == [(1.0, list(range(32, 48)))]
    atoms = f"{between[0][0]} to {between[1][-1]}"
    assert outside.doubts[0].startswith(f"6 Pt atoms ({atoms}) are between the layers of the slab")


@pytest.mark.parametrize("shift", [0.0, 50.0])
def test_rows_of_a_step_are_named_with_depths(shift: float) -> None:
    """Nine rows of four atoms, 0.8 Å apart: 28 to 31 are 0.80 Å and 24 to 27 are 1.60 Å below z = 0."""
    pile = Pile()
    for row in range(9):
        pile.layer(2.0 + 0.8 * row, sites=SITES[4 * (row % 4) : 4 * (row % 4) + 4])
    pile.waters(11.0, 12.0)
    pile.positions = [np.mod(place + np.array([0, 0, shift]), CELL[2, 2]) for place in pile.positions]
    outside = pile.surface()
    assert layers(outside) == [(1.0, list(range(32, 36)))]
    assert outside.facts[1] == (
        "upper face is stepped or open: z = 0 is its uppermost row, and below it are 4 Pt atoms (28 to 31) "
        "0.80 Å; 4 Pt atoms (24 to 27) 1.60 Å"
    )


def test_half_a_layer_at_the_top_is_a_step_and_a_whole_one_is_not() -> None:
    pile = terraces(2.0, 4.0, 6.0)
    pile.layer(8.0, sites=SITES[:8])
    facts = pile.waters(11.0, 12.0).surface().facts
    assert facts[1] == (
        "upper face is stepped or has vacancies: the layer at z = 0 has 8 atoms, of 16 in the layer 2.00 Å "
        "below it"
    )
    assert len(terraces(2.0, 4.0, 6.0).waters(9.0, 9.5).surface().facts) == 1


@pytest.mark.parametrize("size", [3, 20])
def test_an_adatom_fills_the_vacancy_of_an_atom_that_dissolved(size: int) -> None:
    """Atom 47 is in the layer in frames 0 to 4, then 8 Å above; adatom 48 takes its place from frame 14 on.

    z = 0 is the height of the 15 others, 6 Å, and the waters are 3 Å and 6 Å above it, in all frames.
    """
    pile = terraces(2.0, 4.0, 6.0)
    pile.layer(8.2, sites=SITES[:1])
    frames = pile.waters(9.0, 12.0).frames(20)
    frames[5:, 47, 2] = 14.0
    frames[14:, 48] = [*SITES[15], 6.0]
    result = Profiler.of(np.array(pile.numbers), frames, CELL, PT, 0.1)
    assert layers(result.surface) == [(1.0, list(range(32, 47)))]
    assert (result.surface.dissolved.tolist(), result.surface.adatoms.tolist()) == ([47], [48])
    assert result.faces[0].heights(frames, CELL, np.array([49, 52])) == pytest.approx(
        np.tile([3.0, 6.0], (20, 1))
    )
    sums, notes = BlockSums(result, np.ones((1, 20)), 2), Notes()
    feed([frames[begin : begin + size] for begin in range(0, 20, size)], [sums.add])
    assert sums.visits.counts.tolist() == [[5, 0, 4], [6, 14, 19]]
    tell_absences(sums, notes, 0.5 * np.arange(20), 2)
    end = "z = 0 is the height of the other atoms of the layer in all frames"
    assert notes.warnings == [
        "profiles: 1 Pt atom (47) is dissolved and counts as an ion for most of the run, but in the layer at "
        f"z = 0 in 5 of 20 frames, first in frame 2, last in frame 6 (0 to 2 ps): {end}",
        "profiles: 1 Pt atom (48) is an adatom for most of the run, but in the layer at z = 0 in 6 of 20 "
        f"frames, first in frame 16, last in frame 21 (7 to 9.5 ps): {end}",
    ]
    whole = sums.averages.means["concentration-Pt"].sum(axis=1) * EDGE**2 * 0.1 / MOL_PER_L
    assert whole == pytest.approx([1.0, 1.0])

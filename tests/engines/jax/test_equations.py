"""Eqs. 8-11 of arXiv:2602.22931: against plain numpy, and what follows from symmetry, cutoff and layers."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import pytest

from mlipbench_hpc.architectures.dp_mp import energy
from mlipbench_hpc.architectures.dp_mp.graphs import ATOMS, Graph, Shape, graph, pad
from mlipbench_hpc.architectures.dp_mp.weights import EMBEDDING_GAIN, FITTING_BIAS, initial_weights, leaves
from mlipbench_hpc.architectures.testing import water
from mlipbench_hpc.data.frames import Floats

KNOWN = [1, 8, 79]
RCUT = 3.0
CHOSEN = {
    "layers": 2, "neuron": [4, 8], "axis_neuron": 3, "message_neuron": [6, 6], "fitting_neuron": [5, 5],
}  # fmt: skip
CONSTANTS = {"rcut": RCUT, "rcut_smth": 0.5, "neighbours": 7.0, "unit": 0.2}
EXACT = 1e-12
ATOMIC_ENERGIES = jax.jit(energy.atomic_energies)
FORCES = jax.jit(energy.energy_and_forces)


def random_weights(layers: int = 2, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Weights for H, O and Au."""
    return initial_weights({**CHOSEN, **changes, "layers": layers}, len(KNOWN), np.random.default_rng(seed))


def arrays(item: Graph) -> Mapping[str, Any]:
    """In room enough for most tests: each program is then compiled once."""
    shape = Shape(max(item.shape.atoms, 4), max(item.shape.edges, 16)).ceiling()
    return pad(item, shape, RCUT).arrays("float64")


def atomic_energies(
    weights: dict[str, Any],
    numbers: list[int],
    positions: Floats,
    cell: Floats | None = None,
    constants: dict[str, float] = CONSTANTS,
) -> Floats:
    """(N,) eV of one structure: isolated, or in a periodic cell (3, 3) Å."""
    box, pbc = (np.zeros((3, 3)), False) if cell is None else (cell, True)
    item = graph(np.array(numbers), positions, box, np.full(3, pbc), KNOWN, RCUT)
    values = ATOMIC_ENERGIES(constants, weights, arrays(item))
    return np.asarray(values)[item.slots]


def forces(weights: dict[str, Any], numbers: list[int], positions: Floats) -> Floats:
    """(N, 3) eV/Å of an isolated structure."""
    item = graph(np.array(numbers), positions, np.zeros((3, 3)), np.zeros(3, dtype=bool), KNOWN, RCUT)
    return np.asarray(FORCES(CONSTANTS, weights, arrays(item))[1])[item.slots]


TRIANGLE = np.array([[0.0, 0.1, 0.0], [1.1, 0.2, -0.4], [-0.5, 1.7, 0.8]])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("numbers", [[8, 1, 79], [1, 1, 8], [79, 79, 79]])
def test_three_atoms_by_hand(layers: int, numbers: list[int]) -> None:
    """Every sum of Eqs. 8-11 written out in numpy; r̂ ⊗ r̂ has all its nine components there."""
    weights = random_weights(layers)
    expected = energies_by_hand(weights, CONSTANTS, [KNOWN.index(number) for number in numbers], TRIANGLE)
    computed = atomic_energies(weights, numbers, TRIANGLE)
    np.testing.assert_allclose(computed, expected, rtol=0, atol=EXACT)
    assert np.ptp(expected) > 1e-3


def test_six_components_have_the_products_of_nine() -> None:
    """(r̂ ⊗ r̂) : (û ⊗ û) = (r̂ · û)²: off-diagonal components count twice."""
    vectors = np.random.default_rng(0).normal(size=(2, 50, 3))
    first, second = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    products = (np.asarray(energy.outer(first)) * np.asarray(energy.outer(second))).sum(axis=-1)
    np.testing.assert_allclose(products, (first * second).sum(axis=-1) ** 2, rtol=0, atol=EXACT)


def test_numbers_stay_as_wide_as_they_are_and_products_have_full_precision() -> None:
    """float64 would become float32 with JAX's own settings, and products on GPUs lose 13 of 23 bits."""
    for dtype in ("float32", "float64"):
        assert jax.numpy.asarray(np.ones(2, dtype)).dtype == dtype
    assert jax.config.jax_default_matmul_precision == "highest"


@pytest.mark.parametrize("layers", [1, 2])
def test_rotation_translation_permutation_and_mirror(layers: int) -> None:
    from scipy.spatial.transform import Rotation

    weights, random = random_weights(layers), np.random.default_rng(1)
    numbers, positions = [8, 1, 1, 79, 79, 8, 1], random.normal(0, 1.6, (7, 3))
    values = atomic_energies(weights, numbers, positions)
    turn = Rotation.from_rotvec([0.3, -1.1, 0.6]).as_matrix()
    for moved in (positions @ turn.T, positions + np.array([3.0, -7.0, 0.4]), -positions):
        np.testing.assert_allclose(atomic_energies(weights, numbers, moved), values, rtol=0, atol=1e-11)
    order = random.permutation(7)
    permuted = atomic_energies(weights, [numbers[place] for place in order], positions[order])
    np.testing.assert_allclose(permuted, values[order], rtol=0, atol=1e-11)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_receptive_field_is_the_cutoff_times_the_layers(layers: int) -> None:
    """A chain of atoms that see the next ones only: the first feels atoms up to `layers` links away."""
    weights, spacing = random_weights(layers), 0.8 * RCUT
    numbers, chain = [8, 79, 1, 79], spacing * np.arange(4)[:, None] * [[1.0, 0.0, 0.0]]
    first = atomic_energies(weights, numbers, chain)[0]
    for atom in range(1, 4):
        moved = chain.copy()
        moved[atom, 1] += 0.3
        change = atomic_energies(weights, numbers, moved)[0] - first
        assert (abs(change) > 1e-9) == (atom <= layers), atom


@pytest.mark.parametrize(("share", "felt"), [(0.99, True), (1.01, False)])
def test_an_atom_is_felt_up_to_twice_the_cutoff(share: float, felt: bool) -> None:
    """Through a neighbour at 0.99 of the cutoff, whose own neighbour is just within or just beyond it."""
    weights, line = random_weights(), RCUT * np.array([[0.0] * 3, [0.99, 0.0, 0.0], [0.99 + share, 0.0, 0.0]])
    # There s(r) is of the order of 1e-6: scaled up, it shows.
    loud = {**CONSTANTS, "unit": 1e-6}
    first = [atomic_energies(weights, [8, 1, other], line, constants=loud)[0] for other in (79, 8)]
    assert (first[0] != first[1]) == felt


@pytest.mark.parametrize("layers", [1, 2])
def test_forces_are_continuous_where_an_atom_crosses_the_cutoff(layers: int) -> None:
    """s(r) ends with two derivatives: the force on a leaving atom falls as the square of what is left."""
    weights = random_weights(layers)

    def leaving(left: float) -> Floats:
        """Forces on an atom that is `left` (Å) within the cutoff of an oxygen with one hydrogen."""
        positions = np.array([[0.0] * 3, [-0.9, 0.3, 0.0], [RCUT - left, 0.0, 0.0]])
        return forces(weights, [8, 1, 79], positions)

    sizes = [np.abs(leaving(left)[2]).max() for left in (4e-2, 2e-2, 1e-2)]
    assert sizes[0] > 1e-6
    assert sizes[1] / sizes[2] == pytest.approx(4.0, rel=0.1)
    np.testing.assert_array_equal(leaving(-1e-9)[2], np.zeros(3))
    np.testing.assert_allclose(leaving(1e-9), leaving(-1e-9), rtol=0, atol=EXACT)


def test_cells_shorter_than_twice_the_cutoff_have_all_their_images() -> None:
    """A cell of 2.2 Å with rcut = 3 Å: as the middle of 7 x 7 x 7 copies without periodicity."""
    weights = random_weights()
    cell = np.array([[2.2, 0.0, 0.0], [0.3, 2.4, 0.0], [0.0, -0.2, 2.6]])
    numbers, positions = [8, 79], np.array([[0.1, 0.2, 0.3], [1.2, 1.0, 1.4]])
    images = np.array(list(np.ndindex(7, 7, 7))) - 3
    copies = np.concatenate([positions + image @ cell for image in images])
    middle = 2 * int(np.flatnonzero((images == 0).all(axis=1))[0])
    many = atomic_energies(weights, numbers * len(images), copies)[middle : middle + 2]
    np.testing.assert_allclose(atomic_energies(weights, numbers, positions, cell=cell), many, atol=1e-10)


def test_every_chunk_holds_one_pair_of_species_and_every_edge_stands_once() -> None:
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    frames = water(1, seed=3)
    numbers = frames.numbers.copy()
    numbers[::5] = 79
    item = graph(numbers, frames.positions, frames.cells[0], frames.pbc[0], KNOWN, RCUT)
    kinds = np.repeat(item.kinds, ATOMS)
    real = item.distances < RCUT
    pairs = kinds[item.centres][:, :, None] * len(KNOWN) + kinds[item.neighbours]
    np.testing.assert_array_equal(pairs[real], np.broadcast_to(item.pairs[:, None, None], real.shape)[real])
    atoms = Atoms(numbers, frames.positions, cell=frames.cells[0], pbc=True)
    first, second, distances = neighbor_list("ijd", atoms, RCUT)
    expected = sorted(zip(item.slots[first], item.slots[second], distances.round(9), strict=True))
    centres = np.broadcast_to(item.centres[..., None], real.shape)
    listed = zip(centres[real], item.neighbours[real], item.distances[real].round(9), strict=True)
    assert sorted(listed) == expected


def test_weights_begin_with_the_stated_spread() -> None:
    wide = random_weights(
        neuron=[100, 200], message_neuron=[100, 100], axis_neuron=10, fitting_neuron=[90, 90]
    )
    spread = {name: float(np.std(values)) for name, values in leaves(wide)}
    assert spread["embedding.1.weight"] == pytest.approx(EMBEDDING_GAIN / 300**0.5, rel=0.02)
    assert spread["message.layers.0.weight"] == pytest.approx(EMBEDDING_GAIN / 200**0.5, rel=0.02)
    inputs = 200 + 2 * 2000 + 2 * 200
    assert spread["message.centres.features"] == pytest.approx(
        EMBEDDING_GAIN / (inputs + 100) ** 0.5, rel=0.02
    )
    assert spread["embedding.1.bias"] == pytest.approx(1.0, rel=0.1)
    assert spread["fitting.1.weight"] == pytest.approx(1 / 180**0.5, rel=0.02)
    assert spread["fitting.1.bias"] == pytest.approx(FITTING_BIAS, rel=0.2)
    assert np.mean(wide["fitting"][1]["step"]) == pytest.approx(0.1, rel=0.02)
    assert "step" not in wide["fitting"][0]


# The same equations atom by atom and neighbour by neighbour, with full tensors.


def energies_by_hand(
    weights: dict[str, Any], constants: dict[str, float], kinds: list[int], positions: Floats
) -> Floats:
    """(N,) eV of isolated atoms that all lie within the cutoff of each other. Å."""
    species, atoms = len(weights["fitting"][0]["weight"]), range(len(kinds))
    edges = {(i, j): Edge(constants, positions[j] - positions[i]) for i in atoms for j in atoms if i != j}

    def pair(i: int, j: int) -> int:
        return kinds[i] * species + kinds[j]

    radial = {
        (i, j): net(weights["embedding"], pair(i, j), np.array([edge.weight]))
        for (i, j), edge in edges.items()
    }
    last = weights["fitting"][0]["weight"].shape[1]
    densities = [summed(constants, edges, radial, i) for i in atoms]
    if "message" not in weights:
        features = [products(zero, last) + products(one, last) for zero, one, _ in densities]
    else:
        size = weights["message"]["centres"]["features"].shape[1]
        first = [products(zero, size) + products(one, size) for zero, one, _ in densities]
        messages = {}
        for (i, j), edge in edges.items():
            scaled = edge.vector / constants["rcut"]
            turned = [np.einsum("an,a->n", densities[atom][1], scaled) for atom in (i, j)]
            message = np.concatenate([radial[i, j], first[i], first[j], *turned])
            inputs = np.tanh(message @ whole(weights["message"], kinds[i], kinds[j], species)
                             + weights["message"]["bias"][pair(i, j)])  # fmt: skip
            messages[i, j] = net(weights["message"]["layers"], pair(i, j), inputs)
        densities = [summed(constants, edges, messages, i) for i in atoms]
        features = [products(one, last) + products(two, last) for _, one, two in densities]
    return np.array([fit(weights["fitting"], kinds[i], features[i]) for i in atoms])


class Edge:
    """Vector, direction and s(r) of one edge."""

    def __init__(self, constants: dict[str, float], vector: Floats) -> None:
        distance = float(np.linalg.norm(vector))
        assert distance < constants["rcut"]
        u = max(0.0, (distance - constants["rcut_smth"]) / (constants["rcut"] - constants["rcut_smth"]))
        fall = 1 - 10 * u**3 + 15 * u**4 - 6 * u**5
        self.vector, self.direction = vector, vector / distance
        self.weight = fall / distance / constants["unit"]


def summed(
    constants: dict[str, float], edges: dict[tuple[int, int], Edge], radial: Any, centre: int
) -> tuple[Floats, Floats, Floats]:
    """Eq. 8: T0 (N,), T1 (3, N), T2 (3, 3, N)."""
    columns = len(next(iter(radial.values())))
    zero, one, two = np.zeros(columns), np.zeros((3, columns)), np.zeros((3, 3, columns))
    for (i, j), edge in edges.items():
        if i == centre:
            values = edge.weight * radial[i, j] / constants["neighbours"]
            zero += values
            one += np.einsum("a,n->an", edge.direction, values)
            two += np.einsum("a,b,n->abn", edge.direction, edge.direction, values)
    return zero, one, two


def products(tensor: Floats, size: int) -> Floats:
    """Contractions of each column with the first size / N columns, as one array."""
    columns = tensor.shape[-1]
    flat = tensor.reshape(-1, columns)
    return np.array([flat[:, n] @ flat[:, m] for n in range(columns) for m in range(size // columns)])


def whole(message: dict[str, Any], centre: int, neighbour: int, species: int) -> Floats:
    """The first layer's weights on the concatenated message of Eq. 10."""
    width = message["bias"].shape[1]
    of_centre = slice(neighbour * width, (neighbour + 1) * width)
    of_neighbour = slice(centre * width, (centre + 1) * width)
    return np.concatenate(
        [
            message["radial"][centre * species + neighbour],
            message["centres"]["features"][centre][:, of_centre],
            message["neighbours"]["features"][neighbour][:, of_neighbour],
            message["centres"]["vectors"][centre][:, of_centre],
            message["neighbours"]["vectors"][neighbour][:, of_neighbour],
        ]
    )


def net(layers: list[dict[str, Floats]], index: int, values: Floats) -> Floats:
    """An embedding net of DeePMD-kit."""
    for layer in layers:
        outputs = np.tanh(values @ layer["weight"][index] + layer["bias"][index])
        if len(outputs) == len(values):
            outputs = outputs + values
        elif len(outputs) == 2 * len(values):
            outputs = outputs + np.concatenate([values, values])
        values = outputs
    return values


def fit(layers: list[dict[str, Floats]], index: int, values: Floats) -> float:
    """A fitting net of DeePMD-kit."""
    for layer in layers[:-1]:
        outputs = np.tanh(values @ layer["weight"][index] + layer["bias"][index])
        values = values + layer["step"][index] * outputs if len(outputs) == len(values) else outputs
    return float((values @ layers[-1]["weight"][index] + layers[-1]["bias"][index])[0])

"""Energy of a frame as a pure function of weights and positions: Eqs. 8-11 of arXiv:2602.22931.

With r̂ the direction and r⃗ the vector from atom i to its neighbour j, c the cutoff, s(r) the smooth weight
of a neighbour, and n̄ the training set's mean number of neighbours:

    T0, T1 = Σ_j (1, r̂) s(r) G(s(r)) / n̄                              (Eq. 8)
    h = T0 T0 + T1 · T1                                                 (Eq. 9)
    m = (G(s(r)), h_i, h_j, T1_i · r⃗ / c, T1_j · r⃗ / c)                (Eq. 10)
    T1, T2 = Σ_j (r̂, r̂ ⊗ r̂) s(r) G′(m) / n̄                             (Eq. 8, s(r) G′ as radial functions)
    h = T1 · T1 + T2 · T2                                               (Eq. 11)
    E_i = f(h_i)

A potential of one layer ends with Eq. 9. G and G′ are nets of the species of both ends, f of the atom's own.
Of the products of the columns of T, those with the first `axis` of them are features. The first layer of
G′ is linear in m: what stems from one atom is multiplied once for the atom, not once for each edge.

Arrays are those of graphs.Graph: S slots, C chunks of edges. Weights are those of weights.py.
Constants: rcut and rcut_smth in Å, `neighbours` (n̄), and `unit` in 1/Å, by which s(r) is divided.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlipbench_hpc.architectures.dp_mp.graphs import ATOMS
from mlipbench_hpc.architectures.shared.jax_library import Array, jax, jnp

Weights = Mapping[str, Any]
Arrays = Mapping[str, Array]
Layers = Sequence[Mapping[str, Array]]
# Constants, weights and arrays of a frame to (S,) eV.
AtomicEnergies = Callable[[Arrays, Weights, Arrays], Array]
ROOT2 = 2.0**0.5


def energy_and_forces(constants: Arrays, weights: Weights, graph: Arrays) -> tuple[Array, Array]:
    """Energy (eV) and forces (S, 3) eV/Å of one frame."""
    return differentiated(atomic_energies, constants, weights, graph)


def differentiated(
    atomic: AtomicEnergies, constants: Arrays, weights: Weights, graph: Arrays
) -> tuple[Array, Array]:
    """Energy (eV) and forces (S, 3) eV/Å of one frame, from the energies of its atoms."""

    def total(positions: Array) -> Array:
        energies = atomic(constants, weights, {**graph, "positions": positions})
        return jnp.sum(energies * graph["occupancy"])

    energy, gradient = jax.value_and_grad(total)(graph["positions"])
    return energy, -gradient


def atomic_energies(constants: Arrays, weights: Weights, graph: Arrays) -> Array:
    """(S,) eV; what stands in empty slots means nothing."""
    vectors, distances = separations(graph)
    weight = neighbour_weight(distances, constants["rcut_smth"], constants["rcut"]) / constants["unit"]
    directions = vectors / distances[..., None]
    radial = net(weights["embedding"], weight[..., None], graph["pairs"])
    basis = jnp.concatenate([jnp.ones_like(weight)[..., None], directions], -1) * weight[..., None]
    tensors = density(constants, graph, basis, radial)
    outputs = weights["fitting"][0]["weight"].shape[1]
    if "message" not in weights:
        features = products(tensors, outputs)
    else:
        size = weights["message"]["centres"]["features"].shape[1]
        parts = radial, products(tensors, size), tensors[:, 1:], vectors / constants["rcut"]
        inputs = jnp.tanh(messages(weights["message"], graph, *parts))
        radial = net(weights["message"]["layers"], inputs, graph["pairs"])
        basis = jnp.concatenate([directions, outer(directions)], -1) * weight[..., None]
        features = products(density(constants, graph, basis, radial), outputs)
    return fit(weights["fitting"], features.reshape(-1, ATOMS, features.shape[-1]), graph["kinds"]).ravel()


def separations(graph: Arrays) -> tuple[Array, Array]:
    """Vectors (C, ROWS, EDGES, 3) Å from centre to neighbour, and their lengths."""
    positions = graph["positions"]
    vectors = positions[graph["neighbours"]] - positions[graph["centres"]][:, :, None] + graph["shifts"]
    return vectors, jnp.sqrt(jnp.sum(vectors**2, axis=-1))


def neighbour_weight(distances: Array, start: Array | float, end: Array | float) -> Array:
    """s(r), 1/Å: 1/r, from `start` on times a polynomial that falls to 0 at `end` (Å) with two derivatives.

    The one of DeePMD-kit: J. Zeng et al., J. Chem. Phys. 159, 054801 (2023), doi:10.1063/5.0155600.
    """
    u = jnp.clip((distances - start) / (end - start), 0.0, 1.0)
    switch = u**3 * (-6.0 * u**2 + 15.0 * u - 10.0) + 1.0
    return jnp.where(distances < end, switch / distances, 0.0)


def outer(directions: Array) -> Array:
    """(..., 6): x², y², z², √2xy, √2xz, √2yz, whose products with those of another are those of r̂ ⊗ r̂."""
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    return jnp.stack([x * x, y * y, z * z, ROOT2 * x * y, ROOT2 * x * z, ROOT2 * y * z], axis=-1)


def density(constants: Arrays, graph: Arrays, basis: Array, radial: Array) -> Array:
    """Eq. 8, (S, B, N): basis (C, ROWS, EDGES, B) times radial functions (C, ROWS, EDGES, N), summed."""
    return sums_of_atoms(constants, graph, row_sums(basis, radial))


def row_sums(basis: Array, radial: Array) -> Array:
    """(C, ROWS, B, N): the products of a row's edges, summed.

    The sum is written out: as a product of matrices it takes XLA twice as long.
    """
    edges = range(basis.shape[2])
    return jnp.asarray(sum(basis[:, :, edge, :, None] * radial[:, :, edge, None, :] for edge in edges))


def sums_of_atoms(constants: Arrays, graph: Arrays, rows: Array) -> Array:
    """(S, B, N): rows (C, ROWS, B, N) of each atom, summed and divided by the number of neighbours."""
    slots, flat = graph["positions"].shape[0], rows.reshape(-1, *rows.shape[2:])
    return jax.ops.segment_sum(flat, graph["centres"].ravel(), slots) / constants["neighbours"]


def products(tensors: Array, size: int) -> Array:
    """Eqs. 9 and 11, (S, size): dot products of the columns of (S, B, N) with the first size / N of them."""
    pairs = jnp.einsum("sbn,sbm->snm", tensors, tensors[..., : size // tensors.shape[-1]])
    return pairs.reshape(len(tensors), size)


def messages(
    weights: Weights, graph: Arrays, radial: Array, features: Array, vectors: Array, relative: Array
) -> Array:
    """The first layer of G′ on Eq. 10 before its tanh, (C, ROWS, EDGES, E).

    radial (C, ROWS, EDGES, N): G(s(r)); features (S, D): h; vectors (S, 3, N): T1; relative
    (C, ROWS, EDGES, 3): r⃗ / c.
    """
    species, pairs = len(weights["centres"]["features"]), graph["pairs"]
    kind_of_centre, kind_of_neighbour = jnp.divmod(pairs, species)
    centre = atom_messages(weights["centres"], graph, features, vectors)
    neighbour = atom_messages(weights["neighbours"], graph, features, vectors)
    centre = centre[graph["centres"], kind_of_neighbour[:, None]][:, :, None]
    neighbour = neighbour[graph["neighbours"], kind_of_centre[:, None, None]]
    ends = centre + neighbour
    projections = jnp.sum(relative[..., None] * ends[..., 1:, :], axis=-2)
    return dense(radial, weights["radial"][pairs], weights["bias"][pairs]) + ends[..., 0, :] + projections


def atom_messages(weights: Weights, graph: Arrays, features: Array, vectors: Array) -> Array:
    """(S, K, 4, E): what an atom adds to messages with a partner of each species: scalar, vector."""
    kinds, (slots, species) = graph["kinds"], (len(features), len(weights["features"]))
    scalar = features.reshape(-1, ATOMS, features.shape[-1]) @ weights["features"][kinds]
    vector = vectors.reshape(-1, ATOMS * 3, vectors.shape[-1]) @ weights["vectors"][kinds]
    parts = scalar.reshape(slots, 1, species, -1), vector.reshape(slots, 3, species, -1)
    return jnp.concatenate(parts, axis=1).swapaxes(1, 2)


def dense(inputs: Array, weights: Array, biases: Array) -> Array:
    """Inputs (C, …, n) times weights (C, n, m), plus biases (C, m)."""
    rows = inputs.reshape(len(inputs), -1, inputs.shape[-1]) @ weights + biases[:, None]
    return rows.reshape(*inputs.shape[:-1], -1)


def net(layers: Layers, inputs: Array, kinds: Array) -> Array:
    """An embedding net: tanh layers; one as wide as its input, or twice as wide, adds the input.

    inputs (C, …, n); kinds (C,) choose of weights (K, n, m) and biases (K, m).
    """
    for layer in layers:
        values = jnp.tanh(dense(inputs, layer["weight"][kinds], layer["bias"][kinds]))
        ratio, rest = divmod(values.shape[-1], inputs.shape[-1])
        if ratio in (1, 2) and not rest:
            values += jnp.concatenate([inputs] * ratio, axis=-1)
        inputs = values
    return inputs


def fit(layers: Layers, inputs: Array, kinds: Array) -> Array:
    """A fitting net, (C, ATOMS, 1): tanh layers; one as wide as its input is a step away from it.

    inputs (C, ATOMS, n); kinds (C,) choose of weights (K, n, m), biases and steps (K, m).
    """
    for layer in layers[:-1]:
        values = jnp.tanh(dense(inputs, layer["weight"][kinds], layer["bias"][kinds]))
        inputs = inputs + layer["step"][kinds][:, None] * values if "step" in layer else values
    return dense(inputs, layers[-1]["weight"][kinds], layers[-1]["bias"][kinds])

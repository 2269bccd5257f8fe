"""Energy of a frame by deepmd-kit's se_e2_a, as a pure function of weights and positions.

With s(r) the smooth weight of a neighbour, r̂ its direction, and a = davg, d = dstd of the centre's kind:

    z = (s - a) / d₀,  R = (z, s r̂ / d₁)
    T = Σ_j R_j G(z_j) / n                 over the n = Σ sel places for neighbours
    E_i = f(T · T) + bias_i

deepmd-kit fills its places with neighbours at s = 0 and takes G of these too: of an atom without neighbours T
is that of `sel` such places. A neighbour that crosses the cutoff is then nothing new. So T is here

    T = (Σ_sel R(0) G(z(0)) + Σ_j [R_j G(z_j) - R(0) G(z(0))]) / n

over any number of neighbours. L. Zhang et al., arXiv:1805.09003; J. Zeng et al., J. Chem. Phys. 159, 054801
(2023), doi:10.1063/5.0155600.

Arrays are those of dp_mp's graphs.Graph: S slots, C chunks of edges. Weights: those of blueprint.py, `empty`
(K², N) 1/Å⁰ R(0) G(z(0)) of a place for each ordered pair of kinds, and `rest` (K, N), its sum over all.
"""

from mlipbench_hpc.architectures.dp_mp.energy import (
    Arrays,
    Weights,
    differentiated,
    fit,
    neighbour_weight,
    net,
    products,
    row_sums,
    separations,
    sums_of_atoms,
)
from mlipbench_hpc.architectures.dp_mp.graphs import ATOMS, EDGES
from mlipbench_hpc.architectures.shared.jax_library import Array, jnp


def energy_and_forces(constants: Arrays, weights: Weights, graph: Arrays) -> tuple[Array, Array]:
    """Energy (eV) without the atoms' biases, and forces (S, 3) eV/Å of one frame."""
    return differentiated(atomic_energies, constants, weights, graph)


def atomic_energies(constants: Arrays, weights: Weights, graph: Arrays) -> Array:
    """(S,) eV; what stands in empty slots means nothing."""
    vectors, distances = separations(graph)
    weight = neighbour_weight(distances, constants["rcut_smth"], constants["rcut"])
    pairs, species = graph["pairs"], len(weights["mean"])
    mean, spread = (weights[name][pairs // species] for name in ("mean", "spread"))
    scalars = (weight - mean[:, None, None]) / spread[:, :1, None]
    directions = vectors * (weight / distances / spread[:, 1:, None])[..., None]
    scalars, directions = (part.astype(weights["rest"].dtype) for part in (scalars, directions))
    radial = net(weights["embedding"], scalars[..., None], pairs)
    rows = row_sums(jnp.concatenate([scalars[..., None], directions], -1), radial)
    rows = rows.at[:, :, 0].add(-EDGES * weights["empty"][pairs][:, None])
    tensors = sums_of_atoms(constants, graph, rows)
    rest = jnp.repeat(weights["rest"][graph["kinds"]], ATOMS, axis=0)
    tensors = tensors.at[:, 0].add(rest / constants["neighbours"])
    features = products(tensors, weights["fitting"][0]["weight"].shape[1])
    return fit(weights["fitting"], features.reshape(-1, ATOMS, features.shape[-1]), graph["kinds"]).ravel()


def places(weights: Weights, room: Array) -> tuple[Array, Array]:
    """`empty` and `rest`, from the other weights and the numbers of places (K,) for each kind."""
    species = len(room)
    scalars = jnp.repeat(-weights["mean"] / weights["spread"][:, 0], species)
    radial = net(weights["embedding"], scalars[:, None, None], jnp.arange(species**2))
    empty = scalars[:, None] * radial[:, 0]
    return empty, jnp.einsum("ktn,t->kn", empty.reshape(species, species, -1), room)

"""Many steps of MD as one program of JAX, made of the operators of JAX-MD.

They act on the M mobile atoms alone; fixed ones are constants, so that every sum over momenta and every
degree of freedom is a mobile atom's. JAX-MD's loop `nvt_nose_hoover` is not used: it rounds the timestep to
float32, its weights of three and five substeps are not Suzuki's and Yoshida's (the root stands in the
denominator), and it cannot stop between drift and forces for a new list of neighbours. Its chain is used,
three times in each half step with the weights of ASE's chain, so that both engines make the same steps.

Å, eV, u and ASE's unit of time, all in float64.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mlipbench_hpc.architectures.shared.jax_library import Array, jax, jnp
from mlipbench_hpc.worker.engines.jax_md_library import simulate, space
from mlipbench_hpc.worker.engines.restraint import pull

Numbers = Mapping[str, Any]
Compute = Callable[[Any, Any, Array], tuple[Array, Array]]
ROOT = 2.0 ** (1.0 / 3.0)
# H. Yoshida, Phys. Lett. A 150, 262 (1990), doi:10.1016/0375-9601(90)90092-3.
WEIGHTS = (1.0 / (2.0 - ROOT), -ROOT / (2.0 - ROOT), 1.0 / (2.0 - ROOT))
MOVE = space.free()[1]


class Moment(NamedTuple):
    """End of a step. particles: JAX-MD's state of the mobile atoms and of what controls their temperature.

    energy eV and forces (N, 3) eV/Å of all atoms by the potential, without a restraint. work: eV, done by a
    Langevin thermostat since step 0.
    """

    particles: Any
    energy: Array
    forces: Array
    work: Array


class Progress(NamedTuple):
    """State of the loop: steps done, the end of the last one, and where the next forces are needed.

    ahead (M, 3): positions of these. near: False where they are beyond the list of neighbours. sound: False
    where a force or a position of the last step is not finite.
    """

    done: Array
    moment: Moment
    ahead: Array
    near: Array
    sound: Array


def advance(
    compute: Compute, parameters: Any, listed: Numbers, system: Numbers, moment: Moment, steps: Array
) -> Progress:
    """Make `steps` steps, or fewer where a new list of neighbours is needed or a force is not finite.

    listed: arrays (JaxForces.arrange) for positions of the mobile atoms within `slack` Å of reference (M, 3),
    where offsets (N, 3) have moved every atom into the cell. system: start (N, 3), where the fixed atoms are;
    mobile (M,) rows; timestep, kT, friction; wall: height, period, reach (shared/wall.py), or None;
    restraint: its numbers (restraint.py), or None.
    """

    def goes_on(progress: Progress) -> Array:
        return (progress.done < steps) & progress.near & progress.sound

    def step(progress: Progress) -> Progress:
        particles, work = drift(system, progress.moment)
        moved = jnp.sum((particles.position - listed["reference"]) ** 2, axis=1)
        near = jnp.max(moved) <= listed["slack"] ** 2

        def end() -> Moment:
            moment = progress.moment._replace(particles=particles, work=work)
            return finish(compute, parameters, listed, system, moment)

        ended = jax.lax.cond(near, end, lambda: progress.moment)
        sound = jnp.isfinite(ended.forces).all() & jnp.isfinite(particles.position).all()
        return Progress(progress.done + (near | ~sound), ended, particles.position, near, sound)

    yes = jnp.array(True)
    begun = Progress(jnp.zeros((), int), moment, moment.particles.position, yes, yes)
    result: Progress = jax.lax.while_loop(goes_on, step, begun)
    return result


# A program for each `compute`, thermostat, length of chain, and shape of arrays; all runs share it.
ADVANCE = jax.jit(advance, static_argnames="compute")


def drift(system: Numbers, moment: Moment) -> tuple[Any, Array]:
    """First part of a step, up to the forces: particles at their new positions; work done so far, eV."""
    particles, timestep = moment.particles, system["timestep"]
    half = timestep / 2
    if isinstance(particles, simulate.NVTNoseHooverState):
        kicked = simulate.momentum_step(bathe(system, particles), half)
        return simulate.position_step(kicked, MOVE, timestep), moment.work
    kicked = simulate.momentum_step(particles, half)
    before = simulate.position_step(kicked, MOVE, half)
    after = simulate.stochastic_step(before, timestep, system["kT"], system["friction"])
    work = moment.work + simulate.kinetic_energy(after) - simulate.kinetic_energy(before)
    return simulate.position_step(after, MOVE, half), work


def finish(compute: Compute, parameters: Any, listed: Numbers, system: Numbers, moment: Moment) -> Moment:
    """Rest of a step, with the forces at the positions that `drift` led to."""
    mobile = system["mobile"]
    everything = system["start"].at[mobile].set(moment.particles.position)
    energy, forces = compute(parameters, listed["arrays"], everything + listed["offsets"])
    total = forces
    if system["restraint"] is not None:
        total = forces.at[:, 2].add(pull(system["restraint"], everything[:, 2]))
    pulled = moment.particles.set(force=total[mobile])
    particles = simulate.momentum_step(pulled, system["timestep"] / 2)
    if isinstance(particles, simulate.NVTNoseHooverState):
        particles = bathe(system, particles)
    if system["wall"] is not None:
        particles = reflect(system["wall"], particles)
    return Moment(particles, energy, forces, moment.work)


def bathe(system: Numbers, particles: Any) -> Any:
    """Half a step of the chain, and of the momenta by it."""
    momentum = particles.momentum
    chain = particles.chain.set(kinetic_energy=simulate.kinetic_energy(particles))
    for weight in WEIGHTS:
        timestep, length = weight * system["timestep"], len(chain.mass)
        part = simulate.nose_hoover_chain(timestep, length, chain_steps=1, sy_steps=1, tau=chain.tau)
        momentum, chain = part.half_step(momentum, chain, system["kT"])
    return particles.set(momentum=momentum, chain=chain)


def reflect(wall: Numbers, particles: Any) -> Any:
    """Turn atoms back that are above the wall and move upwards (the rule of shared/wall.py)."""
    over = jnp.mod(particles.position[:, 2] - wall["height"], wall["period"])
    upward = particles.momentum[:, 2]
    turned = jnp.where((over > 0) & (over < wall["reach"]), -jnp.abs(upward), upward)
    return particles.set(momentum=particles.momentum.at[:, 2].set(turned))

"""locality: forces on waters when all within a radius stays and the rest is of other reference frames.

An interrupted attempt starts again.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.composition import Composed, Contacts, Scene, compose, contacts
from mlipbench_hpc.analysis.copies import Runs
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.analysis.slowest import slow_rows
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.split import holding
from mlipbench_hpc.potentials.interface import Labeller
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.labelling import labeller_of
from mlipbench_hpc.worker.origins import origins

SAME, ANY = "same", "any"
KINDS = (SAME, ANY)
FORCES = "forces.npz"


@dataclass(frozen=True)
class Wanted:
    """A composed frame to label: frames of host and donor, atoms of the host's water, place of the radius."""

    host: int
    donor: int
    molecule: list[int]
    radius: int
    kind: str
    frame: Composed


@dataclass
class Pool:
    """Frames that can be composed, by index into the dataset; runs: the sampling runs of all frames.

    stated: whether the data say which frames follow one another. counts: compositions `tried` and `refused`,
    donors left out as near copies of the host or of another donor (`near`), and such hosts (`hosts_near`).
    """

    scenes: dict[int, Scene]
    limits: Contacts
    random: np.random.Generator
    given: dict[str, Any]
    runs: Runs
    stated: bool
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def charges(self) -> set[tuple[tuple[int, int], ...]]:
        """Numbers of ions that occur."""
        return {scene.charge for scene in self.scenes.values()}

    @property
    def runs_of_scenes(self) -> set[int]:
        """Sampling runs of these frames."""
        return {int(self.runs.series[index]) for index in self.scenes}

    def composed(self, host: int, water: int, radius: int) -> Iterator[tuple[str, int, Composed]]:
        """Kind, donor and composed frame, in random order of donors, as many of each kind as asked for.

        No donor is a near copy of the host, nor of another donor that counts in the same kind: each would
        make the spread too small.
        """
        taken: dict[str, list[int]] = {kind: [] for kind in (KINDS if len(self.charges) > 1 else KINDS[:1])}
        for donor in self.random.permutation([index for index in self.scenes if index != host]).tolist():
            if all(len(donors) >= self.given["donors"] for donors in taken.values()):
                return
            if self.runs.are_copies(host, donor):
                self.counts["near"] += 1
                continue
            if frame := self._fitting(host, donor, water, radius):
                for kind in self._kinds(self.scenes[host], frame, list(taken)):
                    if self._counts(donor, taken[kind]):
                        taken[kind].append(donor)
                        yield kind, donor, frame

    def _fitting(self, host: int, donor: int, water: int, radius: int) -> Composed | None:
        scene, length = self.scenes[host], self.given["radii"][radius]
        frame = compose(scene, self.scenes[donor], water, length, self.limits)
        fits = frame is not None and self._of_size(scene, frame)
        self.counts["tried"] += 1
        self.counts["refused"] += not fits
        return frame if fits else None

    def _counts(self, donor: int, taken: list[int]) -> bool:
        """True where more donors are asked for and this one is new; near copies are counted."""
        if len(taken) >= self.given["donors"]:
            return False
        new = self.runs.is_new(donor, taken)
        self.counts["near"] += not new
        return new

    def _of_size(self, host: Scene, frame: Composed) -> bool:
        off = abs(frame.waters - len(host.waters)) <= self.given["tolerance"]
        return bool(off and frame.charge in self.charges)

    @staticmethod
    def _kinds(host: Scene, frame: Composed, kinds: Sequence[str]) -> list[str]:
        return [kind for kind in kinds if kind == ANY or frame.charge == host.charge]


def run(context: Context) -> dict[str, Any]:
    """Write forces.npz: of each composed frame host, donor, molecule (3,) (in the host), radius, kind,
    force (3,).

    Hosts are frames of the split's test set, of each composition in turn. kind: 0 where the composed frame
    has as many ions as its host, 1 where it has as many as any frame of the data. `left_out`: waters of the
    donor without room.
    """
    given = context.parameters
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    pool = pool_of(context, frames)
    hosts = chosen_hosts(context, frames, pool)
    if not hosts:
        raise InputFailure(
            "no test frame at this temperature is a metal under water with single ions: nothing is composed"
        )
    wanted = [one for host in hosts for one in compositions(pool, host)]
    forces = labelled(context, labeller_of(context.task), frames, wanted)
    known = np.isfinite(forces).all(axis=1)
    write(context, wanted, forces)
    return {
        "radii_A": given["radii"],
        "hosts": [{"frame": host, "composition": frames.formula(host)} for host in hosts],
        "pool": len(pool.scenes),
        "charges": len(pool.charges),
        "composed": len(wanted),
        "without_label": int((~known).sum()),
        "donors_tried": pool.counts["tried"],
        "donors_refused": pool.counts["refused"],
        "donors_near": pool.counts["near"],
        "hosts_near": pool.counts["hosts_near"],
        "runs": len(pool.runs_of_scenes),
        "runs_too_short": len(pool.runs_of_scenes & pool.runs.too_short),
        "runs_stated": pool.stated,
        "contacts_A": [[*pair, distance] for pair, distance in pool.limits.items()],
    }


def pool_of(context: Context, frames: Frames) -> Pool:
    """Frames that can be composed: not rattled, of the temperature or of none that is stated."""
    given, metal = context.parameters, atomic_numbers_of(context.parameters["metal"])
    series, temperatures, rattled = origins(frames, given["conditions"])
    usable = ~rattled & (np.isnan(temperatures) | np.isclose(temperatures, given["temperature"]))
    scenes = dict[int, Scene]()
    for index in np.intersect1d(np.flatnonzero(usable), holding(frames, given["only"])).tolist():
        context.check()
        with suppress(ValueError, np.linalg.LinAlgError):
            scenes[index] = Scene.of(frames, index, metal)
    random = np.random.default_rng(given["seed"])
    runs = Runs.of(slow_rows(frames, frames.energies, metal), series)
    stated = frames.groups is not None or bool(np.isfinite(temperatures).all())
    return Pool(scenes, contacts(list(scenes.values())), random, given, runs, stated)


def chosen_hosts(context: Context, frames: Frames, pool: Pool) -> list[int]:
    """Test frames with first-layer water, of each composition in turn until there are enough.

    None is a near copy of another: the error of the floor is that over hosts.
    """
    split = json.loads((context.upstream("split") / "split.json").read_bytes())
    usable = [index for index in split["test"] if index in pool.scenes]
    groups: dict[str, list[int]] = {}
    for index in pool.random.permutation(np.array(usable, dtype=np.int64)).tolist():
        if len(pool.scenes[index].first_layer):
            groups.setdefault(frames.formula(index), []).append(index)
    ordered = [groups[name] for name in sorted(groups)]
    turns = max(map(len, ordered), default=0)
    order = [group[turn] for turn in range(turns) for group in ordered if turn < len(group)]
    hosts = list[int]()
    for index in order:
        if len(hosts) < context.parameters["hosts"]:
            is_new = pool.runs.is_new(index, hosts)
            pool.counts["hosts_near"] += not is_new
            hosts += [index] * is_new
    return hosts


def compositions(pool: Pool, host: int) -> Iterator[Wanted]:
    """All composed frames of a host."""
    scene = pool.scenes[host]
    rows = pool.random.permutation(scene.first_layer)[: pool.given["waters"]]
    for water in sorted(rows.tolist()):
        molecule = scene.waters[water].tolist()
        for radius in range(len(pool.given["radii"])):
            for kind, donor, frame in pool.composed(host, water, radius):
                yield Wanted(host, donor, molecule, radius, kind, frame)


def labelled(context: Context, labeller: Labeller, frames: Frames, wanted: list[Wanted]) -> Floats:
    """Net force (W, 3) eV/Å on the water of each composed frame; NaN where it cannot be labelled.

    Each is labelled once, although it may count in both kinds. Those of equal atoms follow one another, so
    that a labeller need not start anew for each.
    """
    forces = dict[int, Floats]()
    order = sorted(wanted, key=lambda one: (one.frame.waters, one.frame.charge))
    with closing(labeller):
        for done, one in enumerate(order):
            context.check()
            context.progress(done, len(wanted), "frames")
            if id(one.frame) not in forces:
                forces[id(one.frame)] = force(labeller, as_frame(frames, one), one.frame)
    result = np.array([forces[id(one.frame)] for one in wanted]).reshape(-1, 3)
    if wanted and not np.isfinite(result).any():
        raise InputFailure("the reference potential can label none of the composed frames")
    return result


def force(labeller: Labeller, frame: Frames, composed: Composed) -> Floats:
    """Net force (3,) eV/Å on the water; NaN where the potential cannot label the frame."""
    try:
        answer, _ = labeller.label(frame, np.nan)
    except InputFailure:
        return np.full(3, np.nan)
    return np.asarray(answer.forces[composed.water].sum(axis=0))


def as_frame(frames: Frames, wanted: Wanted) -> Frames:
    """The composed frame, without labels."""
    own, atoms = frames.select([wanted.host]), len(wanted.frame.numbers)
    return Frames(
        offsets=np.array([0, atoms]),
        numbers=wanted.frame.numbers,
        positions=wanted.frame.positions,
        cells=own.cells,
        pbc=own.pbc,
        energies=np.full(1, np.nan),
        forces=np.full((atoms, 3), np.nan),
    )


def write(context: Context, wanted: list[Wanted], forces: Floats) -> None:
    """Write forces.npz, one row for each composed frame."""
    columns = {
        "host": [one.host for one in wanted],
        "donor": [one.donor for one in wanted],
        "molecule": [one.molecule for one in wanted],
        "radius": [one.radius for one in wanted],
        "kind": [KINDS.index(one.kind) for one in wanted],
        "left_out": [one.frame.left_out for one in wanted],
        "waters": [one.frame.waters for one in wanted],
        "ions": [sum(amount for _, amount in one.frame.charge) for one in wanted],
    }
    arrays = {name: np.array(values, dtype=np.int64) for name, values in columns.items()}
    with writing(context.folder / FORCES) as stream:
        np.savez(stream, allow_pickle=False, forces=forces, **arrays)

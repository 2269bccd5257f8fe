"""expand(campaign, setting, decisions): the task graph, in topological order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlipbench_hpc.architectures.card import Found, keyed
from mlipbench_hpc.architectures.card import merge as merge_hyperparameters
from mlipbench_hpc.campaign.facts import DatasetFacts, atomic_number, drawn, read_parameters
from mlipbench_hpc.campaign.spec import (
    Campaign,
    Committee,
    Dataset,
    GeneratedDataset,
    Model,
    MolecularDynamics,
    Split,
)
from mlipbench_hpc.contract.task import Architecture, Resources, Task
from mlipbench_hpc.contract.versions import Version
from mlipbench_hpc.plan import cost, sources
from mlipbench_hpc.plan.graph import Cost, Planned

ENVIRONMENT_OF_VERB = {
    "build": "analysis",
    "label": "reference",
    "dipole": "analysis",
    "split": "analysis",
    "visibility": "analysis",
    "calibrate": "analysis",
    "decide": "analysis",
    "md": "reference",
    "analyse": "analysis",
    "reweight": "analysis",
}


@dataclass(frozen=True)
class Setting:
    """All that decides keys besides the campaign itself."""

    facts: Mapping[str, DatasetFacts]
    systems: Mapping[str, DatasetFacts]
    architectures: Mapping[str, Found]
    identities: Mapping[str, str]
    versions: Mapping[str, Version]
    threads: int = 1
    devices: Mapping[str, str] = field(default_factory=dict)  # Of environments; elsewhere cpu.


def environments(campaign: Campaign, architectures: Mapping[str, Found]) -> list[str]:
    """The environments a campaign needs, sorted."""
    verbs = {"build", "split", "analyse"} | {"md" for run in campaign.md.values() if run.potential}
    verbs |= {"label" for dataset in campaign.datasets.values() if dataset.generate or dataset.label}
    engines = {architectures[model.architecture].card.environment for model in campaign.models.values()}
    return sorted({ENVIRONMENT_OF_VERB[verb] for verb in verbs} | engines)


def expand(campaign: Campaign, setting: Setting, decisions: Mapping[str, bool]) -> list[Planned]:
    """Every task of the campaign, upstream first.

    decisions: by key of a committed `decide` task, whether the loop it belongs to has had enough. An open
    loop is unrolled to its stated maximum and what may still be pruned is marked `maybe`.
    """
    expansion = Expansion(campaign, setting, decisions)
    for name in campaign.datasets:
        expansion.dataset(name)
        expansion.dipole(name)
    for name, split in campaign.splits.items():
        expansion.split(name, split.train)
    for name in campaign.committees:
        expansion.visibility(name)  # Of all, before any is trained: tasks run in this order where they can.
    for name in campaign.committees:
        expansion.committee(name)
    for name in campaign.md:
        expansion.md(name)
    return list(expansion.planned.values())


@dataclass(frozen=True)
class Trained:
    """Keys of one round's tasks, member by member; `calibrate` is None for a single model."""

    train: list[str]
    evaluate: list[str]
    calibrate: str | None


@dataclass
class Expansion:
    """The growing graph. Each method adds its task (once) and returns the key others consume."""

    campaign: Campaign
    setting: Setting
    decisions: Mapping[str, bool]
    planned: dict[str, Planned] = field(default_factory=dict)
    committees: dict[str, Trained] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    maybe: bool = False

    def add(
        self,
        verb: str,
        subject: dict[str, Any],
        parameters: dict[str, Any],
        upstream: dict[str, str],
        cost: Cost,
        model: Model | None = None,
        inputs: dict[str, str] | None = None,
    ) -> str:
        """Plan one task, or note one more subject of a task that is planned already; returns its key."""
        found = self.setting.architectures[model.architecture] if model else None
        environment = found.card.environment if found else ENVIRONMENT_OF_VERB[verb]
        task = Task(
            verb=verb,
            version=self.setting.versions[verb],
            environment=environment,
            identity=self.setting.identities[environment],
            parameters=parameters,
            upstream=upstream,
            inputs=inputs or {},
            architecture=Architecture(found.name, found.module, found.version) if found else None,
            label=" ".join([verb, *(f"{name}={value}" for name, value in subject.items())]),
            resources=Resources(
                cores=self.setting.threads if model else 1,
                gpus=int(str(parameters.get("device")).startswith("cuda")),
            ),
        )
        known = self.planned.get(task.key, Planned(task, (), cost, self.maybe))
        if subject not in known.subjects:
            maybe = known.maybe and self.maybe
            self.planned[task.key] = replace(known, subjects=(*known.subjects, subject), maybe=maybe)
        return task.key

    def system(self, name: str, start: int = 0) -> str:
        """One of a system's independent starts, each with another seed; a user's structure has none."""
        system, facts = self.campaign.systems[name], self.setting.systems[name]
        subject = {"system": name} | ({"start": start} if start else {})
        parameters, inputs = sources.build(system, facts, start)
        return self.add("build", subject, parameters, {}, cost.build(facts.atoms), inputs=inputs)

    def dataset(self, name: str) -> str:
        dataset = self.campaign.datasets[name]
        if dataset.generate:
            return self._generated(name, dataset.generate)
        if dataset.label:
            upstream, parameters = self.dataset(dataset.label.frames), {"potential": dataset.label.potential}
            costs = cost.relabel(self.setting.facts[name])
            return self.add("label", {"dataset": name}, parameters, {"frames": upstream}, costs)
        return self._imported(name, dataset)

    def _generated(self, name: str, recipe: GeneratedDataset) -> str:
        """One task for each system and start; more than one are joined."""
        keys, apart = [], len(recipe.runs) > 1
        for system, start, frames in recipe.runs:
            subject = {"sample": name, "of": system, "start": start} if apart else {"dataset": name}
            costs = cost.label(self.setting.systems[system].atoms, frames, recipe)
            upstream = {"system": self.system(system, start)}
            parameters = sources.sample(recipe, start, frames)
            keys.append(self.add("label", subject, parameters, upstream, costs))
        if not apart:
            return keys[0]
        upstream = {f"part-{index:06d}": key for index, key in enumerate(keys)}
        costs = cost.build(self.setting.facts[name].atoms)
        return self.add("build", {"dataset": name}, {"kind": "join"}, upstream, costs)

    def _imported(self, name: str, dataset: Dataset) -> str:
        assert dataset.brought is not None
        role, source = dataset.brought
        facts = self.setting.facts[name]
        parameters = {"kind": "import" if role == "file" else role, **read_parameters(source)}
        inputs = {"data": facts.sha256}
        return self.add("build", {"dataset": name}, parameters, {}, cost.build(facts.atoms), inputs=inputs)

    def dipole(self, name: str) -> None:
        """Where a dataset says the dipoles of a metal under water: how P_z goes with them."""
        analysis, facts = self.campaign.analysis, self.setting.facts[name]
        metal = analysis.profiles.metal
        if not facts.dipoles or not {1, 8, atomic_number(metal)} <= set(facts.species):
            return
        parameters, upstream = {"metal": metal, "blocks": analysis.blocks}, {"frames": self.dataset(name)}
        self.add("dipole", {"frames": name}, parameters, upstream, cost.analyse(facts.frames))

    def split(self, name: str, train: int) -> str:
        split = self.campaign.splits[name]
        parameters = split.model_dump(exclude={"dataset"}) | {"train": train}
        subject = {"split": name, "train": train}
        return self.add("split", subject, parameters, {"frames": self.dataset(split.dataset)}, Cost())

    def _drawn(self, split: Split) -> DatasetFacts:
        """What the frames hold that a split draws from."""
        return drawn(self.setting.facts[split.dataset], split.only)

    def committee(self, name: str) -> None:
        """All rounds of one committee; remembers the last one, whose members drive."""
        committee = self.campaign.committees[name]
        rounds = committee.grow.at_most if committee.grow else 1
        for number in range(rounds):
            trained = self._round(name, committee, number)
            if committee.grow is None:
                break
            enough = self.decisions.get(self._decide(name, committee, number, trained.evaluate))
            if enough:
                break
            self.maybe = self.maybe or enough is None
        self.committees[name] = trained
        if self.maybe:
            self.undecided.add(name)
        self.maybe = False

    def _round(self, name: str, committee: Committee, number: int) -> Trained:
        split = self.campaign.splits[committee.split]
        train = split.train + number * (committee.grow.step if committee.grow else 0)
        upstream = {"frames": self.dataset(split.dataset), "split": self.split(committee.split, train)}
        subjects = [
            {"committee": name, "round": number, "member": m, "train": train} for m in range(split.members)
        ]
        trained = [self._train(committee, subject, upstream, split) for subject in subjects]
        evaluated = [
            self._evaluate(committee, subject, upstream | {"model": key}, split)
            for subject, key in zip(subjects, trained, strict=True)
        ]
        return Trained(trained, evaluated, self._calibrate(name, number, evaluated))

    def visibility(self, name: str) -> None:
        """Where the data hold a metal and ions: which waters see every ion within the receptive field."""
        committee = self.campaign.committees[name]
        split, metal = self.campaign.splits[committee.split], self.campaign.analysis.profiles.metal
        facts, model = self._drawn(split), self.campaign.models[committee.model]
        species = set(facts.species) - {1, 8}
        if atomic_number(metal) not in species or len(species) < 2:
            return
        card = self.setting.architectures[model.architecture].card
        asked = merge_hyperparameters(card, model.preset, model.hyperparameters)
        radius = float(asked[card.receptive_field["cutoff"]] * asked[card.receptive_field["layers"]])
        upstream = {"frames": self.dataset(split.dataset)}
        parameters = {"metal": metal, "radius": radius, "only": split.only}
        self.add("visibility", {"committee": name}, parameters, upstream, cost.analyse(facts.frames))

    def _calibrate(self, name: str, number: int, evaluated: list[str]) -> str | None:
        if len(evaluated) < 2:
            return None
        return self.add("calibrate", {"committee": name, "round": number}, {}, _members(evaluated), Cost())

    def _train(
        self, committee: Committee, subject: dict[str, Any], upstream: dict[str, str], split: Split
    ) -> str:
        model = self.campaign.models[committee.model]
        parameters = {
            "member": subject["member"],
            "seed": split.seed * 1000 + subject["member"],
            **self.engine(model),
        }
        card, facts = self.setting.architectures[model.architecture].card, self._drawn(split)
        costs = cost.train(card, parameters, facts, subject["train"], split.validation)
        return self.add("train", subject, parameters, upstream, costs, model)

    def _evaluate(
        self, committee: Committee, subject: dict[str, Any], upstream: dict[str, str], split: Split
    ) -> str:
        model = self.campaign.models[committee.model]
        parameters = {"batch_size": self.campaign.evaluation.batch_size, **self.engine(model)}
        card, facts = self.setting.architectures[model.architecture].card, self._drawn(split)
        costs = cost.evaluate(card, parameters, facts, split.validation + split.test)
        return self.add("evaluate", subject, parameters, upstream, costs, model)

    def engine(self, model: Model) -> dict[str, Any]:
        """The parameters every task that loads a model shares."""
        card = self.setting.architectures[model.architecture].card
        return {
            "hyperparameters": keyed(card, merge_hyperparameters(card, model.preset, model.hyperparameters)),
            "dtype": model.dtype,
            "device": self.setting.devices.get(card.environment, "cpu"),
            "threads": self.setting.threads,
        }

    def _decide(self, name: str, committee: Committee, number: int, evaluated: list[str]) -> str:
        assert committee.grow is not None
        parameters = {"force_rmse": committee.grow.force_rmse, "round": number}
        subject = {"committee": name, "round": number}
        return self.add("decide", subject, parameters, _members(evaluated), Cost())

    def md(self, name: str) -> None:
        run = self.campaign.md[name]
        start = {"start": self._start(run)}
        for replica in range(run.replicas):
            if run.committee is None:
                subject = {"md": name, "replica": replica, "potential": run.potential}
                self._analyse(run, subject, self._md(run, subject, start, None))
            else:
                self._driven(run, run.committee, {"md": name, "replica": replica}, start)

    def _driven(
        self, run: MolecularDynamics, committee: str, subject: dict[str, Any], start: dict[str, str]
    ) -> None:
        """A replica that one member drives, and what the others make of it."""
        self.maybe = committee in self.undecided
        subject = subject | {"committee": committee}
        model = self.campaign.models[self.campaign.committees[committee].model]
        trained = self.committees[committee]
        key = self._md(run, subject, {"model": trained.train[run.driver], **start}, model)
        self._analyse(run, subject, key)
        self._reweight(run, subject, key, trained, model)
        self.maybe = False

    def _start(self, run: MolecularDynamics) -> str:
        return self.system(run.start.system) if run.start.system else self.dataset(str(run.start.dataset))

    def _md(
        self, run: MolecularDynamics, subject: dict[str, Any], upstream: dict[str, str], model: Model | None
    ) -> str:
        replica, frames = subject["replica"], run.start.frames
        parameters = {
            "replica": replica,
            "seed": run.seed * 1000 + replica,
            "temperature": run.temperature,
            "timestep": run.timestep,
            "steps": round(run.length / run.timestep),
            "frame_every": round(run.frame_every / run.timestep),
            "checkpoint_every": sources.checkpoint_every(run),
            "thermostat": run.thermostat.model_dump(),
            "fixed_atoms": run.fixed_atoms,
            "fixed_layers": self._fixed_layers(run),
            "wall": run.wall or "start",
            "stability": run.stability.model_dump(),
            "start_frame": frames[replica % len(frames)],
            **(self.engine(model) if model else {"potential": run.potential}),
        }
        card = self.setting.architectures[model.architecture].card if model else None
        parameters["engine"] = run.engine or (card.engines[0] if card else "lammps")
        costs = cost.md(card, parameters, self._start_facts(run))
        return self.add("md", subject, parameters, upstream, costs, model)

    def _fixed_layers(self, run: MolecularDynamics) -> dict[str, Any] | None:
        metal = self.campaign.analysis.profiles.metal
        return {"count": run.fixed_layers, "metal": metal} if run.fixed_layers else None

    def _start_facts(self, run: MolecularDynamics) -> DatasetFacts:
        if run.start.system:
            return self.setting.systems[run.start.system]
        return self.setting.facts[str(run.start.dataset)]

    def _observables(self, run: MolecularDynamics) -> dict[str, Any]:
        """What is asked of a run's frames, whoever drove it."""
        analysis = self.campaign.analysis
        return {
            "rdf": analysis.rdf.model_dump(mode="json"),
            "profiles": analysis.profiles.model_dump(mode="json"),
            "blocks": analysis.blocks,
            "equilibration": _equilibration(run),
            "temperature": run.temperature,
        }

    def _analyse(self, run: MolecularDynamics, subject: dict[str, Any], key: str) -> str:
        costs = cost.analyse(run.length / run.frame_every)
        asked = {"dynamics": self.campaign.analysis.dynamics.model_dump(mode="json")}
        return self.add("analyse", subject, self._observables(run) | asked, {"md": key}, costs)

    def _reweight(
        self, run: MolecularDynamics, subject: dict[str, Any], key: str, trained: Trained, model: Model
    ) -> None:
        """Every member on the driver's stored frames, then what each of them would have given."""
        asked = self.campaign.analysis.reweight
        if asked is None or trained.calibrate is None:
            return
        energies = [
            self._reevaluate(run, subject | {"member": number}, {"md": key, "model": member}, model)
            for number, member in enumerate(trained.train)
        ]
        parameters = self._observables(run) | {"stride": asked.stride, "driver": run.driver}
        upstream = {"md": key, "calibration": trained.calibrate} | _members(energies)
        self.add("reweight", subject, parameters, upstream, cost.analyse(run.length / run.frame_every))

    def _reevaluate(
        self, run: MolecularDynamics, subject: dict[str, Any], upstream: dict[str, str], model: Model
    ) -> str:
        assert self.campaign.analysis.reweight is not None
        stride = self.campaign.analysis.reweight.stride
        parameters = {
            "stride": stride,
            "equilibration": _equilibration(run),
            "batch_size": self.campaign.evaluation.batch_size,
            **self.engine(model),
        }
        frames = (run.length - _equilibration(run)) / run.frame_every / stride
        card = self.setting.architectures[model.architecture].card
        costs = cost.reevaluate(card, parameters, self._start_facts(run), frames)
        return self.add("reevaluate", subject, parameters, upstream, costs, model)


def _members(keys: list[str]) -> dict[str, str]:
    """Upstream roles of a committee's members."""
    return {f"member-{member:03d}": key for member, key in enumerate(keys)}


def _equilibration(run: MolecularDynamics) -> float:
    """ps that are left out before analysis."""
    return run.length / 10 if run.equilibration is None else run.equilibration

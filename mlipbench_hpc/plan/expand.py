"""expand(campaign, setting, decisions): the task graph, in topological order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlipbench_hpc.architectures.card import Found
from mlipbench_hpc.architectures.card import merge as merge_hyperparameters
from mlipbench_hpc.campaign.facts import DatasetFacts, read_parameters
from mlipbench_hpc.campaign.spec import Campaign, Committee, Dataset, Model, MolecularDynamics, Split
from mlipbench_hpc.contract.task import Architecture, Resources, Task
from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.graph import Cost, Planned

ENVIRONMENT_OF_VERB = {
    "build": "analysis",
    "label": "reference",
    "split": "analysis",
    "decide": "analysis",
    "analyse": "analysis",
}


@dataclass(frozen=True)
class Setting:
    """All that decides keys besides the campaign itself."""

    facts: Mapping[str, DatasetFacts]
    architectures: Mapping[str, Found]
    identities: Mapping[str, str]
    versions: Mapping[str, int]
    threads: int = 1
    device: str = "cpu"


def environments(campaign: Campaign, architectures: Mapping[str, Found]) -> list[str]:
    """The environments a campaign needs, sorted."""
    verbs = {"build", "split", "analyse"} | {
        "label" for dataset in campaign.datasets.values() if dataset.generate
    }
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
    for name, split in campaign.splits.items():
        expansion.split(name, split.train)
    for name in campaign.committees:
        expansion.committee(name)
    for name in campaign.md:
        expansion.md(name)
    return list(expansion.planned.values())


@dataclass
class Expansion:
    """The growing graph. Each method adds its task (once) and returns the key others consume."""

    campaign: Campaign
    setting: Setting
    decisions: Mapping[str, bool]
    planned: dict[str, Planned] = field(default_factory=dict)
    drivers: dict[str, str] = field(default_factory=dict)
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
            architecture=Architecture(found.name, found.module, found.digest) if found else None,
            label=" ".join([verb, *(f"{name}={value}" for name, value in subject.items())]),
            resources=Resources(cores=self.setting.threads if model else 1),
        )
        known = self.planned.get(task.key, Planned(task, (), cost, self.maybe))
        if subject not in known.subjects:
            maybe = known.maybe and self.maybe
            self.planned[task.key] = replace(known, subjects=(*known.subjects, subject), maybe=maybe)
        return task.key

    def system(self, name: str) -> str:
        box = self.campaign.systems[name].water_box
        parameters = {"kind": "water_box", "molecules": box.molecules, "density": box.density, "seed": 0}
        return self.add("build", {"system": name}, parameters, {}, cost.build(3 * box.molecules))

    def dataset(self, name: str) -> str:
        dataset = self.campaign.datasets[name]
        return self._generated(name, dataset) if dataset.generate else self._imported(name, dataset)

    def _generated(self, name: str, dataset: Dataset) -> str:
        recipe = dataset.generate
        assert recipe is not None
        upstream = {"system": self.system(recipe.system)}
        parameters = recipe.model_dump(exclude={"system"})
        return self.add(
            "label", {"dataset": name}, parameters, upstream, cost.label(self.setting.facts[name], recipe)
        )

    def _imported(self, name: str, dataset: Dataset) -> str:
        source = dataset.file
        assert source is not None
        facts = self.setting.facts[name]
        parameters = {"kind": "import", **read_parameters(source)}
        inputs = {"data": facts.sha256}
        return self.add("build", {"dataset": name}, parameters, {}, cost.build(facts.atoms), inputs=inputs)

    def split(self, name: str, train: int) -> str:
        split = self.campaign.splits[name]
        parameters = split.model_dump(exclude={"dataset"}) | {"train": train}
        subject = {"split": name, "train": train}
        return self.add("split", subject, parameters, {"frames": self.dataset(split.dataset)}, Cost())

    def committee(self, name: str) -> None:
        """All rounds of one committee; remembers the train key of its driver, member 0."""
        committee = self.campaign.committees[name]
        rounds = committee.grow.at_most if committee.grow else 1
        for number in range(rounds):
            trained, evaluated = self._round(name, committee, number)
            if committee.grow is None:
                break
            enough = self.decisions.get(self._decide(name, committee, number, evaluated))
            if enough:
                break
            self.maybe = self.maybe or enough is None
        self.drivers[name] = trained[0]
        if self.maybe:
            self.undecided.add(name)
        self.maybe = False

    def _round(self, name: str, committee: Committee, number: int) -> tuple[list[str], list[str]]:
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
        return trained, evaluated

    def _train(
        self, committee: Committee, subject: dict[str, Any], upstream: dict[str, str], split: Split
    ) -> str:
        model = self.campaign.models[committee.model]
        parameters = {
            "member": subject["member"],
            "seed": split.seed * 1000 + subject["member"],
            **self.engine(model),
        }
        atoms = cost.per_frame(self.setting.facts[split.dataset]) * subject["train"]
        costs = cost.train(
            self.setting.architectures[model.architecture].card, parameters["hyperparameters"], atoms
        )
        return self.add("train", subject, parameters, upstream, costs, model)

    def _evaluate(
        self, committee: Committee, subject: dict[str, Any], upstream: dict[str, str], split: Split
    ) -> str:
        model = self.campaign.models[committee.model]
        parameters = {"batch_size": self.campaign.evaluation.batch_size, **self.engine(model)}
        atoms = cost.per_frame(self.setting.facts[split.dataset]) * (split.validation + split.test)
        costs = cost.evaluate(self.setting.architectures[model.architecture].card, atoms)
        return self.add("evaluate", subject, parameters, upstream, costs, model)

    def engine(self, model: Model) -> dict[str, Any]:
        """The parameters every task that loads a model shares."""
        card = self.setting.architectures[model.architecture].card
        return {
            "hyperparameters": merge_hyperparameters(card, model.preset, model.hyperparameters),
            "dtype": model.dtype,
            "device": self.setting.device,
            "threads": self.setting.threads,
        }

    def _decide(self, name: str, committee: Committee, number: int, evaluated: list[str]) -> str:
        assert committee.grow is not None
        parameters = {"force_rmse": committee.grow.force_rmse, "round": number}
        upstream = {f"member-{member:03d}": key for member, key in enumerate(evaluated)}
        return self.add("decide", {"committee": name, "round": number}, parameters, upstream, Cost())

    def md(self, name: str) -> None:
        run = self.campaign.md[name]
        self.maybe = run.committee in self.undecided
        upstream = {"model": self.drivers[run.committee], "start": self._start(run)}
        for replica in range(run.replicas):
            subject = {"md": name, "replica": replica, "committee": run.committee}
            key = self._md(run, subject, upstream)
            self._analyse(run, subject, key)
        self.maybe = False

    def _start(self, run: MolecularDynamics) -> str:
        return self.system(run.start.system) if run.start.system else self.dataset(str(run.start.dataset))

    def _md(self, run: MolecularDynamics, subject: dict[str, Any], upstream: dict[str, str]) -> str:
        model = self.campaign.models[self.campaign.committees[run.committee].model]
        replica, frames = subject["replica"], run.start.frames
        parameters = {
            "replica": replica,
            "seed": run.seed * 1000 + replica,
            "temperature": run.temperature,
            "timestep": run.timestep,
            "steps": round(run.length / run.timestep),
            "frame_every": round(run.frame_every / run.timestep),
            "checkpoint_every": round(run.checkpoint_every / run.timestep),
            "thermostat": run.thermostat.model_dump(),
            "fixed_atoms": run.fixed_atoms,
            "stability": run.stability.model_dump(),
            "start_frame": frames[replica % len(frames)],
            **self.engine(model),
        }
        atoms = self._start_atoms(run)
        costs = cost.md(self.setting.architectures[model.architecture].card, parameters, atoms)
        return self.add("md", subject, parameters, upstream, costs, model)

    def _start_atoms(self, run: MolecularDynamics) -> float:
        if run.start.system:
            return 3.0 * self.campaign.systems[run.start.system].water_box.molecules
        return cost.per_frame(self.setting.facts[str(run.start.dataset)])

    def _analyse(self, run: MolecularDynamics, subject: dict[str, Any], key: str) -> str:
        analysis = self.campaign.analysis
        equilibration = run.length / 10 if run.equilibration is None else run.equilibration
        parameters = {
            "rdf": analysis.rdf.model_dump(mode="json"),
            "blocks": analysis.blocks,
            "equilibration": equilibration,
            "temperature": run.temperature,
        }
        return self.add(
            "analyse", subject, parameters, {"md": key}, cost.analyse(run.length / run.frame_every)
        )

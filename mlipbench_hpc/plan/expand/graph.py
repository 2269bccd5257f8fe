"""The growing task graph, and what every part of it needs to add a task."""

from dataclasses import dataclass, field, replace
from typing import Any

from mlipbench_hpc.architectures.card import Card, InstalledArchitecture, merge
from mlipbench_hpc.architectures.hyperparameters import keyed
from mlipbench_hpc.campaign.facts import DatasetFacts, drawn
from mlipbench_hpc.campaign.spec import Campaign, Committee, Model, Split
from mlipbench_hpc.campaign.splits import held
from mlipbench_hpc.contract.task import Architecture, Resources, Task
from mlipbench_hpc.contract.verbs import verb_of
from mlipbench_hpc.plan.expand.setting import Setting
from mlipbench_hpc.plan.graph import Cost, Planned
from mlipbench_hpc.potentials.card import Card as PotentialCard


@dataclass
class TaskGraph:
    """Tasks by key, upstream first, of one campaign in one setting."""

    campaign: Campaign
    setting: Setting
    planned: dict[str, Planned] = field(default_factory=dict)
    _drawn: dict[str, DatasetFacts] = field(default_factory=dict, init=False, repr=False)

    def add(
        self,
        verb: str,
        subject: dict[str, Any],
        parameters: dict[str, Any],
        upstream: dict[str, str],
        cost: Cost,
        model: Model | None = None,
        potential: str | None = None,
        inputs: dict[str, str] | None = None,
        maybe: bool = False,
        environment: str = "",
    ) -> str:
        """Plan one task, or note one more subject of a task that is planned already; returns its key.

        model, potential: what its adapter computes, if any. maybe: a decision may still prune it; a task that
        also serves somebody for certain stays. environment: where it runs, if not in that of its adapter.
        """
        adapter = self.adapter(model) if model else None
        labeller = self.setting.potentials[potential] if potential else None
        card = adapter.card if adapter else labeller.card if labeller else None
        environment = environment or (card.environment if card else verb_of(verb).environment)
        task = Task(
            verb=verb,
            version=self.setting.versions[verb],
            environment=environment,
            identity=self.setting.identities[environment],
            parameters=parameters,
            upstream=upstream,
            inputs=inputs or {},
            architecture=Architecture(adapter.name, adapter.module, adapter.version) if adapter else None,
            potential=labeller.adapter if labeller else None,
            label=" ".join([verb, *(f"{name}={value}" for name, value in subject.items())]),
            resources=Resources(
                cores=self.setting.threads if model else 1,
                gpus=int(str(parameters.get("device")).startswith("cuda")),
            ),
        )
        known = self.planned.get(task.key, Planned(task, (), cost, maybe))
        if subject not in known.subjects:
            subjects = (*known.subjects, subject)
            self.planned[task.key] = replace(known, subjects=subjects, maybe=known.maybe and maybe)
        return task.key

    def adapter(self, model: Model) -> InstalledArchitecture:
        """What computes a model: its kernel, or its architecture where it has none."""
        return self.setting.architectures[model.architecture].by(model.kernel)

    def card(self, model: Model) -> Card:
        """Card of what computes a model."""
        return self.adapter(model).card

    def labeller(self, potential: str) -> PotentialCard:
        """The card of a reference potential."""
        return self.setting.potentials[potential].card

    def engine(self, model: Model) -> dict[str, Any]:
        """The parameters every task that loads a model shares."""
        card = self.card(model)
        return {
            "hyperparameters": keyed(card.hyperparameters, merge(card, model.preset, model.hyperparameters)),
            "dtype": model.dtype,
            "device": self.setting.devices.get(card.environment, "cpu"),
            "threads": self.setting.threads,
        }

    def drawn(self, split: Split) -> DatasetFacts:
        """Facts of the frames that a split's sets may hold."""
        key = repr((split.dataset, split.only, split.restrict))
        if key not in self._drawn:
            self._drawn[key] = held(split, drawn(self.setting.facts[split.dataset], split.only))
        return self._drawn[key]

    def model_of(self, committee: Committee) -> Model:
        """The model that a committee's members share."""
        return self.campaign.models[committee.model]


def members(keys: list[str]) -> dict[str, str]:
    """Upstream roles of a committee's members."""
    return {f"member-{member:03d}": key for member, key in enumerate(keys)}

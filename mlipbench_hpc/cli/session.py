"""Campaign, site and store that a command works on. Rooms are imported when first needed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import InstalledArchitecture
    from mlipbench_hpc.campaign.load import Validated
    from mlipbench_hpc.campaign.recorded import Opener
    from mlipbench_hpc.campaign.site import Site
    from mlipbench_hpc.plan.expand import Setting
    from mlipbench_hpc.plan.graph import Planned, Snapshot, State
    from mlipbench_hpc.potentials.card import InstalledPotential
    from mlipbench_hpc.runtime.environments import Environment
    from mlipbench_hpc.runtime.images import Image

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


@dataclass(frozen=True)
class Session:
    """path: the campaign's file (empty for commands that take none); options: the parsed command line."""

    path: Path
    options: argparse.Namespace

    @cached_property
    def site(self) -> Site:
        """The site that is named. Raises InputFailure and CampaignError."""
        from mlipbench_hpc.campaign.site import find_site

        return find_site(self.options.site, needed=self.options.needs_site)

    @property
    def root(self) -> Path:
        """The store's folder, which need not exist."""
        return Path(self.options.store or self.site.store).resolve()

    @cached_property
    def store(self) -> Store:
        """The store, created where there is none. Raises NotAStore."""
        store = Store(self.root)
        store.create()
        return store

    @cached_property
    def validated(self) -> Validated:
        """The campaign, or its part, and what its data hold. Raises CampaignError and InputFailure."""
        from mlipbench_hpc.campaign.load import validate

        # A command that needs no site leaves no new store behind.
        has_store = self.options.needs_site or self.root.is_dir()
        cache = self.store.root / "facts" if has_store else None
        validated = validate(self.path, cache, self.opener if self.options.opens_trajectories else None)
        return self._part(validated) if self.options.part is not None else validated

    @cached_property
    def opener(self) -> Opener | None:
        """What opens the user's trajectories; None where the environment that reads them is not set up."""
        from mlipbench_hpc.cli.trajectories import opener

        return opener(self.site.environments)

    def _part(self, validated: Validated) -> Validated:
        from mlipbench_hpc.campaign.parts import NoPart, part_of

        try:
            return replace(validated, campaign=part_of(validated.campaign, self.options.part))
        except NoPart as error:
            raise InputFailure(str(error)) from error

    @cached_property
    def architectures(self) -> Mapping[str, InstalledArchitecture]:
        """All that are installed, by name. Raises CardError."""
        from mlipbench_hpc.architectures.card import find

        return find()

    @cached_property
    def potentials(self) -> Mapping[str, InstalledPotential]:
        """All reference potentials that are installed, by name. Raises CardError."""
        from mlipbench_hpc.potentials.card import find

        return find()

    @property
    def adapters(self) -> list[InstalledArchitecture | InstalledPotential]:
        """Architectures, their kernels and reference potentials that are installed."""
        own = self.architectures.values()
        kernels = [one.by(kernel) for one in own for kernel in one.card.kernels]
        return [*own, *kernels, *self.potentials.values()]

    @cached_property
    def environments(self) -> Mapping[str, Environment | Image]:
        """Those that the campaign needs, by name. Raises Trouble where the site lacks one."""
        from mlipbench_hpc.plan.expand import environments
        from mlipbench_hpc.runtime.places import locate_all

        names = environments(self.validated.campaign, self.architectures, self.potentials)
        return locate_all(names, self.site, self.store.root / "facts")

    @cached_property
    def devices(self) -> Mapping[str, str]:
        """Devices of models, by environment. Raises CampaignError where an architecture cannot."""
        from mlipbench_hpc.runtime.devices import checked_devices

        installed = self.architectures, self.potentials
        return checked_devices(self.path, self.validated.campaign, *installed, self.site)

    @property
    def idle_gpus(self) -> list[str]:
        """A sentence where the site has GPUs that compute nothing."""
        from mlipbench_hpc.runtime.devices import idle_gpus

        return idle_gpus(list(self.devices), self.site)

    @cached_property
    def setting(self) -> Setting:
        """All that decides keys besides the campaign."""
        from mlipbench_hpc.contract.versions import verb_versions
        from mlipbench_hpc.data.framewise import foreign_versions
        from mlipbench_hpc.plan.expand import Setting

        identities = {name: environment.identity for name, environment in self.environments.items()}
        facts = self.validated.datasets, self.validated.systems, self.architectures
        threads, installed = self.site.threads_per_task, (self.potentials, foreign_versions())
        hardware = self.site.hardware or self.site.name
        recorded = self.validated.recorded
        return Setting(
            *facts, identities, verb_versions(), threads, self.devices, *installed, hardware, self.compilers,
            recorded,
        )  # fmt: skip

    @cached_property
    def compilers(self) -> Mapping[str, str]:
        """Versions of compilers that kernels of the campaign need. Raises Trouble where one is missing."""
        from mlipbench_hpc.architectures.kernel import compiler_version

        versions = {}
        for name, model in self.validated.campaign.models.items():
            kernel = self.architectures[model.architecture].card.kernels.get(str(model.kernel))
            if kernel and (program := kernel.compiler):
                try:
                    versions[program] = compiler_version(program)
                except OSError as error:
                    what = f"kernel {model.kernel} of model `{name}` is compiled by the system's {program}"
                    raise Trouble(f"{what}, which does not run here ({error}): install it") from error
        return versions

    def expand(self, decisions: Mapping[str, bool]) -> list[Planned]:
        """Task graph. decisions: by key of a committed `decide` task, True where its committee is ready."""
        from mlipbench_hpc.plan.expand import expand

        return expand(self.validated.campaign, self.setting, decisions)

    @cached_property
    def plan(self) -> list[Planned]:
        """The task graph with every decision that is committed."""
        from mlipbench_hpc.runtime.look import settle

        return settle(self.store, self.expand)

    def forget_plan(self) -> None:
        """Decisions may have been committed since it was made."""
        self.__dict__.pop("plan", None)

    def look(self) -> tuple[Snapshot, dict[str, State]]:
        """Snapshot of the store now, and the state of every task."""
        from mlipbench_hpc.plan.graph import states
        from mlipbench_hpc.runtime.look import snapshot_of

        seen = snapshot_of(self.store, self.plan)
        return seen, states(self.plan, seen)

    def look_at_outputs(self) -> tuple[Snapshot, dict[str, State]]:
        """As `look`, with folders that were changed after their commit: each is read once by a command."""
        from mlipbench_hpc.plan.graph import states
        from mlipbench_hpc.runtime.look import changed

        seen, _ = self.look()
        committed = [item for item in self.plan if item.key in seen.results and item.key not in self._intact]
        files = changed(self.store, committed)
        self._intact.update(item.key for item in committed if item.key not in files)
        seen = replace(seen, changed=files)
        return seen, states(self.plan, seen)

    @cached_property
    def _intact(self) -> set[str]:
        """Keys of committed tasks whose outputs this command has compared with their digests."""
        return set()

    def add_inputs(self) -> None:
        """Copy the user's data into the store under their sha256; Trouble where a file changes meanwhile."""
        for source, sha256 in self.validated.inputs:
            if self.store.add_input(source) != sha256:
                raise Trouble(f"{source} changed while it was read: run the command again")

    def lock(self) -> AbstractContextManager[None]:
        """The store's lock; a scheduler is asked only where another host's driver was a job of it."""
        from mlipbench_hpc.runtime import lock

        def is_over(content: Mapping[str, Any]) -> bool:
            from mlipbench_hpc.runtime.submit import is_over

            return is_over(self.site, self.store, content)

        job = lock.own_job() if self.options.submitted else None
        return lock.hold(self.store.root, self.options.take_over, job, is_over)

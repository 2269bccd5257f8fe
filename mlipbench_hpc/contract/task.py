"""A task, its key, and the three ways one attempt at it can end."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.contract.versions import Version

# 2: versions of architectures, and hyperparameters without those at a legacy default, stand in keys.
SCHEMA = 2
FIRST_VERSION = 1

EXIT_COMMITTED = 0
EXIT_INTERRUPTED = 75
EXIT_OF_FAILURE = {"input": 65, "architecture": 70, "resource": 71, "transient": 74}
FailureKind = Literal["input", "architecture", "resource", "transient"]


class TaskFailure(Exception):
    """A task cannot give a result; `kind` says whether trying again can help."""

    kind: FailureKind = "architecture"


class InputFailure(TaskFailure):
    """Failure of a task whose input cannot work; never retried."""

    kind: FailureKind = "input"


class DamagedUpstream(InputFailure):
    """An upstream result is no longer what was committed; `key` is whose. It is to be made anew."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class ResourceFailure(TaskFailure):
    """Out of memory or similar; retried once with more or smaller."""

    kind: FailureKind = "resource"


class TransientFailure(TaskFailure):
    """The machine's fault (lost node, full disk); retried a bounded number of times."""

    kind: FailureKind = "transient"


class Interrupted(Exception):
    """The deadline came or a signal asked to stop: neither result nor failure. The next attempt continues."""


@dataclass(frozen=True)
class Adapter:
    """Which adapter serves a task: importable module, and its version (or digest, see versions.py)."""

    name: str
    module: str
    version: Version

    @property
    def identity(self) -> list[Version]:
        """Name and version, which a key holds."""
        return [self.name, self.version]


@dataclass(frozen=True)
class Architecture(Adapter):
    """Adapter of the architecture whose model a task trains or loads."""


@dataclass(frozen=True)
class Potential(Adapter):
    """Adapter of the reference potential that labels frames or drives MD.

    The first version of one enters no key: before it had a version its source was part of the verb's.
    """

    @property
    def in_key(self) -> dict[str, list[Version]]:
        """Part of a key; empty for the first version of a potential."""
        return {} if self.version == FIRST_VERSION else {"potential": self.identity}


@dataclass(frozen=True)
class Resources:
    """Cores and GPUs that one attempt may use; not part of the key."""

    cores: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Task:
    """One process in one folder: everything that decides its numbers, and nothing that does not.

    `upstream` maps a role to the key of the task that plays it, `inputs` a role to the sha256 of a file or
    folder in the store's inputs, `identity` says which build of the environment. `label` and `resources`
    are for people and schedulers: they stay out of the key.
    """

    verb: str
    version: Version
    environment: str
    identity: str
    parameters: dict[str, Any]
    upstream: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    architecture: Architecture | None = None
    label: str = ""
    resources: Resources = field(default_factory=Resources)
    potential: Potential | None = None

    @cached_property
    def key(self) -> str:
        """sha256 of what decides the numbers (see `shared` contract: no path, no host, no label)."""
        return digest(
            {
                "schema": SCHEMA,
                "verb": self.verb,
                "version": self.version,
                "identity": self.identity,
                "parameters": self.parameters,
                "upstream": self.upstream,
                "inputs": self.inputs,
                "architecture": self.architecture.identity if self.architecture else None,
                **(self.potential.in_key if self.potential else {}),
            }
        )

    def to_json(self) -> dict[str, Any]:
        """The content of task.json."""
        return {"schema": SCHEMA, "key": self.key, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Task":
        """Read task.json; raises InputFailure when its key does not belong to its content, or when an earlier
        version of this suite wrote it, whose keys were made of other things.
        """
        if (schema := data.get("schema")) != SCHEMA:
            raise InputFailure(
                f"task.json has schema {schema}, this version of the suite runs tasks of schema {SCHEMA}: "
                "the result stays readable; `mlipbench plan CAMPAIGN` says what takes its place"
            )
        # Records from before potentials had adapters of their own do not hold one.
        fields = {"potential": None} | {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        fields["architecture"] = Architecture(**data["architecture"]) if data["architecture"] else None
        fields["potential"] = Potential(**fields["potential"]) if fields["potential"] else None
        fields["resources"] = Resources(**data["resources"])
        task = cls(**fields)
        if data.get("key") != task.key:
            raise InputFailure(
                f"task.json says key {data.get('key')}, its content has {task.key}: it was edited"
            )
        return task

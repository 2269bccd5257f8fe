"""The store on disk: attempts, one-rename commits, committed results, checkpoints."""

import contextlib
import errno
import json
import math
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from mlipbench_hpc.contract.key import digest, file_digest, plain_files, tree_digest
from mlipbench_hpc.contract.task import SCHEMA, Task, TransientFailure

RECORDS = (
    "task.json",
    "result.json",
    "failure.json",
    "interrupted.json",
    "stopped.json",
    "progress.json",
    "log.txt",
)
# How an attempt without a result ends.
ENDINGS = ("failure.json", "interrupted.json")
# How late a shared filesystem may show what another machine wrote, in seconds.
VISIBLE_WITHIN_S = 120.0


def fsync(path: Path) -> None:
    """Flush a file or a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Write under a temporary name, flush, rename: `path` is whole or absent."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Under its name the file is whole or as it was before."""
    with writing(path) as stream:
        stream.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write JSON that people can read, whole or not at all; NaN is refused with ValueError."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON, or None where there is no file, half of one, or one that another node replaces just now."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return None


def write_sealed(path: Path, record: dict[str, Any]) -> None:
    """Write a record with its own digest."""
    write_json(path, record | {"seal": digest(record)})


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Record that `write_sealed` wrote, or None where it is absent or any bit of it changed."""
    content = read_json(path)
    if not isinstance(content, dict):
        return None
    record = {name: value for name, value in content.items() if name != "seal"}
    return record if content.get("seal") == digest(record) else None


def seal(attempt: Path, result: dict[str, Any]) -> None:
    """Write result.json with its manifest."""
    write_json(attempt / "result.json", result | {"manifest": manifest(result)})


def is_edited(result: dict[str, Any]) -> bool:
    """True where a committed result.json was changed: its manifest is not that of its content."""
    try:
        return bool(result["manifest"] != manifest(result))
    except (KeyError, ValueError, TypeError):
        return True


def manifest(result: dict[str, Any]) -> str:
    """Digest of a result's key, values, outputs and what it consumed: of what it is, not of host and time."""
    return digest({name: result[name] for name in ("key", "outputs", "upstream", "values")})


class NotAStore(Exception):
    """A folder that this suite did not make is not touched."""


@dataclass(frozen=True)
class Store:
    """One folder with `tasks/` (committed), `attempts/`, `inputs/` (content-addressed) and `code/`."""

    root: Path

    def create(self) -> None:
        """Make the rooms; harmless in a store. Raises NotAStore for a file or a folder of other things."""
        if self.root.exists() and not self.is_store() and not _is_empty(self.root):
            raise NotAStore(f"{self.root} is no store and not an empty folder: name another with --store")
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.is_store():
            write_bytes(self.root / "id", uuid.uuid4().hex.encode())
        for name in ("tasks", "attempts", "inputs", "code"):
            (self.root / name).mkdir(exist_ok=True)

    def is_store(self) -> bool:
        """True where `create` made this folder."""
        return (self.root / "id").is_file()

    @property
    def name(self) -> str:
        """This very folder's name among processes: a copy of a store has another."""
        place = self.root.stat()
        return f"{(self.root / 'id').read_text().strip()}-{place.st_dev:x}-{place.st_ino:x}"

    def task(self, key: str) -> Path:
        """Where the committed folder of `key` is or will be. Never create it: only a rename may."""
        return self.root / "tasks" / key

    def result(self, key: str) -> dict[str, Any] | None:
        """result.json of a committed task, or None."""
        value = read_json(self.task(key) / "result.json")
        return value if isinstance(value, dict) and value.get("key") == key else None

    def attempts(self, key: str) -> list[Path]:
        """This key's attempt folders, oldest first."""
        folders = [path for path in (self.root / "attempts").glob(f"{key}-*") if path.name[65:].isdigit()]
        return sorted(folders, key=lambda path: int(path.name[65:]))

    def begin(self, task: Task) -> Path:
        """A fresh attempt folder with task.json in it; its number is taken by exclusive mkdir."""
        attempts = self.attempts(task.key)
        number = int(attempts[-1].name[65:]) + 1 if attempts else 0
        while True:
            folder = self.root / "attempts" / f"{task.key}-{number}"
            try:
                folder.mkdir()
                break
            except FileExistsError:
                number += 1
        write_json(folder / "task.json", task.to_json())
        return folder

    def commit(self, attempt: Path, result: dict[str, Any]) -> bool:
        """Make `attempt` the committed folder of its key, by one rename.

        True: ours is committed. False: somebody else's was first, ours is discarded.
        Raises TransientFailure when neither can be seen after an error.
        """
        seal(attempt, result)
        for path in attempt.rglob("*"):
            fsync(path)
        fsync(attempt)
        target = self.task(result["key"])
        try:
            attempt.rename(target)
        except OSError as error:
            return self._settle(attempt, result, error)
        fsync(target.parent)
        fsync(attempt.parent)
        protect(target)
        return True

    def _settle(self, attempt: Path, result: dict[str, Any], error: OSError) -> bool:
        seen = self.result(result["key"])
        if seen is None:
            raise TransientFailure(f"commit of {attempt.name} failed: {error}") from error
        if seen["attempt"] == result["attempt"]:
            return True
        shutil.rmtree(attempt, ignore_errors=True)
        return False

    def superseded(self, key: str) -> list[Path]:
        """Attempts older than the one with the furthest valid checkpoint, which nobody will continue."""
        attempts = self.attempts(key)
        steps = [furthest_checkpoint(path) for path in attempts]
        furthest = max(steps, default=-1)
        return attempts[: len(steps) - 1 - steps[::-1].index(furthest)] if furthest >= 0 else []

    def discard(self, attempt: Path) -> None:
        """Remove an attempt's folder; by a rename first, so that nobody can commit half of it meanwhile."""
        aside = attempt.with_name(f".{attempt.name}.dead")
        with contextlib.suppress(OSError):
            attempt.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def set_aside(self, key: str) -> None:
        """Move a stale committed folder among the dead attempts, so that it can be made anew."""
        source, number = self.task(key), 0
        with contextlib.suppress(OSError):
            source.chmod(0o755)
        while (target := self.root / "attempts" / f"{key}-stale{number}").exists():
            number += 1
        source.rename(target)

    def add_input(self, source: Path) -> str:
        """Copy a file or folder of the user's into the store under its sha256; returns that."""
        sha256 = tree_digest(source)
        target = self.root / "inputs" / sha256
        if not target.exists():
            temporary = self.root / "inputs" / f".{sha256}.{os.getpid()}.tmp"
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            copy = temporary / "data"
            if source.is_dir():
                shutil.copytree(source, copy)
            else:
                shutil.copyfile(source, copy)
            rename_into(temporary, target)
        return sha256

    def input(self, sha256: str) -> Path:
        """The stored copy of an input."""
        return self.root / "inputs" / sha256 / "data"


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def rename_into(temporary: Path, target: Path) -> None:
    """Flush a finished temporary folder and give it its final name; an equal one already there wins."""
    for path in temporary.rglob("*"):
        fsync(path)
    try:
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        if not target.exists():
            raise
    fsync(target.parent)


def protect(folder: Path) -> None:
    """Take the write permission off a committed folder: best effort, the manifest is the truth."""
    for path in [*folder.rglob("*"), folder]:
        with contextlib.suppress(OSError):
            path.chmod(0o555 if path.is_dir() else 0o444)


def outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """sha256 and size of every output in a finished attempt (records and checkpoints are not outputs)."""
    named = {path.relative_to(folder).as_posix(): path for path in plain_files(folder)}
    return {
        name: {"sha256": file_digest(path), "bytes": path.stat().st_size}
        for name, path in named.items()
        if name not in RECORDS and not name.startswith("checkpoint/")
    }


# What is read again whenever a driver begins or a report is written; more is read when a task consumes it.
SMALL_BYTES = 64_000_000


def damaged(folder: Path, up_to: float = math.inf) -> list[str]:
    """Files of a committed folder that are gone or were changed; of outputs those up to so many bytes."""
    result = read_json(folder / "result.json")
    if not isinstance(result, dict) or is_edited(result):
        return ["result.json"]
    return [
        name
        for name, entry in result["outputs"].items()
        if entry["bytes"] <= up_to
        and (not (folder / name).is_file() or file_digest(folder / name) != entry["sha256"])
    ]


# Of the steps of an attempt's valid checkpoints, ascending, those that stay.
Retention = Callable[[list[int]], Collection[int]]


def newest_two(steps: list[int]) -> Collection[int]:
    """The last one, and the one before for the case that it is damaged."""
    return steps[-2:]


def newest(steps: list[int]) -> Collection[int]:
    """The last one alone."""
    return steps[-1:]


def sparser_with_age(steps: list[int]) -> Collection[int]:
    """The last two, the first, and so many between that each is at most three times as far from the last one
    as the next: of n checkpoints some 2 log3(n). A damaged piece of a trajectory then costs at most three
    times what came after it.
    """
    last = steps[-1]
    stay, older = steps[-2:][::-1], steps[:-2][::-1]
    for step, further in zip_longest(older, older[1:]):
        if further is None or last - further > 3 * (last - stay[-1]):
            stay.append(step)
    return stay


def save_checkpoint(
    folder: Path, step: int, files: dict[str, bytes], retention: Retention = newest_two
) -> None:
    """Write one checkpoint (named byte strings) whole or not at all; of all valid ones `retention` stays."""
    room = folder / "checkpoint"
    room.mkdir(exist_ok=True)
    target = room / f"{step:012d}"
    temporary = room / f".{step:012d}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    temporary.mkdir()
    for name, content in files.items():
        write_bytes(temporary / name, content)
    sums = {name: file_digest(temporary / name) for name in files}
    write_sealed(temporary / "checkpoint.json", {"schema": SCHEMA, "step": step, "sha256": sums})
    rename_into(temporary, target)
    stay = retention([step for step, _ in checkpoints(folder)][::-1])
    for path in room.glob("[0-9]*"):
        if int(path.name) not in stay:
            shutil.rmtree(path, ignore_errors=True)


def furthest_checkpoint(folder: Path) -> int:
    """Step of an attempt's furthest valid checkpoint, or -1."""
    return next((step for step, _ in checkpoints(folder)), -1)


def checkpoints(folder: Path) -> Iterator[tuple[int, Path]]:
    """The VALID checkpoints of one attempt, newest first: the record's and every file's sha256 is checked."""
    for path in sorted((folder / "checkpoint").glob("[0-9]*"), reverse=True):
        record = read_sealed(path / "checkpoint.json")
        if record and all(
            (path / name).is_file() and file_digest(path / name) == sha256
            for name, sha256 in record["sha256"].items()
        ):
            yield record["step"], path

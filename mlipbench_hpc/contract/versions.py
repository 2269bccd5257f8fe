"""Versions of verbs, architectures, kernels, reference potentials: verbs.lock records each with its digest.

The digest is that of the meaning of a source: the syntax tree of every module that is imported, without
comments, docstrings and layout. While it equals the recorded digest, keys hold the recorded version. After
any other change of the source they hold the digest itself, so that no result of the old source passes for
one of the new.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import cache_from_source, find_spec, resolve_name
from pathlib import Path
from typing import Any, Literal

from mlipbench_hpc.contract.key import digest, file_digest
from mlipbench_hpc.contract.verbs import Verb, VerbError, verbs

Version = int | str
Kind = Literal["verbs", "architectures", "kernels", "potentials"]
PACKAGE = __name__.partition(".")[0]
FOLDER = Path(__file__).parent.parent
LOCK = FOLDER / "verbs.lock"
# In the folder of a package: source, and pages for people.
NO_DATA = (".py", ".md", ".rst")
CARD = "card.toml"
# How tasks are recorded and committed decides no number, nor does what they may cost.
OUTSIDE = (f"{PACKAGE}.contract", f"{PACKAGE}.architectures.law")


@dataclass(frozen=True)
class Source:
    """Packages whose imports are followed: folder by name of a top-level package."""

    packages: Mapping[str, Path]

    @classmethod
    def here(cls) -> "Source":
        """This package alone."""
        return cls({PACKAGE: FOLDER})

    def verb(self, verb: Verb) -> str:
        """Digest of the meaning of everything that a verb's module imports."""
        if not verb.is_foreign:
            return digest(self._closure([verb.module, *verb.imports]))
        package = verb.module.rpartition(".")[0]
        folder = package_folder(package)
        if folder is None:
            raise VerbError(f"{verb.module} is in no package that can be found here")
        return self.package(package, folder)

    def package(self, module: str, folder: Path) -> str:
        """Digest of the meaning of all modules in `folder`, which is package `module`, and of what they
        import, and of the bytes of other files there. Left out are a card, whose hyperparameters or
        options enter keys by themselves, pages for people, and what editors and systems leave.
        """
        top, depth = module.partition(".")[0], module.count(".")
        source = Source({top: folder.parents[depth - 1] if depth else folder, **self.packages})
        files = package_files(folder)
        names = [Path(name).with_suffix("") for name in files if name.endswith(".py")]
        modules = [".".join([module, *name.parts]).removesuffix(".__init__") for name in names]
        others = [name for name in files if name != CARD and not name.endswith(NO_DATA)]
        data = [[name, file_digest(files[name])] for name in others]
        return digest([source._closure(modules), data])

    def _closure(self, start: list[str]) -> dict[str, str]:
        """Digest of the meaning by module, of those that can be reached from `start` and are not OUTSIDE."""
        closure: dict[str, str] = {}
        waiting, seen = list(start), set[str]()
        while waiting:
            module = waiting.pop()
            if module in seen or module.startswith(OUTSIDE):
                continue
            seen.add(module)
            if file := self._file(module):
                closure[module], imports = _read(file, module)
                waiting += [*imports, module.rpartition(".")[0]]  # To import a module runs its packages.
        return closure

    def _file(self, module: str) -> Path | None:
        top, *names = module.split(".")
        if top not in self.packages:
            return None
        path = self.packages[top].joinpath(*names)
        files = (path / "__init__.py", path.with_suffix(".py")) if names else (path / "__init__.py",)
        return next((file for file in files if file.exists()), None)


def package_files(folder: Path) -> dict[str, Path]:
    """Files below a package's folder by relative name, without compiled ones and those that editors leave."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): path
        for name, path in files.items()
        if "__pycache__" not in name.parts
        and not any(part.startswith(".") for part in name.parts)
        and not name.name.endswith((".pyc", "~"))
    }


@cache
def _read(file: Path, module: str) -> tuple[str, list[str]]:
    """Digest of the meaning of one module, and whatever it may import, at the top or inside a function."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    text, imports, path_is_read = _parsed(file, package)
    if path_is_read:
        # A package that looks at its own path imports whatever module is there.
        imports = imports + [f"{package}.{path.stem}" for path in file.parent.glob("*.py") if path != file]
    return text, sorted(set(imports))


def _parsed(file: Path, package: str) -> tuple[str, list[str], bool]:
    """Digest of the meaning of a source, the modules it names, and True where it reads its package's path.

    To parse all sources takes two seconds of every command, so the answer is stored where Python stores
    compiled modules. It holds for these bytes of the source and of this module alone.
    """
    content = file.read_bytes()
    key = digest([_own_digest(), package, hashlib.sha256(content).hexdigest()])
    stored = Path(cache_from_source(str(file))).with_suffix(".meaning.json")
    with suppress(OSError, ValueError, LookupError, TypeError):
        record = json.loads(stored.read_text(encoding="utf-8"))
        if record["key"] == key:
            return record["meaning"], record["imports"], record["path_is_read"]
    tree = ast.parse(content)
    imports = sorted(set(_imports(tree, package)))
    path_is_read = any(isinstance(node, ast.Name) and node.id == "__path__" for node in ast.walk(tree))
    text = hashlib.sha256(meaning(tree).encode()).hexdigest()
    record = {"key": key, "meaning": text, "imports": imports, "path_is_read": path_is_read}
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # The package may belong to somebody else.
            stored.parent.mkdir(parents=True, exist_ok=True)
            part = stored.with_name(f".{stored.name}.{os.getpid()}")
            part.write_text(json.dumps(record), encoding="utf-8")
            part.replace(stored)
    return text, imports, path_is_read


@cache
def _own_digest() -> str:
    return file_digest(Path(__file__))


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            base = resolve_name(name, package) if node.level else name
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def meaning(tree: ast.Module) -> str:
    """The syntax tree as text, without comments, layout and docstrings."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


@cache
def recorded() -> dict[Kind, dict[str, dict[str, Any]]]:
    """The content of verbs.lock: {kind: {name: {"version": int, "digest": str, "legacy": {name: value}}}}."""
    content: dict[Kind, dict[str, dict[str, Any]]] = json.loads(LOCK.read_text(encoding="utf-8"))
    return content


def version(kind: Kind, name: str, source: str, legacy: Mapping[str, Any] | None = None) -> Version:
    """Version in a key: the recorded one where `source` is the recorded digest, else `source`.

    legacy: an architecture's hyperparameters that keys leave out at these values. A recorded one must stay
    what it was, or keys of other models would become the same; otherwise the key holds a digest of both.
    """
    entry = recorded().get(kind, {}).get(name)
    values = dict(legacy or {})
    if entry is None or any(values.get(key) != value for key, value in entry.get("legacy", {}).items()):
        return digest([source, values]) if values else source
    recorded_version: int = entry["version"]
    return recorded_version if entry["digest"] == source else source


def verb_versions() -> dict[str, Version]:
    """Version of every verb as its source stands now."""
    source = Source.here()
    return {name: version("verbs", name, source.verb(verb)) for name, verb in verbs().items()}


def package_folder(package: str) -> Path | None:
    """Where a package lies, without importing it (its parents are imported); None where there is none."""
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return None
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None

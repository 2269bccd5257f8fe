"""Recipes, bases, locks and SIF files, without Apptainer."""

import hashlib
import io
import json
import lzma
import os
import re
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from mlipbench_hpc.campaign.site import LocalSite
from mlipbench_hpc.runtime import base
from mlipbench_hpc.runtime.images import Entry, Image, ImageRefused, Images
from mlipbench_hpc.runtime.places import locate_all
from mlipbench_hpc.runtime.recipe import CONTAINERS, RecipeError, base_from, known, pinned, recipe, split
from mlipbench_hpc.runtime.sif import NotAnImage, digests
from mlipbench_hpc.runtime.staging import NotStaged, ready, staged

DOCKER = "docker:python@sha256:" + "1" * 64


def sif(path: Path, inside: bytes, kinds: tuple[int, ...] = (0x4004,)) -> Path:
    """A SIF as the format's description says: header, 48 descriptors at 4096, data at 32768."""
    header = b"\0" * 32 + b"SIF_MAGIC\0" + b"01\0" + b"02\0" + b"\0" * 16
    header = header.ljust(64, b"\0")
    header += struct.pack("<8q", 0, 0, 47, 48, 4096, 48 * 585, 32768, len(inside))
    rows = b""
    for kind in kinds:
        rows += struct.pack("<i?3I2q", kind, True, 1, 0xF0000001, 0, 32768, len(inside)).ljust(585, b"\0")
    path.write_bytes(header.ljust(4096, b"\0") + rows.ljust(28672, b"\0") + inside + b"tail")
    return path


def locked(folder: Path, inside: bytes = b"hsqs" + b"x" * 5000) -> Image:
    """A folder with one image of a third party's environment, and its lock."""
    path = sif(folder / "own-cpu.sif", inside)
    result = digests(path)
    size = path.stat().st_size
    entry = Entry("own", "cpu", path.name, "r", result.squashfs, result.file, size, DOCKER, {}, {})
    Images(folder).write(entry)
    return Images(folder, folder / "facts").find("own", "cpu")


def test_both_digests_of_a_sif(tmp_path: Path) -> None:
    inside = b"hsqs" + bytes(range(256)) * 40000
    path = sif(tmp_path / "a.sif", inside)
    result = digests(path)
    assert result.squashfs == hashlib.sha256(inside).hexdigest()
    assert result.file == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "kinds", "words"),
    [
        (b"hsqs", (), "holds 0 partitions"),
        (b"hsqs", (0x4004,) * 2, "holds 2"),
        (b"ext3", (0x4004,), "no squash"),
    ],
)
def test_what_is_no_image_of_ours(content: bytes, kinds: tuple[int, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match=words):
        digests(sif(tmp_path / "a.sif", content, kinds))


def test_a_cut_image_is_no_image(tmp_path: Path) -> None:
    path = sif(tmp_path / "a.sif", b"hsqs" + b"x" * 100)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(NotAnImage, match="ends after"):
        digests(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(NotAnImage, match="is no SIF"):
        digests(path)


def test_a_whole_image_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, reads = locked(tmp_path), []
    monkeypatch.setattr(
        "mlipbench_hpc.runtime.images.digests", lambda path: reads.append(path) or digests(path)
    )
    image.check()
    image.check()
    replace(image, _seen=[]).check()
    assert reads == [image.path]
    os.utime(image.path)
    image.check()
    assert len(reads) == 2
    assert image.identity == f"image:{digests(image.path).squashfs}"


def test_a_changed_byte_is_refused_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    image = locked(tmp_path)
    image.check()
    before = image.path.stat()
    content = bytearray(image.path.read_bytes())
    content[40000 - 4096] ^= 1
    image.path.write_bytes(content)
    os.utime(image.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ImageRefused, match=f"expected sha256 {image.entry.sha256}\n  found"):
        image.check()


def test_an_image_is_staged_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, stage = locked(tmp_path), tmp_path / "fast"
    there = ready({"own": image}, str(stage), tmp_path)["own"]
    assert isinstance(there, Image)
    assert (there.path.parent, there.identity) == (stage, image.identity)
    assert [path.name for path in stage.iterdir()] == [image.path.name]
    inode = there.path.stat().st_ino
    assert staged(image, stage).path.stat().st_ino == inode
    content = bytearray(there.path.read_bytes())
    content[40000 - 4096] ^= 1
    there.path.write_bytes(content)
    assert digests(staged(image, stage).path) == digests(image.path)

    def torn(source: io.BufferedReader, target: io.BufferedWriter, _length: int) -> None:
        target.write(source.read()[:-1])

    monkeypatch.setattr("shutil.copyfileobj", torn)
    there.path.unlink()
    with pytest.raises(NotStaged, match="stage_images"):
        staged(image, stage)
    assert list(stage.iterdir()) == []
    assert ready({"own": image}, None, tmp_path) == {"own": image}


def test_a_folder_where_no_image_can_be_staged_is_said(tmp_path: Path) -> None:
    image = locked(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotStaged, match=r"own-cpu\.sif could not be staged in .*file"):
        staged(image, tmp_path / "file")


def test_a_lock_that_is_none_is_refused(tmp_path: Path) -> None:
    locked(tmp_path)
    path = tmp_path / "images.lock"
    path.write_text(path.read_text().replace('"bytes": ', '"bytes": 1'))
    with pytest.raises(ImageRefused, match="own-cpu was edited by hand"):
        Images(tmp_path).find("own", "cpu")
    for text in ("[]", "{}", "half a lo", '{"images": [{}]}'):
        path.write_text(text)
        with pytest.raises(ImageRefused, match="is not what `mlipbench images build` writes"):
            Images(tmp_path).find("own", "cpu")


def test_auto_takes_images_only_where_all_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked(tmp_path)
    site = LocalSite(name="here", scheduler="local", images=str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    kinds = {name: type(result).__name__ for name, result in locate_all(["own"], site, tmp_path).items()}
    assert kinds == {"own": "Image"}
    both = locate_all(["mace", "own"], site, tmp_path)
    assert {type(result).__name__ for result in both.values()} == {"Environment"}
    strict = site.model_copy(update={"runtime": "apptainer"})
    with pytest.raises(ImageRefused, match="no cpu image of `mace`: run `make image ENV=mace FLAVOUR=cpu`"):
        locate_all(["mace", "own"], strict, tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert type(locate_all(["own"], site, tmp_path)["own"]).__name__ == "Environment"
    with pytest.raises(ImageRefused, match="no apptainer is here"):
        locate_all(["own"], strict, tmp_path)


def test_a_recipe_names_no_path_and_changes_with_all_that_it_is_made_of() -> None:
    one = recipe("mace", "cpu", base_from("debian"))
    assert "\nBootstrap: localimage\nFrom: base\n" in one.definition
    assert "@" not in one.definition.replace("@…@", "")
    assert str(Path.cwd()) not in one.definition
    others = [
        replace(one, files={**one.files, "wheels.txt": ""}),
        replace(one, base=replace(one.base, identity="debian:0")),
        recipe("mace", "cpu", base_from(DOCKER)),
        recipe("deepmd", "cpu", one.base),
    ]
    assert len({one.identity, *(other.identity for other in others)}) == 5
    assert replace(one, base=replace(one.base, place=Path("/here"))).identity == one.identity
    assert "Bootstrap: docker\nFrom: python@sha256:11" in others[2].definition


def test_every_recipe_can_be_rendered() -> None:
    on_gpus = {f"{name}-cuda" for name in ("deepmd", "fairchem", "grace", "jax", "mace")}
    assert {"analysis-cpu", "reference-cpu", *on_gpus} <= set(known())
    for name in known():
        one = recipe(*name.rsplit("-", 1), base_from("debian"))
        assert pinned(one.files["requirements.lock"]) == {
            **pinned(one.files["wheels.txt"]), **pinned(one.files["source.txt"]),
        }  # fmt: skip


@pytest.mark.parametrize("name", known())
def test_a_lock_is_complete_and_holds_what_its_requirements_name(name: str) -> None:
    """Every package by hash, every pin of the requirements, CUDA's libraries in one flavour alone."""
    environment, flavour = name.rsplit("-", 1)
    files = recipe(environment, flavour, base_from("debian")).files
    lock = files["requirements.lock"]
    packages = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    asked = CONTAINERS / environment / f"requirements{'.cuda' if flavour == 'cuda' else ''}.in"
    pins = dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", asked.read_text(), flags=re.MULTILINE))
    assert pins.items() <= pinned(lock).items()
    assert any(package.startswith("nvidia-cudnn") for package in packages) is (flavour == "cuda")


@pytest.mark.parametrize("name", [name for name in known() if name.endswith("-cuda")])
def test_both_flavours_hold_the_same_versions(name: str) -> None:
    """But for CUDA's own packages; torch's version says for what it was built."""
    one, other = (
        pinned(recipe(name.removesuffix("-cuda"), flavour, base_from("debian")).files["requirements.lock"])
        for flavour in ("cpu", "cuda")
    )
    differing = {package for package in one.keys() & other.keys() if one[package] != other[package]}
    assert differing <= {"torch"}
    assert one.keys() - other.keys() <= {"tensorflow-cpu"}


def test_packages_without_a_wheel_come_last() -> None:
    lock = (
        "--only-binary :all:\n--no-binary b-c\na==1 \\\n    --hash=sha256:0\nb-c==2 \\\n    --hash=sha256:1\n"
    )
    wheels, source = split(lock)
    assert (pinned(wheels), pinned(source)) == ({"a": "1"}, {"b-c": "2"})
    assert "sha256:1" in source


@pytest.mark.parametrize(
    ("asked", "words"),
    [("docker:python:3.11-slim", "may move: name it by digest"), ("nowhere.sif", "neither debian, docker")],
)
def test_a_base_that_may_move_is_refused(asked: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        base_from(asked)


def test_an_unknown_image_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"no cuda image of `analysis` can be made; there are analysis-cpu"):
        recipe("analysis", "cuda", base_from("debian"))


def deb(files: dict[str, bytes], links: dict[str, str]) -> bytes:
    """A Debian package as deb(5) describes it."""
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode, member.uid = len(content), 0o755, 1234
            archive.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(f"./{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    parts = {"debian-binary": b"2.0\n", "data.tar.xz": lzma.compress(stored.getvalue())}
    result = b"!<arch>\n"
    for name, content in parts.items():
        result += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        result += b"\n" * (len(content) % 2)
    return result


def test_a_base_is_unpacked_and_nothing_else(tmp_path: Path) -> None:
    content = deb({"bin/tool": b"one", "usr/share/man/man1/tool.1": b"words"}, {"lib/a.so": "a.so.1"})
    package = base.Package("pool/main/t/tool_1_amd64.deb", hashlib.sha256(content).hexdigest(), len(content))
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / package.name).write_bytes(content)
    root = tmp_path / "root"
    base.make(root, [package], cache)
    assert (root / "usr/bin/tool").read_bytes() == b"one"
    assert (root / "bin").is_symlink()
    assert (root / "usr/lib/a.so").readlink() == Path("a.so.1")
    assert not (root / "usr/share/man").exists()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    base.remove(root)
    assert not root.exists()


def test_a_package_that_drifted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/tool.deb").write_bytes(b"another build")
    monkeypatch.setenv("DEBIAN_MIRROR", tmp_path.as_uri())
    result = hashlib.sha256(b"another build").hexdigest()
    with pytest.raises(base.BaseError, match=f"has sha256 {result}, the lock expects 0000"):
        base.fetched(base.Package("pool/tool.deb", "0" * 64, 1), tmp_path / "cache")
    with pytest.raises(base.BaseError, match=r"gone\.deb could not be had from .*: set DEBIAN_MIRROR"):
        base.fetched(base.Package("pool/gone.deb", "0" * 64, 1), tmp_path / "cache")


def test_the_base_is_known_before_it_is_made() -> None:
    packages = [base.Package("a", "0" * 64, 1), base.Package("b", "1" * 64, 1)]
    changed = [packages[0], replace(packages[1], sha256="2" * 64)]
    assert base.identity(packages) != base.identity(changed)
    assert base.identity(packages).startswith("debian:")
    lock = json.loads((Path(__file__).parents[2] / "containers/base/packages.lock").read_text())
    assert any(one["path"].endswith("_amd64.deb") for one in lock["packages"])

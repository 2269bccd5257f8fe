"""Examples of the package's README, as packages that are installed."""

import re
import tomllib
from pathlib import Path

README = Path(__file__).parents[2] / "mlipbench_hpc" / "README.md"


def example(heading: str) -> str:
    """The Python module that stands under a heading."""
    return _code(heading, "python")


def install(folder: Path, heading: str, text: str = "") -> None:
    """The package that a heading's example is, as pip leaves it; text: in place of the module's."""
    text = text or example(heading)
    ((group, points),) = tomllib.loads(_code(heading, "toml"))["project"]["entry-points"].items()
    path = folder / text.split(":")[0].strip('"')
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    if path.parent != folder:
        (path.parent / "__init__.py").touch()
    name = path.relative_to(folder).parts[0].removesuffix(".py")
    information = folder / f"{name}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"{point} = {value}" for point, value in points.items()]
    (information / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")


def _code(heading: str, language: str) -> str:
    section = re.split(r"^## ", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (own,) = [text for text in section if text.startswith(f"{heading}\n")]
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", own, flags=re.MULTILINE | re.DOTALL)
    return code

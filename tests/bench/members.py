"""Four members on 25 frames, in one process each and in one for all: `python tests/bench/members.py`.

In an engine's environment. As in the quickstart: 25 stored frames of a run, members trained alike, in a
process that imports the engine for it. By one each: energies and forces by the evaluator; for all: energies
by the committee. CPU time of the processes from their start to their end.
"""

import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from costs import DTYPE, QUICKSTART, architecture, frames_of, train
from md import SMALL

import mlipbench_hpc.architectures as architectures
from mlipbench_hpc.architectures.card import load_card, merge

MEMBERS, FRAMES, PAIRS = (2, 4, 1) if SMALL else (4, 25, 3)
# Arguments: the adapter's module, frames, dtype, folders of models.
PROCESS = """
import importlib, sys
from pathlib import Path
from mlipbench_hpc.architectures.shared.members import load_committee
from mlipbench_hpc.data.frames import Frames
adapter, frames = importlib.import_module(sys.argv[1]), Frames.load(Path(sys.argv[2]))
folders = list(map(Path, sys.argv[4:]))
if len(folders) > 1:
    load_committee(adapter, folders, {}, "cpu", sys.argv[3]).energies(frames, 8)
else:
    adapter.load(folders[0], {}, "cpu", sys.argv[3]).evaluate(frames, 8)
"""


def spent(*words: str) -> float:
    """CPU seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", PROCESS, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(name: str, root: Path) -> dict[str, float]:
    """each_over_all: median of pairs; members are one model, which takes the same time as different ones."""
    module = f"mlipbench_hpc.architectures.{name}.adapter"
    card = load_card(Path(architectures.__file__).parent / name / "card.toml")
    train(importlib.import_module(module), root, frames_of(QUICKSTART), merge(card, "tiny", {"epochs": 3}))
    frames_of(QUICKSTART, FRAMES).save(root / "frames.npz")
    common = module, str(root / "frames.npz"), DTYPE
    spent(*common, str(root))
    pairs = [
        (MEMBERS * spent(*common, str(root)), spent(*common, *[str(root)] * MEMBERS)) for _ in range(PAIRS)
    ]
    return {
        "each_s": statistics.median(each for each, _ in pairs),
        "all_s": statistics.median(together for _, together in pairs),
        "each_over_all": statistics.median(each / together for each, together in pairs),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(architecture(), Path(folder)), indent=1))

"""What campaigns/paper.yaml costs with every study: `plan`, and the report of toy results of real size.

CPU time of `plan` in a process of its own, the first one of a store and the next; CPU time and peak memory
of a process that builds the report of 651 tasks: 78 runs of MD with up to 200,000 frames, 183 models tested
on up to 5,153 structures of 384 atoms. Cells of the data that `plan` reads are small. 2 GB of the disk.

With `--small` of a hundredth of the frames, to see that everything here still runs.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support")]
SITE = "name: here\nscheduler: local\ncores: 2\n"
BUILD, SMALL = "--build", "--small" in sys.argv


def spent(*command: str) -> tuple[float, float]:
    """CPU seconds and peak memory in GiB of a process and its children."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def planned(path: Path):
    """The campaign and its plan, as if all environments were here; its files are read the first time."""
    from mlipbench_hpc.architectures.card import find
    from mlipbench_hpc.campaign.load import validate
    from mlipbench_hpc.contract.versions import verb_versions
    from mlipbench_hpc.plan.expand import Setting, environments, expand
    from mlipbench_hpc.potentials.card import find as potentials

    validated = validate(path, cache=path.parent / "facts")
    names = environments(validated.campaign, find(), potentials())
    setting = Setting(
        validated.datasets, validated.systems, find(), {name: f"venv:{name}" for name in names},
        verb_versions(), potentials=potentials(), recorded=validated.recorded,
    )  # fmt: skip
    return validated.campaign, expand(validated.campaign, setting, {})


def build(path: Path) -> None:
    """The report of the store beside the campaign."""
    from mlipbench_hpc.architectures.card import find
    from mlipbench_hpc.campaign.site import LocalSite
    from mlipbench_hpc.contract.folder import Store
    from mlipbench_hpc.report.collect import document, reported
    from mlipbench_hpc.report.html import build_report

    campaign, plan = planned(path)
    site = LocalSite(name="here", scheduler="local", cores=2)
    told = reported(plan, {}, {item.key: "done" for item in plan})
    build_report(
        document(path, campaign, site, find()), told, Store(path.parent / "store"), path.parent / "out"
    )


def measured(folder: Path) -> dict[str, float]:
    """Figures of everything, in a folder of its own."""
    from paper import write_paper
    from paper_results import commit

    from mlipbench_hpc.contract.folder import Store

    path = write_paper(folder)
    (folder / "here.yaml").write_text(SITE)
    words = ("-m", "mlipbench_hpc.cli", "plan", str(path), "--site", str(folder / "here.yaml"))
    plans = [spent(sys.executable, *words, "--store", str(folder / "planned"))[0] for _ in range(2)]
    campaign, plan = planned(path)
    commit(Store(folder / "store"), plan, campaign, 100 if SMALL else 1)
    report_s, peak = spent(sys.executable, __file__, BUILD, str(path))
    return {"plan_s": plans[1], "first_plan_s": plans[0], "report_s": report_s, "report_GiB": peak}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(Path(folder)), indent=1))


if __name__ == "__main__":
    if BUILD in sys.argv:
        build(Path(sys.argv[-1]))
    else:
        main()

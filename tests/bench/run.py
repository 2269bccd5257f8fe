"""`make bench`: every figure of the suite's own speed, as ratios measured in one run, beside its bar."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SMALL = "--small"
VENVS = ROOT / ".venvs"
ENGINES = {"mace": "MACE", "deepmd": "DP", "jax": "DP-MP", "grace": "GRACE-1L", "fairchem": "eSEN"}
# script, environment, {figure: (bar, what it is)}
BENCHES = (
    ("orchestration.py", "login", {
        "overhead_ms": (50.0, "ms a task beyond the worker itself, per slot (200 tasks)"),
        "plan_10000_s": (2.0, "s, `plan` of 10,000 tasks"),
        "status_10000_s": (2.0, "s, `status` of 10,000 tasks"),
        "second_driver_refused_s": (1.0, "s, until a second driver is refused"),
    }),
    ("md.py", "mace", {"ratio": (1.05, "CPU time of MD over the bare ASE loop")}),
    ("lammps_md.py", "reference", {
        "ratio": (1.05, "CPU time of MD over bare LAMMPS, one `run`"),
        "reference_ratio": (1.05, "the same of the reference potential's MD, under its wall"),
        "reference_ns_a_night": (-2.0, "ns of it that 12 hours of one core give (170 atoms)"),
    }),
    ("lammps_md.py", "deepmd", {"ratio": (1.05, "CPU time of DP's MD over bare LAMMPS, one `run`")}),
    ("lammps_md.py", "mace", {"speed_over_ase": (-1.0, "speed of MACE's MD in LAMMPS over that in ASE")}),
    ("analysis.py", "analysis", {
        "profiles_over_copy": (5.0, "CPU time of all profiles, P_z and blocks over copying the array once"),
        "all_less_floor_over_copy": (
            15.0, "these, C_dip to 2.5 ps, P_surv to 5 ps and CEA of five members, less C_dip's products",
        ),
        "xtc_over_decoding": (2.0, "CPU time of `mlipbench analyse` from XTC over decoding it"),
        "start_s": (1.5, "s until `mlipbench analyse` says what is in twenty frames"),
        "peak_MB": (400.0, "MB, its peak memory at 200,000 frames of 387 atoms"),
    }),
    *(
        ("costs.py", environment, {
            "epoch_off_by": (2.0, f"{name}: planned time of training over measured, or the reverse"),
            "evaluate_off_by": (2.0, f"{name}: the same of energies and forces of a frame"),
            "md_off_by": (2.0, f"{name}: the same of a step of MD"),
        })
        for environment, name in ENGINES.items()
    ),
    ("kernel.py", "symmetrix", {
        "float32_speed_up": (-4.0, "speed of MACE's MD by symmetrix over that by mace-torch, float32"),
        "float64_speed_up": (-4.0, "the same in float64"),
        "deviations": (1.0, "its forces' deviation from float64 over mace-torch's, both in float32"),
        "float32_plan_off_by": (2.0, "planned time of a step over measured, or the reverse, float32"),
        "float64_plan_off_by": (2.0, "the same in float64"),
    }),
    ("report.py", "login", {"report_s": (5.0, "s of CPU time, report of 4,800 tasks, 480 of them MD runs")}),
    ("paper.py", "login", {
        "plan_s": (5.0, "s of CPU time, `plan` of the paper's campaign, 651 tasks"),
        "first_plan_s": (5.0, "s, the first one, which reads and checks every frame of its data"),
        "report_s": (60.0, "s of CPU time, its report: 78 runs of up to 200,000 frames"),
        "report_GiB": (2.0, "GiB, peak memory of that"),
    }),
    *(
        ("members.py", environment, {
            "each_over_all": (-3.0, f"{name}: CPU time of a process a member over one for all four"),
        })
        for environment, name in (("deepmd", "DP"), ("mace", "MACE"))
    ),
    *(
        ("batched.py", environment, {
            "suite_over_own": (-0.9, f"{name}: frames evaluated a second, over its own best batches"),
        })
        for environment, name in ENGINES.items()
    ),
    ("evaluation.py", "mace", {
        "suite_over_bare": (1.1, "CPU time of evaluation over the bare batched loop"),
        "process_a_frame_over_suite": (-3.0, "one process a frame over the suite (at least)"),
    }),
)  # fmt: skip


def figures(script: str, environment: str, *words: str) -> dict[str, float]:
    """What one script measured: the JSON it prints, after whatever the engine's own libraries say.

    Raises RuntimeError where it ends without: a script that misses its own bar has printed its figures.
    """
    python = VENVS / environment / "bin/python"
    environ = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [str(python), str(HERE / script), *words]
    ended = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    _, begin, rest = ended.stdout.partition("{\n")
    if not begin:
        raise RuntimeError(f"{script} in {environment} ended with {ended.returncode} and measured nothing")
    result: dict[str, float] = json.loads(begin + rest)
    return result


def line(figure: float, bar: float, text: str) -> str:
    """One figure, its bar, and whether it is met; a bar below zero is a least value."""
    met = figure >= -bar if bar < 0 else figure <= bar
    return f"{figure:10.3f}  {'≥' if bar < 0 else '≤'} {abs(bar):<6g} {'met ' if met else 'MISSED'}  {text}"


def main() -> int:
    missed = 0
    for script, environment, bars in BENCHES:
        try:
            result = figures(script, environment)
        except RuntimeError as error:
            print(error, flush=True)
            missed += len(bars)
            continue
        for name, (bar, text) in bars.items():
            shown = line(result[name], bar, text)
            missed += "MISSED" in shown
            print(shown, flush=True)
    print(f"{missed} bars missed (a loaded machine misses bars: run it alone)")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

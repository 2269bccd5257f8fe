"""qsub, qstat, qselect, qdel and pbsnodes on one machine, by the name this file is called by.

Jobs are JSON files. Kept of PBS Professional: #PBS lines, options of the commands used, states Q, H, R, E and
F, exit codes, JSON. As PBS is without further settings, it remembers no job that is over, and as that of
OpenPBS's main branch, qstat answers for the first of several jobs; with PBS_HISTORY it does better in both.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = Path(os.environ["PBS_STAND_IN"])
SLOTS = int(os.environ["PBS_SLOTS"])
HISTORY = bool(os.environ.get("PBS_HISTORY"))
NO_HISTORY = "PBS is not configured to maintain job history"
# Limits that tests set by writing these files: jobs that one user may have, the longest walltime in s.
MOST_JOBS, LONGEST = FOLDER / "max_queued", FOLDER / "max_walltime"
KILL_DELAY_S = 5
UNKNOWN, OVER = 153, 35


@contextmanager
def locked():
    with (FOLDER / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def jobs():
    return [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]


def save(job):
    path = FOLDER / f"{job['id']}.json"
    path.with_suffix(".new").write_text(json.dumps(job))
    path.with_suffix(".new").replace(path)


def change(identity, **news):
    with locked():
        job = json.loads((FOLDER / f"{identity}.json").read_text()) | news
        save(job)
    return job


def qsub(arguments):
    script = Path(arguments[-1])
    text = script.read_text()
    if not re.search(r"^#PBS -l select=\d+:ncpus=\d+", text, re.MULTILINE):
        sys.exit("qsub: Job violates queue and/or server resource limits")
    hours, minutes, seconds = re.search(r"walltime=(\d+):(\d+):(\d+)", text).groups()
    name, out = (re.search(rf"^#PBS -{key} (\S+)", text, re.MULTILINE)[1] for key in "No")
    host = re.search(r"^#PBS -l select=.*\bhost=(\w+)", text, re.MULTILINE)
    seconds = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
    if LONGEST.exists() and seconds > int(LONGEST.read_text()):
        sys.exit("qsub: Job violates queue and/or server resource limits")
    if MOST_JOBS.exists() and sum(job["state"] != "F" for job in jobs()) >= int(MOST_JOBS.read_text()):
        print("qsub: would exceed complex's per-user limit", file=sys.stderr)
        sys.exit(1)
    with locked():
        identity = f"{1 + len(jobs())}.standin{FOLDER.stat().st_ino}"
        job = {
            "id": identity,
            "name": name,
            "state": "H" if re.search("^#PBS -h$", text, re.MULTILINE) else "Q",
            "host": host and host[1],
            "script": str(script),
            "out": out,
            "walltime": seconds,
        }
        save(job)
    if job["state"] == "H":
        print(identity)
        return
    # The job's own shepherd, in a session of its own.
    with Path(out).open("ab") as log:
        shepherd = [sys.executable, str(Path(__file__).with_name("qstat")), "--shepherd", identity]
        subprocess.Popen(
            shepherd,
            env=os.environ | {"PBS_SHEPHERD": identity},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    print(identity)


def shepherd(identity):
    """Wait for a slot, run the script, end it at its walltime as PBS does."""
    while True:
        with locked():
            job = json.loads((FOLDER / f"{identity}.json").read_text())
            if job["state"] != "Q":
                return
            taken = {other.get("slot") for other in jobs() if other["state"] in "RE"}
            if free := [
                slot for slot in range(SLOTS) if slot not in taken and job["host"] in (None, f"p{slot}")
            ]:
                job |= {"state": "R", "slot": free[0], "shepherd": os.getpid()}
                save(job)
                break
        time.sleep(0.2)
    devices = {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "PBS_JOBID": identity}
    devices |= {"SLURMD_NODENAME": f"p{job['slot']}"}  # One machine plays several nodes.
    process = subprocess.Popen(
        ["bash", job["script"]], env=os.environ | devices, stdin=subprocess.DEVNULL, start_new_session=True
    )
    change(identity, pid=process.pid)
    try:
        code = process.wait(timeout=job["walltime"])
        code = 256 - code if code < 0 else code
    except subprocess.TimeoutExpired:
        end(process.pid)
        process.wait()
        code = -29
    end(process.pid, grace=0)
    change(identity, state="F", code=code)


def end(group, grace=KILL_DELAY_S):
    """TERM to all of a job, and KILL to what is left."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
    deadline = time.time() + grace
    with suppress(ProcessLookupError):
        while time.time() < deadline:
            os.killpg(group, 0)
            time.sleep(0.1)
        os.killpg(group, signal.SIGKILL)


def qdel(arguments):
    code = 0
    for identity in arguments:
        path = FOLDER / f"{identity}.json"
        if not path.exists():
            code = UNKNOWN
            continue
        with locked():
            job = json.loads(path.read_text())
            if job["state"] in "QH":
                save(job | {"state": "F", "code": 271})
        if job["state"] == "R" and "pid" in job:
            end(job["pid"])
            with suppress(ProcessLookupError):
                os.kill(job["shepherd"], 0)
                continue
            change(identity, state="F", code=271)  # Its node is gone, and with it who would say so.
    sys.exit(code)


def qselect(arguments):
    name = arguments[arguments.index("-N") + 1]
    history("qselect", arguments)
    finished = "-x" in arguments
    for job in jobs():
        if job["name"] == name and (finished or job["state"] != "F"):
            print(job["id"])


def history(command, arguments):
    """Without one it says so, and that all is well."""
    if "-x" in arguments and not HISTORY:
        print(f"{command}: {NO_HISTORY}", file=sys.stderr)
        sys.exit(0)


def qstat(arguments):
    if arguments[:1] == ["--shepherd"]:
        shepherd(arguments[1])
        return
    history("qstat", arguments)
    known = {job["id"]: job for job in jobs() if HISTORY or job["state"] != "F"}
    listed = {}
    code = 0
    for identity in [word for word in arguments if "." in word]:
        job = known.get(identity)
        if job is None or (job["state"] == "F" and "-x" not in arguments):
            code = OVER if job else UNKNOWN
            print(f"qstat: {'Job has finished' if job else 'Unknown Job Id'} {identity}", file=sys.stderr)
        elif HISTORY or not listed:
            listed[identity] = {"Job_Name": job["name"], "job_state": job["state"], "comment": "stand-in"}
            listed[identity] |= {"Exit_status": job["code"]} if "code" in job else {}
            listed[identity] |= {"exec_host": f"p{job['slot']}/0*8"} if "slot" in job else {}
    print(json.dumps({"Jobs": listed}))
    sys.exit(code)


def pbsnodes(_arguments):
    taken = {job["slot"] for job in jobs() if job["state"] in "RE"}
    nodes = {
        f"p{slot}": {
            "state": "job-busy" if slot in taken else "free",
            "resources_available": {"host": f"p{slot}", "ncpus": 8, "ngpus": 4},
        }
        for slot in range(SLOTS)
    }
    print(json.dumps({"nodes": nodes}))


COMMANDS = {"qsub": qsub, "qstat": qstat, "qselect": qselect, "qdel": qdel, "pbsnodes": pbsnodes}
COMMANDS[Path(sys.argv[0]).name](sys.argv[1:])

"""The machine that a timing was taken on: processor, GPU, memory, other work."""

import ctypes
import os
import platform
import re
import resource
from pathlib import Path
from typing import Any

PROCESSOR, MEMORY = Path("/proc/cpuinfo"), Path("/proc/meminfo")
PAGES = Path("/proc/self/statm")
LIMIT, CURRENT = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


def hardware(device: str) -> dict[str, Any]:
    """Names of the processor and, where it computes, of the GPU; cores that this process may use."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": gpu() if device.startswith("cuda") else None,
    }


def processor() -> str:
    """Name of the processor by Linux, else its architecture."""
    text = _text(PROCESSOR)
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return name[1].strip() if name else platform.machine()


def gpu(library: str = "libcuda.so.1") -> str | None:
    """Name of the first visible GPU by NVIDIA's library; None where it gives none."""
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return None
    calls = (
        (cuda.cuInit, (0,)),
        (cuda.cuDeviceGet, (ctypes.byref(device), 0)),
        (cuda.cuDeviceGetName, (name, len(name), device)),
    )
    return None if any(call(*arguments) for call, arguments in calls) else name.value.decode()


def load_average() -> float:
    """Processes that ran or waited for a core on the machine, mean over a minute; this one among them."""
    return os.getloadavg()[0]


def peak_bytes() -> int:
    """Largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def used_bytes() -> int:
    """Memory that this process has now."""
    return int(_text(PAGES).split()[1]) * _page()


def free_bytes() -> int:
    """Memory that is left on this machine, or to the group of processes that a scheduler put this one in."""
    available = re.search(r"^MemAvailable:\s*(\d+) kB$", _text(MEMORY), re.MULTILINE)
    machine = int(available[1]) * 1024 if available else os.sysconf("SC_AVPHYS_PAGES") * _page()
    limit, current = _text(LIMIT).strip(), _text(CURRENT).strip()
    return min(machine, int(limit) - int(current)) if limit.isdecimal() and current.isdecimal() else machine


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def _text(path: Path) -> str:
    """Content of a file of the kernel; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""

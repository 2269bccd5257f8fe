"""GPUs that this process sees, by NVIDIA's library itself, before torch or TensorFlow is loaded."""

import ctypes
import os

from mlipbench_hpc.contract.task import TransientFailure


def require_gpu(library: str = "libcuda.so.1") -> int:
    """Number of visible GPUs; raises TransientFailure with the reason when there is none.

    Apptainer's --nv gives no error when it finds no driver, and engines then run on the CPU or fail late.
    """
    count = ctypes.c_int()
    try:
        cuda = ctypes.CDLL(library)
    except OSError as error:
        raise TransientFailure(_words(f"the NVIDIA driver's {library} cannot be loaded ({error})")) from error
    for call, arguments in ((cuda.cuInit, (0,)), (cuda.cuDeviceGetCount, (ctypes.byref(count),))):
        if code := call(*arguments):
            raise TransientFailure(_words(f"the NVIDIA driver answers with error {code}"))
    if count.value == 0:
        raise TransientFailure(_words("the NVIDIA driver shows none"))
    return count.value


def _words(why: str) -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f"this task needs a GPU, but none is visible: {why}; CUDA_VISIBLE_DEVICES is {visible!r}"

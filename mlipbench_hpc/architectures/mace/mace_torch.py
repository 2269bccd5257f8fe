"""mace-torch, imported in one place without its messages; its memory and its TorchScript executor."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import torch

from mlipbench_hpc.architectures.shared.memory import keep_memory

__all__ = [
    "data", "evaluate", "modules", "o3", "quiet", "scripts_utils", "tools", "train_one_epoch",
    "use_repeatable_executor",
]  # fmt: skip


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings of e3nn 0.4.4 and mace-torch about torch: none of them depends on the user's input."""
    with warnings.catch_warnings():
        # e3nn reads its own constants.pt with torch.load and no weights_only argument.
        warnings.filterwarnings("ignore", message=".*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", category=UserWarning)
        # e3nn compiles its tensor products with TorchScript, which newer torch calls deprecated.
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="The TorchScript type system", category=UserWarning)
        yield


# mace-torch prints that an optional accelerator is not installed; it must come before e3nn, whose torch.load
# works only with a switch that mace-torch sets.
with quiet(), redirect_stdout(io.StringIO()):
    from mace import data, modules, tools
    from mace.tools import scripts_utils
    from mace.tools.train import evaluate, train_one_epoch
    from e3nn import o3  # isort: skip

keep_memory()


def use_repeatable_executor(device: str) -> None:
    """On a CPU, make the first call in a process give the same bits as the thousandth for the same input.

    TorchScript's profiling executor runs e3nn's compiled functions once or twice unoptimized and rewrites
    them afterwards, which changes the last digits: a new process that continues a training or an MD then
    differs from a process without interruption. The older executor optimizes once, before the first call. On
    a GPU sums have no fixed order anyway, so torch's default stays.
    """
    if device == "cpu":
        torch._C._jit_set_profiling_executor(False)

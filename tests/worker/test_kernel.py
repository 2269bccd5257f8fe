"""kernel as the worker runs it: which frames are compared, and a compiler that is another one."""

from typing import Any

import pytest

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.kernel import probed, require_compiler

SED = {"program": "sed", "version": "sed (GNU sed) 0.1"}


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (6, [0, 1, 2, 3, 4, 5]), (26, [0, 5, 10, 15, 20, 25])]
)
def test_frames_are_spread_over_the_validation_set(count: int, chosen: list[int]) -> None:
    assert probed([100 + index for index in range(count)]) == [100 + index for index in chosen]


@pytest.mark.parametrize(
    ("planned", "message"),
    [
        (SED, r"planned with the compiler 'sed \(GNU sed\) 0\.1', this machine has 'sed \(GNU sed\) \d"),
        ({"program": "no-such-compiler", "version": "1"}, "the compiler no-such-compiler does not run"),
    ],
)
def test_another_compiler_than_the_planned_one_is_refused(planned: dict[str, Any], message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        require_compiler(planned)

"""Members that share arrays of the same frames have to be alike."""

import pytest

from mlipbench_hpc.architectures.shared.members import require_alike
from mlipbench_hpc.contract.task import InputFailure


def test_members_with_other_elements_or_another_cutoff_are_refused() -> None:
    require_alike([([1, 8], 5.0), ([1, 8], 5.0)])
    for other in (([1, 8, 79], 5.0), ([1, 8], 6.0)):
        with pytest.raises(InputFailure, match="differ in elements or cutoff; train them together"):
            require_alike([([1, 8], 5.0), other])

"""data-efficiency: errors against training structures (Fig. 2a-b and S6 of arXiv:2602.22931)."""

from typing import Literal

from mlipbench_hpc.campaign.study import Study
from mlipbench_hpc.studies.shared.sizes import Sized, trained

KIND = "data-efficiency"


class DataEfficiency(Sized):
    """Energy and force errors on one test set against the size of the training set, and training hours."""

    kind: Literal["data-efficiency"]


STUDY = Study(KIND, "Data efficiency", DataEfficiency, trained)

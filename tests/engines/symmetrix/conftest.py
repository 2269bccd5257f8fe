"""One thread, as tasks have: what its card claims holds there, while threads add up in any order."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

"""deepmd-kit with TensorFlow, imported in one place without its messages, and its number of threads."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read at the import of TensorFlow and deepmd-kit: only errors are printed, and no result may depend on the
# order of oneDNN's sums.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# DP has no use for Keras, which TensorFlow would import with matplotlib and pandas, a fifth of the time of
# all imports: it looks for the old Keras instead, which is not installed.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
THREADS = ("DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS")
os.environ.setdefault(THREADS[0], os.environ["OMP_NUM_THREADS"])
os.environ.setdefault(THREADS[1], "1")

from deepmd.common import make_default_mesh  # noqa: E402
from deepmd.infer import DeepPot  # noqa: E402
from deepmd.tf.entrypoints.compress import compress  # noqa: E402
from deepmd.tf.entrypoints.freeze import freeze  # noqa: E402
from deepmd.tf.entrypoints.train import update_sel  # noqa: E402
from deepmd.tf.env import default_tf_session_config, tf  # noqa: E402
from deepmd.tf.model.model import Model  # noqa: E402
from deepmd.tf.train.run_options import RunOptions  # noqa: E402
from deepmd.tf.train.trainer import DPTrainer  # noqa: E402
from deepmd.tf.utils import random as deepmd_random  # noqa: E402
from deepmd.tf.utils.argcheck import normalize  # noqa: E402
from deepmd.tf.utils.serialization import deserialize_to_file  # noqa: E402
from deepmd.utils.data_system import get_data  # noqa: E402

__all__ = [
    "DPTrainer", "DeepPot", "Model", "compress", "deepmd_random", "default_tf_session_config",
    "deserialize_to_file", "freeze", "get_data", "make_default_mesh", "normalize", "options", "tf",
    "update_sel", "use_threads", "working_in",
]  # fmt: skip

logging.getLogger("deepmd").setLevel(logging.ERROR)
tf.get_logger().setLevel(logging.ERROR)


def use_threads(number: int) -> None:
    """Set the threads of sessions opened later: so many in an operation, and one operation at a time."""
    os.environ.update({THREADS[0]: str(number), THREADS[1]: "1"})
    default_tf_session_config.intra_op_parallelism_threads = number
    default_tf_session_config.inter_op_parallelism_threads = 1


def options() -> Any:
    """Options of deepmd-kit for a run from scratch, with the fewest messages."""
    return RunOptions(log_level=logging.ERROR)


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in `folder`, where deepmd-kit's entry points write, and in an empty default graph.

    The graph is cleared, not nested in another: compressing clears it too, which TensorFlow then refuses.
    """
    tf.reset_default_graph()
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        tf.reset_default_graph()

"""What arXiv:2602.22931 calls an architecture of this suite, whose results stand beside the paper's."""

# DP of deepmd-kit and of DP-MP's code are the paper's DP.
NAMES = {"dp-jax": "dp"}


def paper_name(architecture: str) -> str:
    """Key of the architecture in tables of the paper's numbers."""
    return NAMES.get(architecture, architecture)

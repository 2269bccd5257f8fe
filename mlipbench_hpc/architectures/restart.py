"""How exactly an interrupted task goes on: what a card claims."""

from dataclasses import dataclass

BITWISE = "bitwise"
Claim = str | float


@dataclass(frozen=True)
class Restart:
    """Exactness of an interrupted task continued in a new process, on a CPU with one thread.

    Each claim is `bitwise`, or the largest deviation from the task without interruption: training, of forces
    over their rms; md, of positions over the largest displacement. testing.Conformance tests it.
    """

    training: Claim
    md: Claim

    def describe(self) -> str:
        """Both claims in words."""
        words = [f"{name} {_degree(claim)}" for name, claim in (("training", self.training), ("MD", self.md))]
        return " and ".join(words)


def _degree(claim: Claim) -> str:
    return claim if isinstance(claim, str) else f"to a relative {claim:.3g}"

"""decide: compares the committee's force error with its target, for or against another round."""

from statistics import fmean
from typing import Any

from mlipbench_hpc.worker.context import Context


def run(context: Context) -> dict[str, Any]:
    """Compare the members' mean validation force RMSE with the target (`force_rmse`, eV/Å)."""
    target = context.parameters["force_rmse"] * 1000.0
    errors = [
        context.upstream_values(role)["validation"]["force"]["all"]["rmse_meV_per_A"]
        for role in context.upstream_roles("member-")
    ]
    known = [error for error in errors if error is not None]
    mean = fmean(known) if known and len(known) == len(errors) else None
    enough = mean is not None and mean <= target
    return {
        "enough": enough,
        "force_rmse_meV_per_A": mean,
        "target_meV_per_A": target,
        "members": len(errors),
        "round": context.parameters["round"],
        "reason": reason(mean, target, len(errors)),
    }


def reason(mean: float | None, target: float, members: int) -> str:
    """Decision in one sentence."""
    if mean is None:
        return f"at least one of {members} members has no finite validation force error: not enough"
    relation, verdict = ("at most", "enough") if mean <= target else ("above", "not enough")
    return (
        f"mean validation force RMSE of {members} members is {mean:.4g} meV/Å, "
        f"{relation} the target of {target:.4g} meV/Å: {verdict}"
    )

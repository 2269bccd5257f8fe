"""Several datasets as one: frames sampled in several tasks, or datasets that a campaign joins by name."""

from dataclasses import replace

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.duplicates import across
from mlipbench_hpc.data.frames import Frames, Words, concatenate
from mlipbench_hpc.worker.context import Context


def build(context: Context) -> tuple[Frames, dict[str, float]]:
    """All parts in the order of their names; labels of the electrode too, where every part has them."""
    folders = [context.upstream(role) for role in context.upstream_roles("part-")]
    answers = [Answers.load(folder) for folder in folders]
    known = [answer for answer in answers if answer]
    if known and len(known) == len(answers):
        Answers.concatenate(known).save(context.folder)
    parts = [Frames.load(folder / "frames.npz") for folder in folders]
    names = context.parameters.get("names")
    return (named(parts, names) if names else concatenate(parts)), {}


def named(parts: list[Frames], names: list[str]) -> Frames:
    """All frames; the set of each is the name of its part, which also precedes its trajectory's name.

    Raises InputFailure when a structure stands in two parts: it could be in training and test set at once.
    """
    grouped = any(part.groups is not None for part in parts)
    marked = [
        replace(
            part,
            sets=np.full(len(part), name),
            groups=_groups(part, name) if grouped else None,
        )
        for part, name in zip(parts, names, strict=True)
    ]
    frames = concatenate(marked)
    if same := across(dict(zip(names, parts, strict=True))):
        raise InputFailure(f"join: {same}")
    return frames


def _groups(part: Frames, name: str) -> Words:
    groups = np.full(len(part), "") if part.groups is None else part.groups
    return np.array([f"{name}/{group}" for group in groups])

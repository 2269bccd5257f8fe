"""The parts of a dataset that was sampled in several tasks, as one."""

from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Frames, concatenate
from mlipbench_hpc.worker.context import Context


def build(context: Context) -> tuple[Frames, dict[str, float]]:
    """All parts in the order of their names; the electrode's answers too, where every part has them."""
    folders = [context.upstream(role) for role in context.upstream_roles("part-")]
    answers = [Answers.load(folder) for folder in folders]
    known = [answer for answer in answers if answer]
    if known and len(known) == len(answers):
        Answers.concatenate(known).save(context.folder)
    return concatenate([Frames.load(folder / "frames.npz") for folder in folders]), {}

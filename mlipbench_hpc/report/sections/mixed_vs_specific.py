"""Mixed and specific training: errors, structure, dynamics and calibration, for each such study."""

from mlipbench_hpc.report import uncertainty
from mlipbench_hpc.report.draw.drawing import Figure
from mlipbench_hpc.report.draw.dynamics import functions
from mlipbench_hpc.report.draw.mixed_vs_specific import errors, of_state
from mlipbench_hpc.report.dynamics import Motion, motions_of
from mlipbench_hpc.report.exclusion import failures
from mlipbench_hpc.report.mixed_errors import Judged, judged, paper, sentence, table
from mlipbench_hpc.report.mixed_profiles import State, distances, numbers, states
from mlipbench_hpc.report.mixed_profiles import table as numbers_table
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Gallery,
    Table,
    cautions,
)
from mlipbench_hpc.report.sections import md
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.mixed_vs_specific import STUDY

NOTHING = "No errors: no member is evaluated."
NO_RUNS = "No profiles: no stable run has any."


def _content(part: Part) -> Content:
    """Figures and tables of one study."""
    every, known = judged(part), states(part)
    figure, beside = errors(part, every), paper(part, every)
    profiles = [figure for state in known for figure in of_state(part, state)]
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        table(part, every),
        *([beside] if beside else []),
        Gallery(profiles, NO_RUNS, wide=True),
        *_tables(numbers_table(part, known), distances(part, known)),
        *_folded(part, known),
    ]
    values = {"errors": _errors(every), "runs": numbers(part, known)}
    verdict = sentence(part, every) + failures(part.results, part.results.names("md"))
    return Content(blocks, values, [[verdict]], _cautions(part, known))


def _tables(*every: Table | None) -> list[Table]:
    return [one for one in every if one]


def _folded(part: Part, known: list[State]) -> list[Block]:
    """Dynamics of each model, calibration by composition, all runs: below a click."""
    alphas, moving = uncertainty.alphas(part.results), _dynamics(part, known)
    blocks: list[Block] = []
    if moving:
        blocks.append(Folded("C_dip and P_surv of each model", [Gallery(moving, "", wide=True)]))
    blocks += [Folded("α of each committee, by composition", [alphas])] if alphas else []
    return [*blocks, Folded("Every run", [md.table(part.results)])]


def _dynamics(part: Part, known: list[State]) -> list[Figure]:
    """C_dip and P_surv of each model (Fig. S4): a colour for each committee, a dash for each charge."""
    order = {place.line.name: turn for state in known for turn, place in enumerate(state.places)}
    every = motions_of([state.group for state in known], order)
    by_model: dict[str, list[Motion]] = {model: [] for model in part.spec.models}
    models = {place.line.name: place.model for state in known for place in state.places}
    for own in every:
        by_model[models[own.line.name]].append(own)
    drawn = [functions(f"{part.name}-{model}", own, "mixed-dynamics") for model, own in by_model.items()]
    return [figure for figure in drawn if figure]


def _errors(every: list[Judged]) -> dict[str, dict[str, dict[str, object]]]:
    content: dict[str, dict[str, dict[str, object]]] = {}
    for own in every:
        content.setdefault(str(own.ions), {}).setdefault(own.model, {})[own.arm.label] = own.numbers()
    return content


def _cautions(part: Part, known: list[State]) -> list[Caution]:
    """A warning where a charge state has no reference though the study names some."""
    alone = [state.group.title for state in known if not state.references]
    names = ", ".join(part.spec.references)
    words = [
        f"{title} has no profiles of {names}: no such run is done, or they are of other atoms, another cell "
        "or temperature."
        for title in alone
    ]
    return cautions(part.name, f"Study {part.name}", words if names else [], Consequence.LIMITED)


SECTION = section(STUDY, 32, _content)

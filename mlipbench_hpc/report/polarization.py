"""Slab dipole and electrode potential of labelled frames against P_z, of one study of polarization."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.dipole import plane, trend
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, number, with_error

LABELS, TABLE = "labels.npz", "dipoles.csv"
IONS = 1  # Column of the ions among the parts of a dipole.
# Section IV.C of arXiv:2602.22931: a change of P_z by 5 changes the work function by about 1 eV, in a cell of
# 6 x 4 Au(111) at a = 4.20 Å.
PAPER_EV, PAPER_AREA_A2 = 0.2, 183.32
Slope = tuple[float, float]


@dataclass(frozen=True)
class DipoleFrames:
    """Frames (F,) of one composition of a dataset, in their order.

    across: P_z; dipoles: along the outward normal, e·Å; potentials: of the electrode, V, NaN where unknown;
    ions: Σqz of ions, e·Å, NaN where unknown; area: Å²; blocks: of the jackknife.
    """

    dataset: str
    formula: str
    across: Floats
    dipoles: Floats
    potentials: Floats
    ions: Floats
    area: float
    blocks: int

    @property
    def charged(self) -> bool:
        """True where ions are known in every frame and move."""
        return bool(np.isfinite(self.ions).all() and np.ptp(self.ions) > 0)

    def alone(self, values: Floats) -> Slope | None:
        """Slope of values (F,) over P_z alone, with its jackknife error; None where they are not known."""
        fit = trend(self.across, values, self.blocks) if np.isfinite(values).all() else None
        return fit.slope if fit else None

    def at_fixed_ions(self, values: Floats) -> Slope | None:
        """The same with the ions' Σqz fitted together; the slope alone where there are no ions."""
        if not self.charged:
            return self.alone(values)
        fit = plane(self.across, self.ions, values, self.blocks)
        return fit.orientation if fit else None

    def without_ions(self, values: Floats) -> Floats:
        """Values (F,) less what their fit gives to the ions' distance from its mean."""
        fit = plane(self.across, self.ions, values, self.blocks) if self.charged else None
        return values - fit.ions[0] * (self.ions - self.ions.mean()) if fit else values


def frames(part: Part) -> list[DipoleFrames]:
    """Every composition of every dataset of the study."""
    results = part.results
    items = [item for name in part.spec.datasets for item in results.of("dipole", frames=name) if item.done]
    return [own for item in items for own in _of_dataset(results, item)]


def _of_dataset(results: Results, item: Item) -> Iterator[DipoleFrames]:
    rows, labels = item.table(TABLE), _labels(results, item)
    for place, (formula, values) in enumerate(sorted(item.values.get("compositions", {}).items())):
        own = rows["composition"] == place if rows else np.zeros(0, dtype=bool)
        if not own.any():
            continue
        chosen, dipoles = rows["frame"][own].astype(int), rows["dipole_eA"][own]
        potentials = labels["potentials"][chosen] if labels else np.full(len(chosen), np.nan)
        # The table counts along the outward normal, labels along z.
        signs = np.where(labels["dipoles"][chosen] * dipoles < 0, -1.0, 1.0) if labels else 1.0
        ions = signs * labels["parts"][chosen, IONS] if "parts" in labels else np.full(len(chosen), np.nan)
        yield DipoleFrames(
            item.subject["frames"], formula, rows["P_z"][own], dipoles, potentials, ions,
            float(values["area_A2"]), int(item.values["blocks"]),
        )  # fmt: skip


def _labels(results: Results, item: Item) -> dict[str, Any]:
    """Arrays of the labels of the dataset that a `dipole` task consumed."""
    source = results.with_key(item.task.get("upstream", {}).get("frames"))
    return next((arrays for own in source if (arrays := own.arrays(LABELS))), {})


def table(part: Part, every: list[DipoleFrames]) -> Table:
    """One row for each composition."""
    rows = [
        [own.dataset, own.formula, number(len(own.across)), _words(own.alone(own.dipoles)),
         _words(own.at_fixed_ions(own.dipoles)), _words(own.alone(own.potentials)),
         _words(own.at_fixed_ions(own.potentials))]
        for own in every
    ]  # fmt: skip
    header = ["dataset", "composition", "frames", "slab dipole per P_z, e·Å", "at fixed heights of the ions",
              "electrode potential per P_z, V", "at fixed heights of the ions"]  # fmt: skip
    caption = (
        f"{part.name}: slopes of least squares over P_z = Σ cos θ of the waters in the same labelled frames, "
        "± jackknife standard error over blocks of consecutive frames. At fixed heights of the ions: P_z and "
        "Σqz of the ions fitted together. Potential: of the electrode against the vacuum above the film; "
        "the work function of electrons changes by as many eV. No model, no MD of a model."
    )
    return Table(caption, header, rows, words=2, open=True)


def _words(slope: Slope | None) -> str:
    return with_error(*slope) if slope else NOTHING


def paper(part: Part, every: list[DipoleFrames]) -> Table | None:
    """Change of the work function per P_z, scaled to the paper's area; None without potentials."""
    rows = []
    for own in every:
        slope = own.at_fixed_ions(own.potentials)
        if slope:
            value, error = (abs(slope[0]), slope[1])
            scale = own.area / PAPER_AREA_A2
            rows.append([own.dataset, own.formula, f"{PAPER_EV:g}", with_error(value, error),
                         f"{own.area:.1f}", with_error(scale * value, scale * error),
                         number(scale * value / PAPER_EV)])  # fmt: skip
    header = ["dataset", "composition", f"paper, eV ({PAPER_AREA_A2:.1f} Å²)", "here, eV", "area here, Å²",
              "here in the paper's area, eV", "ratio to the paper"]  # fmt: skip
    caption = (
        f"{part.name}, beside the paper: size of the change of the work function for one unit of P_z. The "
        "paper: DFT dipoles of Au(111)/water, read from its text (5 units for about 1 eV). Here: the labels "
        "of this campaign, whose waters have other dipoles. A dipole acts by its density, so the change is "
        "scaled with the area of the cell. Systems differ."
    )
    return Table(caption, header, rows, words=2, open=True) if rows else None


def numbers(every: list[DipoleFrames]) -> dict[str, Any]:
    """Values for results.json, by dataset and composition."""
    values: dict[str, Any] = {}
    for own in every:
        slopes = {
            "dipole_eA_per_P_z": own.alone(own.dipoles),
            "dipole_eA_per_P_z_at_fixed_ions": own.at_fixed_ions(own.dipoles),
            "potential_V_per_P_z": own.alone(own.potentials),
            "potential_V_per_P_z_at_fixed_ions": own.at_fixed_ions(own.potentials),
        }
        values.setdefault(own.dataset, {})[own.formula] = {
            "frames": len(own.across),
            "area_A2": own.area,
            **{name: list(slope) if slope else None for name, slope in slopes.items()},
        }
    return values


def sentence(part: Part, every: list[DipoleFrames]) -> str:
    """How far the electrode potential goes with P_z."""
    known = [(own, slope) for own in every if (slope := own.at_fixed_ions(own.potentials))]
    words = [f"{own.formula} {with_error(*slope)} V" for own, slope in known]
    state = f"Study {part.name} (polarization): {count(len(every), 'composition')}."
    if not words:
        return f"{state} No electrode potential is known."
    return (
        f"{state} Electrode potential for one unit of P_z, at fixed heights of the ions: {'; '.join(words)}."
    )

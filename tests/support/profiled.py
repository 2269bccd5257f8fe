"""Made-up profiles of a charged interface: what `analyse` and `reweight` leave of a run, without a run."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.reweighting import Quality
from mlipbench_hpc.data.observable import DISTANCE, HEIGHT, LAG, Observable


def csv_bytes(columns: dict[str, Any]) -> bytes:
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return "".join(",".join(str(cell) for cell in row) + "\n" for row in rows).encode()


def curves(z: np.ndarray, name: str) -> np.ndarray:
    layers = np.exp(-(((z - 3.0) / 0.5) ** 2)) * 2.6 + np.exp(-(((z - 6.2) / 0.8) ** 2)) * 0.5
    bulk = 1 / (1 + np.exp(-(z - 4.5) / 0.4)) / (1 + np.exp((z - 16) / 0.4))
    return {
        "density": layers + bulk,
        "orientation": -0.35 * layers * np.sin(z),
        "cosine_profile": -0.3 * np.sin(z) * np.exp(-z / 6) * (z > 2),
        "concentration-Na": 5 * np.exp(-(((z - 3.5) / 0.4) ** 2)) + 3 * np.exp(-(((z - 6.5) / 0.9) ** 2)),
    }[name]


NAMES = {
    "density": "density_g_per_cm3", "orientation": "orientation_g_per_cm3", "cosine_profile": "cosine",
    "concentration-Na": "concentration-Na_mol_per_L",
}  # fmt: skip
Z = -2.45 + 0.1 * np.arange(230)


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


OBSERVABLES = ("density", "orientation", "concentration-Na")
SCALARS = {"cosine": -0.31, "peak_z_A": 2.98, "peak_g_per_cm3": 2.6, "total_orientation": -6.0}
ERRORS = {"cosine": 0.02, "peak_z_A": 0.01, "peak_g_per_cm3": 0.08, "total_orientation": 0.4}
SPREAD = np.array([0.0, 1.0, -1.0, 2.0])
# Correlation functions of the first layer: e^(-τ/0.4 ps) and 1 - τ/2 ps, with the same error at every lag.
LAGS = 0.05 * np.arange(11)
DYNAMICS = {"dipole_correlation": np.exp(-LAGS / 0.4), "survival": 1 - LAGS / 2}
DYNAMICS_SE = {"dipole_correlation": 0.02, "survival": 0.03}


def profile(name: str, title: str, symbol: str, unit: str, **fields: Any) -> Observable:
    column = NAMES[name]
    return Observable(
        name, title, symbol, unit, axis=HEIGHT, file="profiles.csv", column=column, error=f"se_{column}",
        needs=("slab",), drawn="line", compared="interface", reweighted=True, **fields,
    )  # fmt: skip


COSINE = replace(
    profile("cosine_profile", "Mean cos θ", "⟨cos θ⟩", ""), compared="", reweighted=False, order=45
)


def scalar(name: str, title: str, unit: str, order: int) -> Observable:
    return Observable(
        name, title, title, unit, path=("profiles", "first_layer", name), compared="interface",
        reweighted=True, order=order,
    )  # fmt: skip


def lagged(name: str, symbol: str, definition: str, order: int) -> Observable:
    return Observable(
        name, name, symbol, definition=definition, axis=LAG, file=f"{name}.csv", column=name,
        error=f"se_{name}", drawn="line", compared="everywhere", order=order,
    )  # fmt: skip


DESCRIBED = (
    profile("density", "Water density", "water density", "g/cm³", order=10),
    profile("orientation", "Orientation", "ρ · cos θ", "g/cm³", order=20),
    profile("concentration-Na", "Na concentration", "Na concentration", "mol/L", species="Na", order=30),
    scalar("cosine", "⟨cos θ⟩ of the first layer", "", 60),
    Observable(
        "total_orientation", "Total dipole orientation", "total dipole orientation P_z", words="mean P_z",
        definition="Total dipole orientation: P_z = Σ cos θ.", file="total_orientation.npz", column="P_z",
        path=("profiles", "total_orientation"), drawn="histogram", compared="interface",
        reweighted=True, order=70,
    ),
    scalar("peak_z_A", "height of the first peak", "Å", 80),
    scalar("peak_g_per_cm3", "density at the first peak", "g/cm³", 81),
)  # fmt: skip


def temperature(symbol: str) -> Observable:
    """Of one species, or of all."""
    name = f"temperature_{symbol}_K" if symbol else "temperature_K"
    return Observable(name, name, "T", "K", path=("thermo", name), species=symbol)


THERMO = (
    *map(temperature, ("", "H", "O")),
    Observable("potential_eV_per_atom", "U", "U", "eV/atom", path=("thermo", "potential_eV_per_atom")),
)
MOTION = (
    lagged("dipole_correlation", "C_dip(τ), first layer", "C_dip(τ): how waters keep their direction.", 56),
    lagged("survival", "P_surv(τ), first layer", "P_surv(τ): how waters stay.", 57),
)


def members_of(names: Sequence[str]) -> list[Observable]:
    """What `reweight` describes: members' averages of some observables."""
    return [
        replace(one, file=f"reweighted-{one.name}.csv", column="driving_member", error="se")
        if one.axis
        else replace(one, file="", path=("scalars", one.name))
        for one in DESCRIBED
        if one.name in names
    ]


G_OO = Observable(
    "g_O-O", "O-O radial distribution", "g(r), O-O", axis=DISTANCE, file="rdf.csv", column="g_O-O",
    error="se_O-O", drawn="line", compared="bulk", reweighted=True,
)  # fmt: skip


def correlation(name: str) -> bytes:
    """The file of one correlation function."""
    errors = np.full(len(LAGS), DYNAMICS_SE[name])
    return csv_bytes({"lag_ps": LAGS, name: DYNAMICS[name], f"se_{name}": errors})


def analysed(
    ions: int = 1,
    shift: float = 0.0,
    seed: int = 0,
    analysed_ps: float = 1.6,
    memory: float = 4.0,
    motion: bool = True,
    frames: int = 160,
    **changes: Any,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Values and files of an `analyse` task; shift moves numbers by so many of their errors.

    memory: statistical inefficiency of P_z in frames; motion: with correlation functions; frames: analysed
    ones. `changes` go into the values.
    """
    noise = np.random.default_rng(seed)
    columns = {"z_A": Z}
    for name in OBSERVABLES[: 3 if ions else 2]:
        line = curves(Z, name) * (Z > 1)
        error = 0.01 + 0.05 * np.abs(line)
        wobble = np.convolve(noise.normal(size=len(Z)), np.ones(5) / 5, "same")
        columns |= {NAMES[name]: line + error * (shift + wobble) * (line != 0), f"se_{NAMES[name]}": error}
    series = noise.normal(
        SCALARS["total_orientation"] + shift * ERRORS["total_orientation"], 2.0, size=frames
    )
    width = 2.0
    values = {
        "species": {"Au": 36, "H": 48, **({"Na": ions} if ions else {}), "O": 24},
        "cell_A": [[8.65, 0, 0], [0, 9.99, 0], [0, 0, 37.1]],
        "frames": frames + 40, "frames_analysed": frames, "blocks": 10, "analysed_ps": analysed_ps,
        "warnings": [],
        "thermo": {"temperature_K": {"mean": 300.4, "se": 2.0}},
        "rdf": {"pairs": {}},
        "descriptors": [
            one.to_json() for one in (THERMO[0], *DESCRIBED, *MOTION * motion) if ions or not one.species
        ],
        "profiles": {
            "faces": 1, "bin_A": 0.1, "area_A2": 86.5, "oxygens": 24, "intact_molecules": 24,
            "ions": {"Na": ions} if ions else {},
            "block_frames": frames // 10,
            "first_layer": {
                name: {"mean": SCALARS[name] + shift * ERRORS[name], "se": ERRORS[name]}
                for name in SCALARS if name != "total_orientation"
            },
            "total_orientation": {
                "mean": SCALARS["total_orientation"] + shift * ERRORS["total_orientation"],
                "se": ERRORS["total_orientation"],
                "se_autocorrelation": width * (memory / frames) ** 0.5, "width": width,
                "histogram": {"edges": [-10.0, -2.0], "counts": [frames]},
            },
        },
    }  # fmt: skip
    files = {
        "profiles.csv": csv_bytes(columns),
        "total_orientation.npz": npz(time_ps=0.01 * np.arange(frames), P_z=series),
    }
    files |= {f"{one.name}.csv": correlation(one.name) for one in MOTION * motion}
    return values | changes, files


def reweighted(
    own: tuple[dict[str, Any], dict[str, bytes]],
    alpha: float | None = 1.5,
    std: float = 0.7,
    frames: float = 40.0,
    drove: int = 0,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Values and files of a `reweight` task: four members, SPREAD times 0.04 of the profile apart.

    Numbers of the members lie SPREAD times their sampling error from the driver's, which is member `drove`.
    """
    values, files = own
    header, *rows = files["profiles.csv"].decode().splitlines()
    table = dict(
        zip(header.split(","), np.array([row.split(",") for row in rows], dtype=float).T, strict=True)
    )
    result = {}
    names = OBSERVABLES[: 3 if values["profiles"]["ions"] else 2]
    for name in names:
        driver = table[NAMES[name]]
        members = driver * (1 + 0.04 * (SPREAD - SPREAD[drove])[:, None])
        sigma = members.std(axis=0, ddof=1)
        columns = {"z_A": Z, "driving_member": driver, "se": table[f"se_{NAMES[name]}"],
                   "mean": members.mean(axis=0),
                   "sigma": sigma, "alpha_sigma": sigma * (np.nan if alpha is None else alpha),
                   "noise": np.zeros_like(sigma)}  # fmt: skip
        columns |= {f"member_{m}": member for m, member in enumerate(members)}
        columns |= {f"se_member_{m}": 1.2 * columns["se"] for m in range(len(members))}
        result[f"reweighted-{name}.csv"] = csv_bytes(columns)
    verdict = Quality(std, frames, 1.0).verdict
    member = {"std_h": std, "effective_frames": 3 * frames, "statistical_inefficiency": 3.0,
              "independent_frames": frames, "verdict": verdict}  # fmt: skip
    means = {name: one["mean"] for name, one in values["profiles"]["first_layer"].items()}
    means["total_orientation"] = values["profiles"]["total_orientation"]["mean"]
    scalars = {
        name: {
            "driving_member": mean,
            "members": (mean + ERRORS[name] * (SPREAD - SPREAD[drove])).tolist(),
            "noise": 0.0,
        }
        for name, mean in means.items()
    }
    return {
        "frames": 160, "reweighted_frames": 40, "stride": 4, "analysed_ps": values["analysed_ps"],
        "alpha": alpha, "members": {str(m): member for m in range(4) if m != drove}, "verdict": verdict,
        "scalars": scalars, "warnings": [], "next_member": 0 if drove else 3,
        "observables": {name: {"negative_bins": 0} for name in names},
        "descriptors": [one.to_json() for one in members_of((*names, *SCALARS))],
    }, result  # fmt: skip

"""Settings of the reference method that decide the labels of a frame, and that no model here uses."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlipbench_hpc.data.records import Record

# Inputs that no model here has, each with its neutral value.
UNUSED: dict[str, float] = {
    "charge": 0.0, "total_charge": 0.0, "net_charge": 0.0, "system_charge": 0.0, "fparam": np.nan,
    "aparam": np.nan, "electric_field": 0.0, "external_field": 0.0, "efield": 0.0,
}  # fmt: skip
# Other names of such inputs, in any case of letters, which may also be mere records of one setting.
SETTINGS: dict[str, float] = {
    **{name: value for name, value in UNUSED.items() if name not in ("fparam", "aparam")},
    "tot_charge": 0.0, "charge_state": 0.0, "q": 0.0, "nelect": np.nan, "spin": 0.0, "multiplicity": 1.0,
    "e_field": 0.0, "applied_potential": 0.0,
}  # fmt: skip
# Flags of a converged calculation, in lower case.
CONVERGED = {"converged", "scf_converged", "is_converged", "scfconverged", "electronic_converged"}


def unused(records: Sequence[Record], ignore: tuple[str, ...]) -> Iterator[str]:
    """Sentences on data that no model here uses, whose neglect would be an invisible error."""
    for name in UNUSED.keys() - set(ignore):
        frames = [
            index for index, record in enumerate(records) if _says_something(record.values.get(name), name)
        ]
        if frames:
            yield (
                f"{len(frames)} frames have `{name}` ({str(records[frames[0]].values[name])[:30]} in frame "
                f"{frames[0]}), which no model here uses: leave such frames out, or state `ignore: [{name}]`"
            )


def unconverged(records: Sequence[Record]) -> Iterator[int]:
    """Indices of frames whose own words say that the reference method did not converge."""
    for index, record in enumerate(records):
        if any(name.lower() in CONVERGED and _is_false(value) for name, value in record.values.items()):
            yield index


def _is_false(value: Any) -> bool:
    """True for F, false, no and 0 as a flag, a number or a word."""
    return np.ndim(value) == 0 and str(value).lower() in ("f", "false", "no", "0", "0.0")


def settings(records: Sequence[Record], ignore: tuple[str, ...], differ: bool) -> Iterator[str]:
    """Sentences on settings that differ between frames, or else on those that are equal in all.

    Names are those of SETTINGS in any case of letters. A frame without the name has its neutral value.
    """
    present = {key.lower() for record in records for key in record.values if key not in UNUSED}
    for name in sorted(present & SETTINGS.keys() - set(ignore)):
        values = [_setting(record, name) for record in records]
        if set(values) <= {"", _neutral(name)}:
            continue
        # The number of electrons belongs to the composition.
        of_composition = name == "nelect"
        owners = [str(sorted(record.numbers.tolist())) if of_composition else "" for record in records]
        differs = len(set(zip(owners, values, strict=True))) > len(set(owners))
        if differs == differ:
            yield _sentence(name, sorted(set(values) - {""}), differs)


def _sentence(name: str, values: list[str], differs: bool) -> str:
    if differs:
        return (
            f"`{name}` differs between frames ({', '.join(values[:3])}), and no model here uses it: leave "
            f"such frames out, or state `ignore: [{name}]`"
        )
    return (
        f"`{name}` is {', '.join(values[:3])} in these frames, and no model here uses it: the model holds "
        "for this value alone"
    )


def _neutral(name: str) -> str:
    return "" if np.isnan(SETTINGS[name]) else str(SETTINGS[name])


def _setting(record: Record, name: str) -> str:
    """Value of a setting, the neutral one where the frame has none."""
    key = next((key for key in record.values if key.lower() == name and key not in UNUSED), None)
    if key is None:
        return _neutral(name)
    value: Any = record.values[key]
    try:
        numbers = np.unique(np.asarray(value, dtype=float))
    except (TypeError, ValueError):
        return str(value)[:30]
    return str(float(numbers[0])) if len(numbers) == 1 else str(np.asarray(value).tolist())[:30]


def _says_something(value: Any, name: str) -> bool:
    if value is None:
        return False
    try:
        return bool(np.any(np.asarray(value, dtype=float) != UNUSED[name]))
    except (TypeError, ValueError):
        return True

"""Patients of slices, by the slices' names."""

import re
from collections.abc import Sequence

from pipelines.errors import DataError

# 10001_103_f, 11485_16, volume-12_45: a patient, a slice number, perhaps letters.
_SLICE_OF_PATIENT = re.compile(r"(.+)_\d+(?:_[A-Za-z]+)?")


def find_patients(names: Sequence[str], pattern: str | None = None) -> tuple[dict[str, str], str]:
    """Finds the patient of each slice: by a pattern, or else by a guess from the names.

    Args:
        names: of the slices.
        pattern: regular expression, searched for in each name; its first group is the patient.

    Returns:
        Name to patient, and a line that says how the patients were found.

    Raises:
        DataError: the pattern is not a regular expression, has no group, or finds no patient in a name.
    """
    if pattern is not None:
        return _by_pattern(names, pattern), f"patients: by the pattern {pattern}"
    matches = {name: _SLICE_OF_PATIENT.fullmatch(name) for name in names}
    if all(matches.values()):
        patients = {name: match[1] for name, match in matches.items() if match}
        return patients, "patients: guessed, the name before _<slice number>"
    alone = {name: name for name in names}
    return alone, "patients: guessed, one per image; give a patient pattern if that is wrong"


def _by_pattern(names: Sequence[str], pattern: str) -> dict[str, str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"`patient_pattern` {pattern}: not a regular expression ({error}); fix it") from None
    if not compiled.groups:
        raise DataError(f"`patient_pattern` {pattern}: no group; put the patient in brackets, as in ^([^_]+)_")
    patients = {}
    for name in names:
        match = compiled.search(name)
        if not match or not match[1]:
            raise DataError(f"`patient_pattern` {pattern}: finds no patient in {name}; fix the pattern")
        patients[name] = match[1]
    return patients

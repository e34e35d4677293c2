"""Patients of slices, by the slices' names."""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence

from pipelines.errors import DataError
from pipelines.findings import listed

# 10001_103_f, 11485_16, volume-12_45, patient7_slice045: a patient, a slice number, perhaps letters.
_SLICE_OF_PATIENT = re.compile(r"(.+?)_(?:slice[_-]?)?\d+(?:_[A-Za-z]+)?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patients:
    """The patients of slices.

    Attributes:
        of: name of each slice to its patient.
        found_by: how they were found, one of `pipelines.case.FOUND_BY`.
        note: the same as a line for the user.
        alone: names that no guess was possible from, beside others: each a patient of its own.
    """

    of: dict[str, str]
    found_by: str
    note: str
    alone: tuple[str, ...] = ()


def find_patients(names: Sequence[str], pattern: str | None = None) -> Patients:
    """Finds the patient of each slice: by a pattern, or else by a guess from the names.

    The guess is the name before the slice number, for each name that has both; the others are patients of their own.

    Args:
        names: of the slices.
        pattern: regular expression, searched for in each name; its first group is the patient.

    Raises:
        DataError: the pattern is not a regular expression, has no group, or finds no patient in a name.
    """
    if pattern is not None:
        found = {name: first_group(name, pattern, option="patient_pattern", what="patient") for name in names}
        return Patients(of=found, found_by="pattern", note=f"patients: by the pattern {pattern}")
    matches = {name: _SLICE_OF_PATIENT.fullmatch(name) for name in names}
    alone = tuple(name for name, match in matches.items() if match is None)
    if len(alone) == len(names):
        note = "patients: guessed, one per image; give a patient pattern if that is wrong"
        return Patients(of={name: name for name in names}, found_by="each case", note=note)
    note = "patients: guessed, the name before _<slice number>"
    if alone:
        note += f"; {listed(alone)} without one: each a patient of its own"
    patients = {name: match[1] if match else name for name, match in matches.items()}
    return Patients(of=patients, found_by="names", note=note, alone=alone)


def agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two ways to find the patients of the same slices group them alike, whatever they call them."""
    pairs = {(patient, other[name]) for name, patient in one.items()}
    return len(pairs) == len({first for first, _ in pairs}) == len({second for _, second in pairs})


def spelled_alike(patients: Collection[str]) -> list[list[str]]:
    """Groups of patients whose names differ only in capitals, leading zeros, and signs between words."""
    groups: dict[str, list[str]] = {}
    for patient in sorted(set(patients)):
        plain = re.sub(r"[\W_]+", "_", patient.casefold()).strip("_")
        groups.setdefault(re.sub(r"(?<!\d)0+(?=\d)", "", plain), []).append(patient)
    return [group for group in groups.values() if len(group) > 1]


def find_scans(patients: Mapping[str, str]) -> dict[str, str]:
    """Finds the scan of each slice: the name before the slice number, where every scan is of one patient.

    Otherwise the names do not tell, and the slices of a patient are one scan; so are those without a slice number.

    Args:
        patients: name of each slice to its patient.
    """
    guess = find_patients(list(patients))
    if guess.found_by != "names":
        return dict(patients)
    scans = {name: patients[name] if scan == name else scan for name, scan in guess.of.items()}
    owners = {scan: patients[name] for name, scan in scans.items()}
    return scans if all(owners[scan] == patients[name] for name, scan in scans.items()) else dict(patients)


def first_group(name: str, pattern: str, *, option: str, what: str) -> str:
    """What the first group of a user's pattern finds in a name.

    Args:
        name: that is searched.
        pattern: the regular expression.
        option: name of the argument that holds it, for messages.
        what: the group is to find, such as `"patient"`.

    Raises:
        DataError: the pattern is not a regular expression, has no group, or finds nothing.
    """
    match = compile_pattern(pattern, option=option, what=what).search(name)
    if not match or not match[1]:
        raise DataError(f"`{option}` {pattern}: finds no {what} in {name}; fix the pattern")
    return match[1]


def compile_pattern(pattern: str, *, option: str, what: str) -> re.Pattern[str]:
    """Compiles a user's pattern, whose first group finds something; see `first_group`."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"`{option}` {pattern}: not a regular expression ({error}); fix it") from None
    if not compiled.groups:
        raise DataError(f"`{option}` {pattern}: no group; put the {what} in brackets, as in ^([^_]+)_")
    return compiled

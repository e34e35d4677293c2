"""Splits of patients, never of slices, into training, validation and test."""

import hashlib
from collections.abc import Iterable

from pipelines.errors import DataError


def split_patients(patients: Iterable[str], *, validation: float = 0.15, test: float = 0.15) -> dict[str, str]:
    """Gives every patient to one part of the split.

    Patients are ordered by a hash of their names, so the split depends neither on the order given nor on any training
    seed, and adding a patient moves at most two others.

    Args:
        patients: names; repeated ones count once.
        validation: fraction of the patients in validation, 0 or more; above 0 at least one patient.
        test: fraction of the patients in test, likewise. Both together are below 1.

    Returns:
        Patient to `"train"`, `"validation"` or `"test"`.

    Raises:
        DataError: there are fewer patients than parts.
        ValueError: a fraction is negative, or both together are 1 or more.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise ValueError(f"validation={validation} and test={test} must be 0 or more and together below 1")
    ordered = sorted(set(patients), key=patient_hash)
    count, parts = len(ordered), 1 + (validation > 0) + (test > 0)
    if count < parts:
        raise DataError(
            f"{count} patient(s) ({', '.join(sorted(ordered)) or 'none'}) cannot be split into {parts} parts; "
            "add patients, an index.csv with a split column, or a `patient_pattern` that finds the patients"
        )
    # Regardless of rounding, a requested part gets at least one patient, and so does training.
    in_test = min(max(1, round(test * count)), count - 1 - (validation > 0)) if test else 0
    in_validation = min(max(1, round(validation * count)), count - 1 - in_test) if validation else 0
    # Test from one end and validation from the other, so that one does not move when the other grows.
    sizes = {"test": in_test, "train": count - in_test - in_validation, "validation": in_validation}
    parts_in_order = [part for part, size in sizes.items() for _ in range(size)]
    return dict(zip(ordered, parts_in_order, strict=True))


def carve_validation(train_patients: Iterable[str], fraction: float = 0.15) -> frozenset[str]:
    """Picks validation patients out of the training patients of a split that has no validation part.

    Args:
        train_patients: names; repeated ones count once.
        fraction: fraction of them to pick, above 0 and below 1; at least one patient is picked.

    Returns:
        The patients to move from training to validation.

    Raises:
        DataError: there are fewer than two training patients.
    """
    parts = split_patients(train_patients, validation=fraction, test=0.0)
    return frozenset(patient for patient, part in parts.items() if part == "validation")


def patient_hash(patient: str) -> bytes:
    """What patients are ordered by: as good as random, and always the same."""
    # File names that are not UTF-8 reach Python with surrogates in them.
    return hashlib.sha256(patient.encode(errors="surrogateescape")).digest()

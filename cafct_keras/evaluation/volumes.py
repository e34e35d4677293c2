"""Which cases of a set are whole volumes, and how those with missing slices count.

A set is one of volumes if the slices of at least half of its cases, of those with more than one slice, are neighbours;
otherwise it is one of loose slices. Cases of the other kind count in overlap only: a surface distance, a lesion, a
volume or a tumour burden of a stack with a gap would be wrong, and no mean over volumes and single slices has a
meaning.
"""

import dataclasses
import itertools
from collections.abc import Sequence

from cafct_keras.evaluation.metrics.scores import CaseScore
from pipelines.case import mostly
from pipelines.findings import listed
from pipelines.natural import are_consecutive, missing_numbers


def are_volumes(cases: Sequence[CaseScore]) -> bool:
    """Whether a set is one of volumes; single slices are volumes if they have a spacing."""
    several = [case.contiguous for case in cases if len(case.slice_names) > 1]
    if not several:
        return all(case.contiguous and case.spacing is not None for case in cases)
    return mostly(several)


def of_one_kind(cases: Sequence[CaseScore]) -> list[CaseScore]:
    """The cases, with those that are not of the set's kind reduced to their overlap."""
    if len({case.contiguous for case in cases}) == 1:
        return list(cases)
    volumes = are_volumes(cases)
    return [case if case.contiguous == volumes else _overlap_only(case) for case in cases]


def doubts(cases: Sequence[CaseScore]) -> list[str]:
    """Warnings about missing slices and about slices that each count as a patient.

    Args:
        cases: as they were read, all of one result.
    """
    warnings = []
    gaps = [case for case in cases if not case.contiguous and not are_consecutive(case.slice_names)]
    if gaps:
        shown = listed([f"{case.case} {_gap(case.slice_names)}" for case in gaps])
        what = (
            "these cases count in overlap only, not in surface distances, lesions, volumes and tumour burden"
            if are_volumes(cases)
            else "they are most cases, so that every slice of every case is scored by itself"
        )
        warnings.append(f"slices: {len(gaps)} of {len(cases)} cases have gaps ({shown}); {what}")
    patients = {case.patient for case in cases}
    if 1 < len(cases) == len(patients) == sum(len(case.slice_names) for case in cases) and not are_volumes(cases):
        warnings.append(
            "patients: every slice counts as a patient of its own, so intervals are too narrow where several slices "
            "are one patient's, and per_case_* are means over slices; `patient_pattern` groups them"
        )
    for target in dict.fromkeys(name for case in cases for name in case.targets):
        counts = [case.targets[target].counts for case in cases if target in case.targets]
        if not any((each.tp + each.fn).any() for each in counts):
            warnings.append(f"targets: no reference shows {target}, so that its scores tell of false positives only")
    return warnings


def _gap(names: Sequence[str]) -> str:
    missing = list(itertools.islice(missing_numbers(names), 7))  # more than `listed` shows, less than a date may be
    return f"lacks {listed(missing)}" if missing else "is not numbered one by one"


def _overlap_only(case: CaseScore) -> CaseScore:
    targets = {
        name: dataclasses.replace(target, surface=None, lesions=None, objects=None)
        for name, target in case.targets.items()
    }
    return dataclasses.replace(case, targets=targets, burden=None)

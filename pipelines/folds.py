"""Folds of a cross-validation over the training and validation patients of a source; its test part stays as it is."""

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.findings import Remark
from pipelines.loading.all_cases import map_cases
from pipelines.split import patient_hash


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fold of several: `index`, from 0, of `count`."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Fold":
        """Reads `"0/5"`.

        Raises:
            DataError: it is not a fold.
        """
        match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
        if not match or not int(match[1]) < int(match[2]) >= 2:
            raise DataError(f"`fold` {text}: give K/N, the fold K from 0 to N-1 of N folds, two or more, such as 0/5")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


class FoldSource(Source):
    """A source whose validation part is a fold of its training and validation patients, who are all in one fold each.

    All cases are read once to find their patients and whether these have the target (the lesion, if there are masks of
    it), so that each fold gets as many such patients, to within one. The folds depend on the data alone: not on a seed,
    nor on the size or the target that a network is trained for.

    Args:
        source: the source.
        fold: which fold is the validation part.

    Raises:
        DataError: there are fewer patients than folds, or a case cannot be read.

    Attributes:
        source: as given.
    """

    def __init__(self, source: Source, fold: Fold) -> None:
        for name in Source.__annotations__.keys() - {"parts", "_notes", "_findings"}:
            setattr(self, name, getattr(source, name))
        self.source = source
        of_cases, shown = _patients(source)
        if len(shown) < fold.count:
            raise DataError(
                f"`fold` {fold}: there are {len(shown)} training and validation patients; give as many folds or fewer"
            )
        folds = assign_folds(shown, fold.count)
        self.parts = {
            name: part if part == "test" else "validation" if folds[of_cases[name]] == fold.index else "train"
            for name, part in source.parts.items()
        }
        held_out = [patient for patient, number in folds.items() if number == fold.index]
        self._note = (
            f"fold {fold}: {len(held_out)} of {len(folds)} training and validation patients are validated on, "
            f"{sum(shown[patient] for patient in held_out)} of them with {_stratified_by(source)}"
        )

    def __getattr__(self, name: str) -> Any:
        # What only the source's own layout has.
        if name.startswith("_") or name == "source":
            raise AttributeError(name)
        return getattr(self.source, name)

    @property
    def notes(self) -> list[str]:
        """Those of the source, and the fold."""
        return [*self.source.notes, self._note]

    def recall(self, notes: Iterable[str]) -> None:
        """Adds notes to the source, see `Source`."""
        self.source.recall(notes)

    @property
    def remarks(self) -> list[Remark]:
        """Those of the source."""
        return self.source.remarks

    def add_remarks(self, remarks: Iterable[Remark]) -> None:
        """Adds remarks to the source, see `Source`."""
        self.source.add_remarks(remarks)

    def case(self, name: str) -> Case:
        """Reads one case, see `Source`."""
        return dataclasses.replace(self.source.case(name), split=self.parts[name])

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields cases, see `Source`; all of them as fast as the source can."""
        if split is not None:
            yield from super().cases(split)
            return
        for case in self.source.cases():
            yield dataclasses.replace(case, split=self.parts[case.name])

    def fingerprint(self) -> str:
        """That of the source."""
        return self.source.fingerprint()


def with_fold(source: Source, fold: str | None) -> Source:
    """A source with this fold, such as `"0/5"`, in place of any that it has; None for the split of the data.

    Raises:
        DataError: see `Fold.parse` and `FoldSource`.
    """
    inner = source.source if isinstance(source, FoldSource) else source
    return inner if fold is None else FoldSource(inner, Fold.parse(fold))


def assign_folds(patients: Mapping[str, bool], count: int) -> dict[str, int]:
    """Deals patients out to folds: first those with the target, then the others, each in the order of a hash.

    Args:
        patients: patient to whether some case shows the target.
        count: number of folds.

    Returns:
        Patient to fold, 0..`count` - 1.
    """
    ordered = sorted(patients, key=lambda patient: (not patients[patient], patient_hash(patient)))
    return {patient: place % count for place, patient in enumerate(ordered)}


def _stratified_by(source: Source) -> str:
    return "lesion" if "lesion" in source.targets else source.targets[-1]


_known: dict[tuple[object, ...], tuple[dict[str, str], dict[str, bool]]] = {}


def _patients(source: Source) -> tuple[dict[str, str], dict[str, bool]]:
    """Case to patient, and patient to whether a case shows the target, without the test part.

    Kept for the other folds, which the same process often trains or scores.
    """
    target = _stratified_by(source)
    key = (source.fingerprint(), target, tuple(source.parts.items()))
    if key not in _known:
        names = [name for name, part in source.parts.items() if part != "test"]
        of_cases: dict[str, str] = {}
        shown: dict[str, bool] = {}
        read = functools.partial(_patient_and_target, target=target)
        for name, (patient, there) in zip(names, map_cases(read, source, names), strict=True):
            of_cases[name] = patient
            shown[patient] = shown.get(patient, False) or there
        _known.clear()
        _known[key] = of_cases, shown
    return _known[key]


def _patient_and_target(source: Source, name: str, *, target: str) -> tuple[str, bool]:
    """The patient of a case, and whether it shows the target."""
    case = source.case(name)
    return case.patient, bool(case.masks[target].any())

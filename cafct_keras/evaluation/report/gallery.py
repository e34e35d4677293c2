"""Selection of the slices that a report shows, while cases stream by, with a few of them in memory."""

import bisect
import dataclasses
import functools
import operator
from collections.abc import Callable

import numpy as np

from cafct_keras.evaluation.metrics.lesions import Component
from cafct_keras.evaluation.metrics.overlap import Counts, unit_scores
from cafct_keras.evaluation.metrics.scores import CaseScore
from cafct_keras.evaluation.report.picture import Picture
from cafct_keras.packed import Masks

CASES = 4  # worst cases, and as many around the median
STRUCTURES = 8  # false positives, and as many missed lesions
OF_ONE_CASE = 2  # of those, so that one bad case does not fill the page
NEAR_MEDIAN = 12  # candidates, as the median moves while cases are added


class Gallery:
    """Selects, for each target, cases with the lowest and with the median Dice, large false positives and misses.

    One slice of a case is shown: of the worst cases the one with the most wrong pixels, of the median ones the one with
    the most foreground. Dice is that of all slices of a case together; cases empty in both masks are skipped.
    """

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}

    def offer(
        self,
        scored: CaseScore,
        prediction: Masks,
        reference: Masks,
        image: Callable[[int], np.ndarray] | None,
    ) -> None:
        """Considers a case, and copies the slices worth keeping.

        Args:
            scored: its scores.
            prediction: target to bool `(slices, H, W)`.
            reference: likewise.
            image: index of a slice to uint8 `(H, W)`, or None.
        """
        for name in scored.targets:

            def picture(kind: str, index: int, caption: str = "", name: str = name) -> Picture:
                return Picture(
                    kind=kind,
                    case=scored.case,
                    slice_name=scored.slice_names[index],
                    target=name,
                    caption=caption,
                    image=None if image is None else image(index),
                    reference=reference[name][index].copy(),
                    prediction=prediction[name][index].copy(),
                )

            self._shelves.setdefault(name, _Shelf()).offer(scored, name, picture)

    def absorb(self, other: "Gallery") -> None:
        """Considers the cases of another gallery, as far as it kept them."""
        for name, shelf in other._shelves.items():
            self._shelves.setdefault(name, _Shelf()).absorb(shelf)

    def pictures(self) -> list[Picture]:
        """The selected slices, with captions."""
        return [picture for shelf in self._shelves.values() for picture in shelf.pictures()]


class _Best:
    """The candidates with the lowest keys."""

    def __init__(self, most: int):
        self._most = most
        self.kept: list[tuple[float, Picture]] = []

    def offer(self, key: float, make: Callable[[], Picture]) -> None:
        if len(self.kept) < self._most or key < self.kept[-1][0]:
            bisect.insort(self.kept, (key, make()), key=operator.itemgetter(0))
            del self.kept[self._most :]


class _Shelf:
    """Candidates of one target."""

    def __init__(self) -> None:
        self._dice: list[float] = []  # of all cases, sorted
        self._worst = _Best(CASES)
        self._median: list[tuple[float, Picture]] = []
        self._structures = {"false_positive": _Best(STRUCTURES), "missed_lesion": _Best(STRUCTURES)}

    def offer(self, scored: CaseScore, name: str, picture: Callable[..., Picture]) -> None:
        target = scored.targets[name]
        counts = target.counts
        (dice,) = unit_scores("per_case_nnunet", "dice", counts.grouped(np.zeros(len(counts), int), 1))
        if not np.isnan(dice):
            bisect.insort(self._dice, float(dice))
            self._worst.offer(dice, lambda: picture("worst", _worst_slice(counts)))
            self._offer_median(
                float(dice), lambda: picture("median", int((counts.tp + counts.fp + counts.fn).argmax()))
            )
        if target.lesions is None:
            return
        missed = [lesion for lesion in target.lesions.lesions if not lesion.found()]
        for kind, found in (("false_positive", target.lesions.false_positives()), ("missed_lesion", missed)):
            largest = sorted(found, key=lambda component: -component.voxels)[:OF_ONE_CASE]
            for component in largest:
                make = functools.partial(picture, kind, component.slice, _describe(component))
                self._structures[kind].offer(-component.voxels, make)

    def absorb(self, other: "_Shelf") -> None:
        """Considers the candidates of another shelf; as good as its cases, if it has only one."""
        for dice in other._dice:
            bisect.insort(self._dice, dice)
        for mine, theirs in (
            (self._worst, other._worst),
            *((self._structures[kind], best) for kind, best in other._structures.items()),
        ):
            for key, picture in theirs.kept:
                mine.offer(key, functools.partial(_itself, picture))
        for dice, picture in other._median:
            self._offer_median(dice, functools.partial(_itself, picture))

    def _offer_median(self, dice: float, make: Callable[[], Picture]) -> None:
        farthest = max((self._from_median(each) for each, _ in self._median), default=0)
        if len(self._median) < NEAR_MEDIAN or self._from_median(dice) < farthest:
            self._median.append((dice, make()))
            self._median.sort(key=lambda one: self._from_median(one[0]))
            del self._median[NEAR_MEDIAN:]

    def _from_median(self, dice: float) -> float:
        return abs(bisect.bisect_left(self._dice, dice) - (len(self._dice) - 1) / 2)

    def pictures(self) -> list[Picture]:
        worst = self._worst.kept[: min(CASES, (len(self._dice) + 1) // 2)]
        shown = {picture.case for _, picture in worst}
        others = [one for one in self._median if one[1].case not in shown]
        others.sort(key=lambda one: self._from_median(one[0]))
        cases = [*worst, *sorted(others[:CASES], key=operator.itemgetter(0))]
        captioned = [
            dataclasses.replace(picture, caption=f"Dice {dice:.3f}, {self._rank(dice)}") for dice, picture in cases
        ]
        return captioned + [picture for best in self._structures.values() for _, picture in best.kept]

    def _rank(self, dice: float) -> str:
        return f"rank {bisect.bisect_left(self._dice, dice) + 1} of {len(self._dice)}, worst first"


def _itself(picture: Picture) -> Picture:
    return picture


def _worst_slice(counts: Counts) -> int:
    """The slice with the most wrong pixels, or with the most foreground if none is wrong."""
    wrong = counts.fp + counts.fn
    return int((wrong if wrong.any() else counts.tp).argmax())


def _describe(component: Component) -> str:
    if component.diameter is None:
        return f"{component.voxels} pixels"
    return f"{component.voxels} pixels, {component.diameter:.0f} mm across"

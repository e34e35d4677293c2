"""Estimates with bootstrap intervals over patients.

Slices of one patient are alike, so patients are resampled, not slices.
"""

import dataclasses

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A score with its interval.

    Attributes:
        value: None where no unit counts.
        units: how many units (pixels, slices, cases, lesions: as the rule says) count.
        low: lower end of the interval; None for fewer than two patients that count.
        high: upper end of the interval, likewise.
        predict_nothing: score of an empty prediction by the same rule on the same reference; None where no unit counts
            then.
        predict_everything: likewise of a prediction of every pixel; None for surfaces and volumes.
    """

    value: float | None
    units: int
    low: float | None = None
    high: float | None = None
    predict_nothing: float | None = None
    predict_everything: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Difference between two runs scored on the same units, second minus first.

    Attributes:
        difference: mean over units; None where no unit counts.
        low: lower end of its interval over patients; None for fewer than two patients that count.
        high: upper end, likewise.
        units: how many units count in both runs.
        patients: how many patients they belong to.
        p: of Wilcoxon's signed-rank test over patients, two-sided; None for fewer than two.
    """

    difference: float | None
    low: float | None
    high: float | None
    units: int
    patients: int
    p: float | None


class Bootstrap:
    """Percentile intervals of ratios of sums over resampled patients (Efron and Tibshirani 1993, chapter 13).

    Every estimate of the evaluation is such a ratio: a mean is the sum of its values over their number, and a pooled
    score is a ratio of pixel counts. So patients are drawn once, as the number of times each is drawn, and masks are
    not needed again.

    Where a system was trained several times, its runs are resampled too, independently of the patients. Sums are then
    by group, `run * patients + patient`.

    Args:
        patients: how many there are, 1 or more.
        runs: how many runs the same patients were scored by, 1 or more.
        seed: 0 or more; the same seed and number of patients draw the same resamples.
        resamples: number of resamples, 1 or more.

    Attributes:
        patients: as given.
        groups: `runs * patients`; with one run a group is a patient.
    """

    def __init__(self, *, patients: int, runs: int = 1, seed: int = 0, resamples: int = 1000):
        self.patients = patients
        self.groups = runs * patients
        generator = np.random.default_rng(seed)
        of_patients, of_runs = (
            generator.multinomial(number, np.full(number, 1 / number), size=resamples).astype(float)
            for number in (patients, runs)
        )
        self._times = (of_runs[:, :, None] * of_patients[:, None, :]).reshape(resamples, self.groups)

    def interval(self, numerators: np.ndarray, denominators: np.ndarray) -> tuple[float | None, float | None]:
        """The central 95 % of the resampled ratios.

        Args:
            numerators: `(groups,)`, sums over each group's units.
            denominators: `(groups,)`, likewise, 0 or more; 0 where nothing of a group counts.

        Returns:
            Lower and upper end; None and None where fewer than two patients count.
        """
        if np.count_nonzero(np.reshape(denominators, (-1, self.patients)).any(axis=0)) < 2:
            return None, None
        above, below = self._times @ np.asarray(numerators, float), self._times @ np.asarray(denominators, float)
        drawn = below > 0  # a resample may hold none of the patients that count
        if not drawn.any():
            return None, None
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(above[drawn] / below[drawn], [tail, 100 - tail])
        return float(low), float(high)

    def mean(
        self,
        values: np.ndarray,
        patient: np.ndarray,
        *,
        predict_nothing: np.ndarray | None = None,
        predict_everything: np.ndarray | None = None,
    ) -> Estimate:
        """The mean over units, with its interval.

        Args:
            values: `(units,)` float, NaN where a unit does not count.
            patient: `(units,)` int, the group of each unit, 0..groups - 1.
            predict_nothing: `(units,)`, the same for an empty prediction.
            predict_everything: `(units,)`, the same for a prediction of every pixel.
        """
        counted = ~np.isnan(values)
        sums = np.bincount(patient[counted], weights=values[counted], minlength=self.groups)
        low, high = self.interval(sums, np.bincount(patient[counted], minlength=self.groups))
        return Estimate(
            value=mean_of(values),
            units=int(counted.sum()),
            low=low,
            high=high,
            predict_nothing=None if predict_nothing is None else mean_of(predict_nothing),
            predict_everything=None if predict_everything is None else mean_of(predict_everything),
        )

    def ratio(
        self,
        numerators: np.ndarray,
        denominators: np.ndarray,
        patient: np.ndarray,
        *,
        predict_nothing: float | None = None,
        predict_everything: float | None = None,
    ) -> Estimate:
        """The sum of the numerators over the sum of the denominators, which are numbers of units.

        Args:
            numerators: `(n,)`, 0 or more.
            denominators: `(n,)` int.
            patient: `(n,)` int, the group of each pair, 0..groups - 1.
            predict_nothing: of the estimate.
            predict_everything: likewise.
        """
        above, below = (
            np.bincount(patient, weights=part, minlength=self.groups) for part in (numerators, denominators)
        )
        low, high = self.interval(above, below)
        value = float(above.sum() / below.sum()) if below.any() else None
        return Estimate(
            value=value,
            units=int(below.sum()),
            low=low,
            high=high,
            predict_nothing=predict_nothing,
            predict_everything=predict_everything,
        )


def mean_of(values: np.ndarray) -> float | None:
    """Mean of the values that are not NaN; None if there are none."""
    counted = values[~np.isnan(values)]
    return float(counted.mean()) if len(counted) else None


def paired_difference(differences: np.ndarray, patient: np.ndarray, bootstrap: Bootstrap) -> PairedDifference:
    """Estimates the difference between two runs scored on the same units.

    Wilcoxon's test (1945) takes one mean difference per patient, since units of one patient are not independent; it
    drops patients without a difference, and where no patient has one, p is 1.

    Args:
        differences: `(units,)` second run minus first, NaN where a unit does not count in both.
        patient: `(units,)` int, the patient of each unit.
        bootstrap: over all patients.
    """
    counted = ~np.isnan(differences)
    estimate = bootstrap.mean(differences, patient)
    sums, units = (
        np.bincount(patient[counted], weights=part, minlength=bootstrap.patients)
        for part in (differences[counted], np.ones(counted.sum()))
    )
    of_patients = sums[units > 0] / units[units > 0]
    p = None
    if len(of_patients) >= 2:
        p = float(stats.wilcoxon(of_patients).pvalue) if of_patients.any() else 1.0
    return PairedDifference(
        difference=estimate.value,
        low=estimate.low,
        high=estimate.high,
        units=estimate.units,
        patients=len(of_patients),
        p=p,
    )

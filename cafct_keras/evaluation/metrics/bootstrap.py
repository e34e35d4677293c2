"""Estimates with intervals over patients.

Slices of one patient are alike, so patients are resampled, not slices.
"""

import dataclasses

import numpy as np

from cafct_keras.evaluation.metrics.signed_rank import signed_rank_p

CONFIDENCE = 0.95
INTERVAL = "Bayesian bootstrap over patients with 3/4 of a patient added at each bound"
# Patients; the least of 1/4, 1/2, 3/4 and 1 whose coverage is 0.92 or more, see docs/explanation/intervals.md.
ADDED = 0.75
FEW_PATIENTS = 8  # below that an interval says little

Bounds = tuple[float, float]
SCORE: Bounds = (0.0, 1.0)
ERROR: Bounds = (0.0, np.inf)
DIFFERENCE: Bounds = (-np.inf, np.inf)


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
    """Intervals of ratios of sums over patients that hold the truth as often as they claim, from 8 patients on.

    Every estimate of the evaluation is a ratio of sums: a mean is the sum of its values over their number, and a pooled
    score is a ratio of pixel counts. So patients are weighted once, and masks are not needed again.

    Patients get Dirichlet weights (the Bayesian bootstrap, Rubin 1981). A few patients say little about cases that none
    of them shows, such as a missed tumour, so each end is that of the resamples with `ADDED` of a patient more, of
    average size, whose score is the worst, or the best, that is possible. With a whole patient this is the bound of
    Gaffke (2005; see Learned-Miller and Thomas 2019), which for values of 0 and 1 is Clopper and Pearson's interval.
    Where a score has no bound, the largest of a patient, with either sign, takes its place.
    docs/explanation/intervals.md compares the coverage with that of other methods.

    Where a system was trained several times, its runs are resampled too, independently of the patients: `runs - 1` are
    drawn of `runs`, which makes the variance unbiased (Rao and Wu 1988). Sums are then by group,
    `run * patients + patient`.

    Args:
        patients: how many there are, 1 or more.
        runs: how many runs the same patients were scored by, 1 or more.
        seed: 0 or more; the same seed and number of patients draw the same resamples.
        resamples: number of resamples, 1 or more.

    Attributes:
        patients: as given.
        groups: `runs * patients`; with one run a group is a patient.
        resamples: as given.
    """

    def __init__(self, *, patients: int, runs: int = 1, seed: int = 0, resamples: int = 1000):
        self.patients = patients
        self.groups = runs * patients
        self.resamples = resamples
        generator = np.random.default_rng(seed)
        of_patients = generator.standard_exponential((resamples, patients))  # Dirichlet, once divided by their sum
        self._added = generator.standard_gamma(ADDED, resamples)
        drawn = max(runs - 1, 1)
        of_runs = generator.multinomial(drawn, np.full(runs, 1 / runs), size=resamples) / drawn
        self._weights = (of_runs[:, :, None] * of_patients[:, None, :]).reshape(resamples, self.groups)

    def interval(
        self, numerators: np.ndarray, denominators: np.ndarray, *, bounds: Bounds = SCORE
    ) -> tuple[float | None, float | None]:
        """The 95 % interval of the ratio of the sums; it holds the ratio itself.

        Args:
            numerators: `(groups,)`, sums over each group's units.
            denominators: `(groups,)`, likewise, 0 or more; 0 where nothing of a group counts.
            bounds: the least and the greatest ratio that a patient can have.

        Returns:
            Lower and upper end, within the bounds; None and None where fewer than two patients count.

        Raises:
            ValueError: a ratio is out of bounds.
        """
        counted = denominators > 0
        patients = np.count_nonzero(np.reshape(counted, (-1, self.patients)).any(axis=0))
        if patients < 2:
            return None, None
        ratios = numerators[counted] / denominators[counted]
        if ratios.min() < bounds[0] - 1e-9 or ratios.max() > bounds[1] + 1e-9:
            raise ValueError(f"ratios of {ratios.min():g} to {ratios.max():g} are out of bounds {bounds}")
        above, below = self._resampled(numerators, denominators)
        drawn = below > 0  # a resample may hold none of the runs in which something counts
        if not drawn.any():
            return None, None
        weight = self._added[drawn] * denominators.sum() * self.patients / (self.groups * patients)
        tail, value, largest = (1 - CONFIDENCE) / 2, numerators.sum() / denominators.sum(), np.abs(ratios).max()
        limits = [bound if np.isfinite(bound) else np.copysign(largest, bound) for bound in bounds]
        low, high = (
            np.quantile((above[drawn] + weight * limit) / (below[drawn] + weight), level)
            for limit, level in zip(limits, (tail, 1 - tail), strict=True)
        )
        return float(min(low, value)), float(max(high, value))

    def resample(self, values: np.ndarray, patient: np.ndarray) -> np.ndarray:
        """The mean over units in each resample.

        Args:
            values: `(units,)` float without NaN, one or more.
            patient: `(units,)` int, the group of each unit.

        Returns:
            float `(resamples,)`.
        """
        sums, units = (
            np.bincount(patient, weights=weights, minlength=self.groups) for weights in (values, np.ones(len(values)))
        )
        above, below = self._resampled(sums, units)
        return above / below

    def _resampled(self, numerators: np.ndarray, denominators: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both sums in each resample."""
        above, below = (self._weights @ np.stack([numerators, denominators], axis=1).astype(float)).T
        return above, below

    def mean(
        self,
        values: np.ndarray,
        patient: np.ndarray,
        *,
        bounds: Bounds = SCORE,
        predict_nothing: np.ndarray | None = None,
        predict_everything: np.ndarray | None = None,
    ) -> Estimate:
        """The mean over units, with its interval.

        Args:
            values: `(units,)` float, NaN where a unit does not count.
            patient: `(units,)` int, the group of each unit, 0..groups - 1.
            bounds: the least and the greatest value that is possible.
            predict_nothing: `(units,)`, the same for an empty prediction.
            predict_everything: `(units,)`, the same for a prediction of every pixel.
        """
        counted = ~np.isnan(values)
        sums = np.bincount(patient[counted], weights=values[counted], minlength=self.groups)
        low, high = self.interval(sums, np.bincount(patient[counted], minlength=self.groups), bounds=bounds)
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
        bounds: Bounds = SCORE,
        predict_nothing: float | None = None,
        predict_everything: float | None = None,
    ) -> Estimate:
        """The sum of the numerators over the sum of the denominators, which are numbers of units.

        Args:
            numerators: `(n,)`, 0 or more.
            denominators: `(n,)` int.
            patient: `(n,)` int, the group of each pair, 0..groups - 1.
            bounds: the least and the greatest ratio that is possible.
            predict_nothing: of the estimate.
            predict_everything: of the estimate.
        """
        above, below = (
            np.bincount(patient, weights=part, minlength=self.groups) for part in (numerators, denominators)
        )
        low, high = self.interval(above, below, bounds=bounds)
        return Estimate(
            value=float(above.sum() / below.sum()) if below.any() else None,
            units=int(below.sum()),
            low=low,
            high=high,
            predict_nothing=predict_nothing,
            predict_everything=predict_everything,
        )


def few_patients(patients: int) -> list[str]:
    """A warning where there are fewer than `FEW_PATIENTS` patients."""
    if patients >= FEW_PATIENTS:
        return []
    if patients == 1:
        return ["patients: one, so that there are no intervals"]
    return [f"patients: {patients}; with fewer than {FEW_PATIENTS} an interval says little"]


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
    estimate = bootstrap.mean(differences, patient, bounds=DIFFERENCE)
    sums, units = (
        np.bincount(patient[counted], weights=part, minlength=bootstrap.patients)
        for part in (differences[counted], np.ones(counted.sum()))
    )
    of_patients = sums[units > 0] / units[units > 0]
    return PairedDifference(
        difference=estimate.value,
        low=estimate.low,
        high=estimate.high,
        units=estimate.units,
        patients=len(of_patients),
        p=signed_rank_p(of_patients) if len(of_patients) >= 2 else None,
    )

"""Coverage of 95 % intervals over patients, by simulation: how often each method's interval holds the true value.

Prints the tables of docs/explanation/intervals.md within some minutes: `python benchmarks/coverage.py`. Each cell of a
table draws 2,000 sets of patients.
"""

import argparse
from collections.abc import Callable

import numpy as np
from scipy import special, stats

from cafct_keras.evaluation.metrics.bootstrap import ADDED, DIFFERENCE, ERROR, SCORE, Bootstrap, Bounds

PATIENTS = (5, 8, 12, 20, 50)
RESAMPLES = 1000
TAIL = 0.025

Sums = tuple[np.ndarray, np.ndarray]  # numerators and denominators, each (sets, patients)
Ends = tuple[np.ndarray, np.ndarray]  # low and high, each (sets,)
Draw = Callable[[np.random.Generator, tuple[int, int]], Sums]


def dice(generator: np.random.Generator, size: tuple[int, int], missed: float) -> np.ndarray:
    """Of which a fraction is missed, and 0."""
    return generator.beta(9, 2, size) * (generator.random(size) >= missed)


def alone(values: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]) -> Draw:
    """One unit per patient."""
    return lambda generator, size: (values(generator, size), np.ones(size))


def slices(generator: np.random.Generator, size: tuple[int, int]) -> Sums:
    """3 to 40 slices per patient, whose scores are alike."""
    number, mean = generator.integers(3, 41, size), np.clip(dice(generator, size, 0.1), 0.02, None)
    return generator.beta(8 * mean, 8 * (1 - mean)) * number, number.astype(float)


def pooled(generator: np.random.Generator, size: tuple[int, int]) -> Sums:
    """Pixels of lesions of very different sizes, of which small ones are missed."""
    pixels = generator.lognormal(7, 1.2, size)
    missed = generator.random(size) < 0.3 * np.exp(-pixels / 1000)
    return pixels * generator.beta(9, 2, size) * ~missed, pixels


def recall(often: float) -> Draw:
    """One or more lesions per patient, of which some patients' are harder to find."""

    def draw(generator: np.random.Generator, size: tuple[int, int]) -> Sums:
        lesions = 1 + generator.poisson(2, size)
        return generator.binomial(lesions, generator.beta(4 * often, 4 * (1 - often), size)).astype(float), lesions

    return draw


SCORES: dict[str, Draw] = {
    "Dice, normal": alone(lambda generator, size: np.clip(generator.normal(0.75, 0.08, size), 0, 1)),
    "Dice, skewed": alone(lambda generator, size: generator.beta(6, 1.2, size)),
    "Dice, skewed, 5 % missed": alone(lambda generator, size: dice(generator, size, 0.05)),
    "Dice, skewed, 10 % missed": alone(lambda generator, size: dice(generator, size, 0.1)),
    "Dice, skewed, 20 % missed": alone(lambda generator, size: dice(generator, size, 0.2)),
    "Dice, bimodal": alone(
        lambda generator, size: np.where(
            generator.random(size) < 0.35, generator.beta(2, 8, size), generator.beta(12, 2, size)
        )
    ),
    "Dice of slices, 10 % missed": slices,
    "pooled Dice": pooled,
    "lesion recall 0.75": recall(0.75),
    "lesion recall 0.95": recall(0.95),
    "found or not, 0.9": alone(lambda generator, size: (generator.random(size) < 0.9).astype(float)),
}
OTHERS: dict[str, tuple[Draw, Bounds]] = {
    "distance, log-normal": (alone(lambda generator, size: generator.lognormal(2, 0.8, size)), ERROR),
    "distance, 10 % missed: 400 mm": (
        alone(lambda generator, size: np.where(generator.random(size) < 0.1, 400.0, generator.lognormal(2, 0.6, size))),
        (0.0, 400.0),
    ),
    "false positives per case": (
        alone(lambda generator, size: generator.poisson(generator.gamma(0.7, 2, size)).astype(float)),
        ERROR,
    ),
    "difference, normal": (alone(lambda generator, size: generator.normal(0.02, 0.05, size)), DIFFERENCE),
    "difference, skewed": (
        alone(lambda generator, size: generator.normal(0, 0.02, size) + generator.gamma(0.5, 0.06, size)),
        DIFFERENCE,
    ),
    "difference, 10 % found by one only": (
        alone(
            lambda generator, size: (
                generator.normal(0, 0.03, size) + generator.beta(9, 2, size) * (generator.random(size) < 0.1)
            )
        ),
        DIFFERENCE,
    ),
}


class Sets:
    """Sets of patients with what several methods need of them: linearized values, and resampled ratios."""

    def __init__(self, sums: Sums, generator: np.random.Generator):
        self.above, self.below = sums
        self.n = self.above.shape[1]
        self.ratio = self.above.sum(axis=1) / self.below.sum(axis=1)
        # Of patients alone these are their scores.
        self.values = self.ratio[:, None] + self._residuals / self.below.mean(axis=1, keepdims=True)
        self.error = self.values.std(axis=1, ddof=1) / np.sqrt(self.n)
        self.t = stats.t.ppf(1 - TAIL, self.n - 1)
        times = generator.multinomial(self.n, np.full(self.n, 1 / self.n), size=RESAMPLES).astype(float).T
        a, b = self.above, self.below
        self.resampled = (a @ times) / (b @ times)
        squares = (a * a) @ times - 2 * self.resampled * ((a * b) @ times) + self.resampled**2 * ((b * b) @ times)
        self.resampled_error = np.sqrt(np.maximum(squares, 0)) / (b @ times)

    @property
    def _residuals(self) -> np.ndarray:
        return self.above - self.ratio[:, None] * self.below

    @property
    def effective(self) -> np.ndarray:
        """Independent units of 0 and 1 whose mean would be as uncertain; patients where all agree."""
        variance = self.ratio * (1 - self.ratio)
        alike = self.error < 1e-9
        return np.where(alike, self.n, variance / np.where(alike, 1, self.error) ** 2)


def percentile(sets: Sets) -> Ends:
    """The central 95 % of the resamples (Efron and Tibshirani 1993)."""
    low, high = np.quantile(sets.resampled, (TAIL, 1 - TAIL), axis=1)
    return low, high


def bca(sets: Sets) -> Ends:
    """Bias-corrected and accelerated (Efron 1987)."""
    below = (sets.resampled < sets.ratio[:, None]).mean(axis=1) + 0.5 * (
        np.abs(sets.resampled - sets.ratio[:, None]) < 1e-12
    ).mean(axis=1)
    bias = stats.norm.ppf(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    influence = sets.values - sets.ratio[:, None]
    spread = np.maximum((influence**2).sum(axis=1), 1e-18)
    acceleration = (influence**3).sum(axis=1) / (6 * spread**1.5)
    ends = []
    for z in stats.norm.ppf((TAIL, 1 - TAIL)):
        level = stats.norm.cdf(bias + (bias + z) / np.maximum(1 - acceleration * (bias + z), 0.1))
        place = np.clip(np.round(level * (RESAMPLES - 1)).astype(int), 0, RESAMPLES - 1)
        ends.append(np.sort(sets.resampled, axis=1)[np.arange(len(place)), place])
    return ends[0], ends[1]


def bootstrap_t(sets: Sets) -> Ends:
    """Studentized resamples (Efron and Tibshirani 1993)."""
    error = sets.error * np.sqrt((sets.n - 1) / sets.n)
    known = sets.resampled_error > 1e-9
    t = np.where(known, (sets.resampled - sets.ratio[:, None]) / np.where(known, sets.resampled_error, 1), 0)
    low, high = np.quantile(t, (TAIL, 1 - TAIL), axis=1)
    return sets.ratio - high * error, sets.ratio - low * error


def student(sets: Sets) -> Ends:
    """By Student's t."""
    return sets.ratio - sets.t * sets.error, sets.ratio + sets.t * sets.error


def student_of_logits(sets: Sets) -> Ends:
    """By Student's t on the logit scale."""
    ratio = np.clip(sets.ratio, 1e-6, 1 - 1e-6)
    half = sets.t * sets.error / (ratio * (1 - ratio))
    return special.expit(special.logit(ratio) - half), special.expit(special.logit(ratio) + half)


def wilson(sets: Sets) -> Ends:
    """Of the effective number of units."""
    n, z = sets.effective, sets.t
    centre = (sets.ratio + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(sets.ratio * (1 - sets.ratio) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def korn_graubard(sets: Sets) -> Ends:
    """Clopper and Pearson's interval of the effective number of units (Korn and Graubard 1998)."""
    n = sets.effective * (stats.norm.ppf(1 - TAIL) / sets.t) ** 2
    found = sets.ratio * n
    low = stats.beta.ppf(TAIL, np.maximum(found, 1e-9), n - found + 1)
    high = stats.beta.ppf(1 - TAIL, found + 1, np.maximum(n - found, 1e-9))
    return np.where(found < 1e-9, 0, low), np.where(n - found < 1e-9, 1, high)


def chosen(sets: Sets, bounds: Bounds = SCORE) -> Ends:
    """The method of `Bootstrap`."""
    bootstrap = Bootstrap(patients=sets.n, resamples=RESAMPLES)
    ends = [bootstrap.interval(*each, bounds=bounds) for each in zip(sets.above, sets.below, strict=True)]
    low, high = np.array(ends, float).T
    return low, high


METHODS = {
    "percentile": percentile,
    "BCa": bca,
    "bootstrap-t": bootstrap_t,
    "t": student,
    "t of logits": student_of_logits,
    "Wilson": wilson,
    "Korn-Graubard": korn_graubard,
    "chosen": chosen,
}


def least_of_proportions(added: float, patients: int) -> float:
    """Least coverage over all probabilities of values of 0 and 1, whose ends are quantiles of beta distributions."""
    found = np.arange(patients + 1)
    low = np.where(found == 0, 0, stats.beta.ppf(TAIL, np.maximum(found, 1e-9), patients - found + added))
    high = 1 - low[::-1]
    probability = np.linspace(0.005, 0.995, 199)[:, None]
    held = (low <= probability) & (probability <= high)
    return float((stats.binom.pmf(found, patients, probability) * held).sum(axis=1).min())


def main() -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2000, help="Sets of patients per cell.")
    sets = parser.parse_args().sets
    coverage: dict[tuple[str, str], list[float]] = {}
    width: dict[tuple[str, str], list[float]] = {}
    for name, draw in SCORES.items():
        _simulate(name, draw, METHODS, sets, coverage, width)
    for name, (draw, bounds) in OTHERS.items():
        methods = {**METHODS, "chosen": lambda each, bounds=bounds: chosen(each, bounds)}
        _simulate(name, draw, {each: methods[each] for each in ("percentile", "t", "chosen")}, sets, coverage, width)
    print(f"Chosen: {ADDED:g} of a patient added at each bound.\n")
    print(f"| Patients added, 0 or 1 | {' | '.join(map(str, PATIENTS))} |\n|---|{'---|' * len(PATIENTS)}")
    for added in (0.25, 0.5, 0.75, 1):
        print(f"| {added:g} | {' | '.join(f'{least_of_proportions(added, each):.3f}' for each in PATIENTS)} |")
    print()
    _print("Least coverage, 8 to 50 patients", SCORES, METHODS, lambda key: f"{min(coverage[key][1:]):.3f}")
    _print("Mean width, 12 patients", SCORES, METHODS, lambda key: f"{width[key][2]:.2f}")
    for method in ("percentile", "t", "chosen"):
        print(f"| Coverage (width), {method} | {' | '.join(map(str, PATIENTS))} |\n|---|{'---|' * len(PATIENTS)}")
        for name in (*SCORES, *OTHERS):
            cells = zip(coverage[name, method], width[name, method], strict=True)
            print(f"| {name} | {' | '.join(f'{covered:.3f} ({wide:.3g})' for covered, wide in cells)} |")
        print()


def _simulate(
    name: str,
    draw: Draw,
    methods: dict[str, Callable[[Sets], Ends]],
    sets: int,
    coverage: dict[tuple[str, str], list[float]],
    width: dict[tuple[str, str], list[float]],
) -> None:
    generator = np.random.default_rng(0)
    above, below = draw(generator, (1, 4_000_000))
    truth = above.sum() / below.sum()
    for patients in PATIENTS:
        drawn = Sets(draw(generator, (sets, patients)), generator)
        for method, interval in methods.items():
            low, high = interval(drawn)
            held = (low <= truth + 1e-9) & (high >= truth - 1e-9)
            coverage.setdefault((name, method), []).append(float(held.mean()))
            width.setdefault((name, method), []).append(float((high - low).mean()))


def _print(title: str, rows: dict, columns: dict, cell: Callable[[tuple[str, str]], str]) -> None:
    print(f"| {title} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {row} | {' | '.join(cell((row, column)) for column in columns)} |")
    print()


if __name__ == "__main__":
    main()

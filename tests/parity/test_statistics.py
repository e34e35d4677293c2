"""SciPy, statsmodels and brute force: intervals over patients, and paired tests."""

import itertools

import numpy as np
import pytest
from scipy import stats

from cafct_keras.evaluation.metrics.bootstrap import ADDED, Bootstrap, paired_difference
from cafct_keras.evaluation.ranking import holm, kendall_tau

pytestmark = pytest.mark.parity
MANY = 100_000  # resamples, for which the ends of an interval are certain to 0.003
PROPORTIONS = [(0, 9), (1, 9), (4, 9), (9, 9), (3, 20), (18, 20), (25, 50)]


def ends(values, resamples=MANY):
    """The interval of a mean over patients."""
    values = np.asarray(values, float)
    return Bootstrap(patients=len(values), resamples=resamples).interval(values, np.ones(len(values)))


def of_proportion(successes, patients):
    return ends(np.arange(patients) < successes)


@pytest.fixture(scope="module")
def dice():
    """Dice of patients, with a long tail towards 0: sets of 8, 12, 20 and 50."""
    generator = np.random.default_rng(18)
    return [generator.beta(4, 1.2, n) for n in (8, 12, 20, 50) for _ in range(3)]


def test_intervals_of_proportions(record):
    ours = [of_proportion(*each) for each in PROPORTIONS]
    exact = [
        (stats.beta.ppf(0.025, k, n - k + ADDED) if k else 0, stats.beta.ppf(0.975, k + ADDED, n - k) if k < n else 1)
        for k, n in PROPORTIONS
    ]
    note = f"the error of {MANY:,} resamples"
    record.agree(
        "scipy", "interval of a proportion, in closed form", np.ravel(ours), np.ravel(exact), tolerance=0.005, note=note
    )


def test_a_whole_patient_more_is_clopper_and_pearson(record, monkeypatch):
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="statsmodels: extra parity")
    ours = [of_proportion(*each) for each in PROPORTIONS]
    monkeypatch.setattr("cafct_keras.evaluation.metrics.bootstrap.ADDED", 1.0)
    record.differ(
        "statsmodels",
        "interval of a proportion (Clopper and Pearson)",
        np.ravel(ours),
        np.ravel([proportion.proportion_confint(k, n, method="beta") for k, n in PROPORTIONS]),
        np.ravel([of_proportion(*each) for each in PROPORTIONS]),
        tolerance=0.005,
        note=f"adds a whole patient at each bound, ours {ADDED:g} of one",
    )


def test_intervals_of_skewed_scores(dice, record):
    def scipy(method):
        return [
            stats.bootstrap(
                (values,), np.mean, method=method, n_resamples=9999, rng=np.random.default_rng(0)
            ).confidence_interval
            for values in dice
        ]

    ours = [ends(values) for values in dice]
    note = "covers less than 95 % with few patients, which is why another interval was chosen"
    for method in ("percentile", "BCa"):
        record.differ(
            "scipy",
            f"interval of a mean Dice ({method} bootstrap)",
            np.ravel(ours),
            np.ravel(scipy(method)),
            None,
            note=note,
        )


def test_wilcoxon(record):
    generator = np.random.default_rng(19)
    ours, theirs = [], []
    for patients, decimals in [(n, decimals) for n in (4, 6, 9, 12) for decimals in (8, 0)]:  # without ties and with
        differences = np.round(generator.normal(0.3, 1.5, patients), decimals)
        ours.append(paired_difference(differences, np.arange(patients), Bootstrap(patients=patients, resamples=10)).p)
        differences = differences[differences != 0]
        ranks = stats.rankdata(np.abs(differences))
        signs = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
        sums, observed, middle = signs @ ranks, ranks[differences > 0].sum(), ranks.sum() / 2
        theirs.append(np.mean(np.abs(sums - middle) >= np.abs(observed - middle) - 1e-9))
    record.agree("brute force", "p of the signed-rank test, by all signs", ours, theirs)


def test_holm(record):
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="statsmodels: extra parity")
    generator = np.random.default_rng(20)
    families = [np.round(generator.beta(0.5, 2, pairs), 2) for pairs in (1, 3, 6, 10, 28)]  # rounded: with ties
    ours = np.concatenate([holm(family.tolist()) for family in families])
    theirs = np.concatenate([multitest.multipletests(family, method="holm")[1] for family in families])
    record.agree("statsmodels", "p by Holm's method", ours, theirs)


def test_kendall(record):
    generator = np.random.default_rng(21)
    rankings = generator.integers(1, 5, (40, 5))  # with ties
    ours, theirs = [], []
    for ranking in rankings:
        ours += kendall_tau(rankings, ranking).tolist()
        theirs += [stats.kendalltau(each, ranking).statistic for each in rankings]
    record.agree("scipy", "Kendall's tau-b of rankings", ours, theirs)

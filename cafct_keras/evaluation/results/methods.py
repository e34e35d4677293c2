"""Comparison of several methods on the same cases: the whole of `comparison.json`."""

import dataclasses
from typing import Any

from cafct_keras.evaluation.metrics.bootstrap import Estimate, PairedDifference

COMPARISON_FORMAT = 1  # one more whenever an older reader would misread the file
HEADLINE = ("dice_per_slice_positive", "dice_per_case_lits", "hd95", "nsd_2", "lesion_recall", "false_positives")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodScore:
    """One method in one metric.

    Attributes:
        mean: over the units that count in all methods.
        rank: of the mean among all methods, 1 for the best; equal means share the better rank.
        rank_fractions: fraction of the resamples in which the method has rank 1, 2, ...
    """

    mean: Estimate
    rank: int | None
    rank_fractions: list[float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedTest(PairedDifference):
    """Difference of two methods, `b` minus `a`, over the units that count in both.

    Attributes:
        a, b: names of the methods.
        p_holm: `p` corrected by Holm's method for the number of pairs in this metric.
    """

    a: str
    b: str
    p_holm: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricComparison:
    """All methods in one metric.

    Attributes:
        higher_is_better: whether the metric is a score rather than an error.
        methods: name to score, as given.
        pairs: every pair of methods.
        kendall_tau: mean over the resamples of Kendall's tau between their ranking and that of all patients, in
            [-1, 1]; None where the methods do not differ.
        kendall_tau_low: value that 97.5 % of them exceed.
    """

    higher_is_better: bool
    methods: dict[str, MethodScore]
    pairs: list[PairedTest]
    kendall_tau: float | None
    kendall_tau_low: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodComparison:
    """Everything in `comparison.json`.

    Attributes:
        format: of the document; one more whenever an older reader would misread it.
        title: one line.
        created: UTC, ISO 8601.
        command: the command line; None outside `cafct-keras`.
        versions: package to version.
        methods: names, in the order given.
        result: name of the results that are compared.
        cases, patients: how many all methods were scored on.
        left_out: cases that only some methods were scored on.
        seed, resamples, confidence: of the intervals and of the rankings.
        interval: method of the intervals, see `Bootstrap`.
        warnings: reasons to doubt the comparison.
        targets: target to metric to comparison.
    """

    format: int = COMPARISON_FORMAT
    title: str
    created: str
    command: str | None
    versions: dict[str, str]
    methods: list[str]
    result: str
    cases: int
    patients: int
    left_out: list[str]
    seed: int
    resamples: int
    confidence: float
    interval: str
    warnings: list[str]
    targets: dict[str, dict[str, MetricComparison]]


def headline(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics of one target to look at first; all of them, by name, are in `MethodComparison.targets`."""
    return {name: metric for name, metric in metrics.items() if name.startswith(HEADLINE) and not name.endswith("_all")}

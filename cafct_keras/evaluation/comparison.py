"""Comparison of runs, or of any methods, on the same cases."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.comparison_units import Units, units_of_scores
from cafct_keras.evaluation.metrics.bootstrap import (
    CONFIDENCE,
    INTERVAL,
    Bootstrap,
    few_patients,
    mean_of,
    paired_difference,
)
from cafct_keras.evaluation.metrics.scores import CaseScore
from cafct_keras.evaluation.ranking import holm, kendall_tau, ranks
from cafct_keras.evaluation.results import AS_PREDICTED, Comparison, Difference, Evaluation
from cafct_keras.evaluation.results.methods import MethodComparison, MethodScore, MetricComparison, PairedTest
from cafct_keras.evaluation.summary import check_cases, patient_numbers
from cafct_keras.evaluation.volumes import of_one_kind
from cafct_keras.runtime.command_line import command_line
from cafct_keras.runtime.versions import versions

Tables = dict[str, dict[str, Units]]  # target to metric to units
_SHOWN = 5  # names in a warning


def compare(
    a: Sequence[CaseScore],
    b: Sequence[CaseScore],
    *,
    runs: tuple[str, str] = ("a", "b"),
    result: str = AS_PREDICTED,
    seed: int = 0,
    resamples: int = 1000,
) -> Comparison:
    """Compares two runs, unit by unit.

    Metrics are named measure first: `dice_per_case_lits`, `iou_per_slice_positive`, `hd95_mm_positive` and
    `hd95_mm_all` (over units that show the target in the reference, or all), `lesion_recall_iou_over_0.5` (over the
    reference's lesions), `false_positives_per_case_iou_over_0.5`.

    Args:
        a: scored cases of the first run.
        b: scored cases of the second run, against the same references, in any order.
        runs: names of the two.
        result: name of the results that are compared.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: the runs differ in their cases, targets or references.
    """
    odd = sorted({case.case for case in a} ^ {case.case for case in b})
    if odd:
        raise UserError(f"{odd[0]}: only one of the two runs has this case; compare runs on the same cases")
    (first, second), cases = _tables(dict(zip("ab", (a, b), strict=True)))
    bootstrap = Bootstrap(patients=len({case.patient for case in cases}), seed=seed, resamples=resamples)
    return Comparison(
        runs=runs,
        result=result,
        cases=len(cases),
        patients=bootstrap.patients,
        targets={
            target: {name: _difference(units, second[target][name], bootstrap) for name, units in first[target].items()}
            for target in first
        },
    )


def compare_methods(
    methods: Mapping[str, Sequence[CaseScore]], *, result: str = AS_PREDICTED, seed: int = 0, resamples: int = 1000
) -> MethodComparison:
    """Ranks several methods on the cases that all of them have, and tests every pair.

    Ranks are those of the means over all units, and their stability is that over resampled patients, as in challengeR
    (Wiesenfarth et al. 2021). Pairs are tested by Wilcoxon's signed-rank test over patients, corrected by Holm's method
    for the number of pairs.

    Args:
        methods: name to scored cases, against the same references, in any order; two or more.
        result: name of the results that are compared.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: there is one method, they share no case, or differ in targets, options or references.
    """
    tables, cases = _tables(methods)
    return compare_units(
        dict(zip(methods, tables, strict=True)),
        cases={name: [case.case for case in scored] for name, scored in methods.items()},
        patients=len({case.patient for case in cases}),
        result=result,
        seed=seed,
        resamples=resamples,
    )


def compare_evaluations(evaluations: Sequence[Evaluation], *, seed: int = 0) -> MethodComparison:
    """Compares finished evaluations as `compare_methods` does, post-processed where all of them are."""
    result = shared_result(evaluations)
    return compare_methods({each.name: each.scores[result] for each in evaluations}, result=result, seed=seed)


def shared_result(evaluations: Sequence[Evaluation]) -> str:
    """Name of the last result if all have it, else that of the masks as predicted."""
    last = {list(evaluation.scores)[-1] for evaluation in evaluations}
    return last.pop() if len(last) == 1 else AS_PREDICTED


def compare_units(
    methods: Mapping[str, Tables],
    *,
    cases: Mapping[str, Sequence[str]],
    patients: int,
    result: str,
    seed: int = 0,
    resamples: int = 1000,
) -> MethodComparison:
    """Ranks several methods and tests every pair, see `compare_methods`.

    Args:
        methods: name to units of the same cases. Metrics that not all of them have are left out.
        cases: name to the cases that the method was scored on.
        patients: of the cases that all methods were scored on.
        result: name of the results that are compared.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    bootstrap = Bootstrap(patients=patients, seed=seed, resamples=resamples)
    shared = set.intersection(*(set(names) for names in cases.values()))
    left_out = [name for name in dict.fromkeys(itertools.chain(*cases.values())) if name not in shared]
    warnings = few_patients(patients)
    if left_out:
        listed = ", ".join(left_out[:_SHOWN]) + (", ..." if len(left_out) > _SHOWN else "")
        warnings.append(f"cases: {len(left_out)} are not in all methods and are left out ({listed})")
    first, *others = methods.values()
    return MethodComparison(
        title=f"{', '.join(methods)} compared",
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        command=command_line(),
        versions=versions(),
        methods=list(methods),
        result=result,
        cases=len(shared),
        patients=patients,
        left_out=left_out,
        seed=seed,
        resamples=resamples,
        confidence=CONFIDENCE,
        interval=INTERVAL,
        warnings=warnings,
        targets={
            target: {
                name: _metric({method: tables[target][name] for method, tables in methods.items()}, bootstrap)
                for name in metrics
                if all(name in tables[target] for tables in others)
            }
            for target, metrics in first.items()
        },
    )


def _tables(methods: Mapping[str, Sequence[CaseScore]]) -> tuple[list[Tables], list[CaseScore]]:
    """Units of each method on the cases that all have, and those cases as the first has them."""
    if len(methods) < 2:
        raise UserError("methods: give two or more to compare")
    for cases in methods.values():
        check_cases(cases)
    by_name = [{case.case: case for case in cases} for cases in methods.values()]
    names = [name for name in by_name[0] if all(name in each for each in by_name)]
    if not names:
        raise UserError(f"{' and '.join(methods)}: share no case, so there is nothing to compare")
    first, *others = [of_one_kind([each[name] for name in names]) for each in by_name]
    for other in others:
        for one, its in zip(first, other, strict=True):
            _check_same_reference(one, its)
    patient, targets = patient_numbers(first), dict.fromkeys(name for case in first for name in case.targets)
    tables = [
        {
            target: units_of_scores(
                [case.targets[target] for case in cases if target in case.targets],
                np.array([number for case, number in zip(cases, patient, strict=True) if target in case.targets]),
                cases[0].options.iou_thresholds,
            )
            for target in targets
        }
        for cases in (first, *others)
    ]
    return tables, first


def _check_same_reference(one: CaseScore, other: CaseScore) -> None:
    if set(one.targets) != set(other.targets):
        raise UserError(f"{one.case}: the two runs score other targets; compare runs that score the same")
    same = (one.patient, one.spacing, one.contiguous) == (other.patient, other.spacing, other.contiguous)
    if one.grid != other.grid:
        raise UserError(f"{one.case}: the two runs were scored on other grids; score both on the same")
    if one.options != other.options:
        raise UserError(f"{one.case}: the two runs were scored with other options; give both the same")
    for name, target in one.targets.items():
        truths = [each.tp + each.fn for each in (target.counts, other.targets[name].counts)]
        same = same and np.array_equal(*truths)
    if not same:
        raise UserError(f"{one.case}: its references differ between the runs; score both against the same masks")


def _difference(a: Units, b: Units, bootstrap: Bootstrap) -> Difference:
    both = np.where(np.isnan(a.values) | np.isnan(b.values), np.nan, 1.0)
    return Difference(
        a=mean_of(a.values * both),
        b=mean_of(b.values * both),
        **vars(paired_difference(b.values - a.values, a.patient, bootstrap)),
        higher_is_better=a.higher_is_better,
    )


def _metric(methods: dict[str, Units], bootstrap: Bootstrap) -> MetricComparison:
    first, names = next(iter(methods.values())), list(methods)
    values = np.stack([units.values for units in methods.values()])
    values = np.where(np.isnan(values).any(axis=0), np.nan, values)  # of units that count in all methods
    counted = ~np.isnan(values[0])
    bounds = (first.bounds[0], max(units.bounds[1] for units in methods.values()))
    tests = {
        (a, b): paired_difference(methods[b].values - methods[a].values, first.patient, bootstrap)
        for a, b in itertools.combinations(names, 2)
    }
    corrected = holm([test.p for test in tests.values()])
    rank, fractions, tau = np.full(len(names), 0), np.zeros((len(names), 0)), np.zeros(0)
    if counted.any():
        rank = ranks(values[:, counted].mean(axis=1), higher_is_better=first.higher_is_better)
        means = np.stack([bootstrap.resample(each[counted], first.patient[counted]) for each in values], axis=1)
        resampled = ranks(means, higher_is_better=first.higher_is_better)
        fractions = np.stack([(resampled == place).mean(axis=0) for place in range(1, len(names) + 1)], axis=1)
        tau = kendall_tau(resampled, rank)
        tau = tau[~np.isnan(tau)]
    return MetricComparison(
        higher_is_better=first.higher_is_better,
        methods={
            name: MethodScore(
                mean=bootstrap.mean(values[index], first.patient, bounds=bounds),
                rank=int(rank[index]) or None,
                rank_fractions=fractions[index].tolist(),
            )
            for index, name in enumerate(names)
        },
        pairs=[
            PairedTest(a=a, b=b, p_holm=p, **vars(test))
            for ((a, b), test), p in zip(tests.items(), corrected, strict=True)
        ],
        kendall_tau=float(tau.mean()) if len(tau) else None,
        kendall_tau_low=float(np.quantile(tau, (1 - CONFIDENCE) / 2)) if len(tau) else None,
    )

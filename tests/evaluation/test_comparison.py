import dataclasses

import numpy as np
import pytest
from scipy import stats

from cafct_keras import evaluation
from cafct_keras.errors import UserError
from cafct_keras.evaluation.comparison import compare_units
from cafct_keras.evaluation.comparison_documents import compare_documents
from cafct_keras.evaluation.comparison_units import Units
from cafct_keras.evaluation.metrics.bootstrap import SCORE
from tests.evaluation.drawn import SPACING, compare, scored, summary


def two_runs(count=8):
    """Pairs of a poor and of a good run on the same references, one of them empty."""
    generator = np.random.default_rng(7)
    runs = [], []
    for index in range(count):
        reference = generator.random((3, 9, 9)) < (0.3 if index else 0)
        for run, wrong in zip(runs, (0.3, 0.05), strict=True):
            run.append((reference ^ (generator.random(reference.shape) < wrong), reference))
    return runs


def test_metrics_are_those_of_the_summaries():
    runs = two_runs()
    result = compare(*(scored(run) for run in runs))
    assert (result["cases"], result["patients"]) == (8, 8)
    metrics = result["targets"]["lesion"]
    of_runs = [summary(run) for run in runs]
    for name, path in {
        "dice_per_case_lits": ("overlap", "per_case_lits", "dice"),
        "iou_per_slice_positive": ("overlap", "per_slice_positive", "iou"),
        "dice_per_slice_all_one": ("overlap", "per_slice_all_one", "dice"),
        "hd95_mm_all": ("surface", "all", "hd95_mm"),
        "assd_mm_positive": ("surface", "positive", "assd_mm"),
        "nsd_2_mm_positive": ("surface", "positive", "nsd_2_mm"),
        "lesion_recall_iou_over_0.5": ("lesions", "detection", "iou_over_0.5", "recall"),
        "false_positives_per_case_iou_over_0": ("lesions", "detection", "iou_over_0", "false_positives_per_unit"),
    }.items():
        for side, tree in zip("ab", of_runs, strict=True):
            for key in path:
                tree = tree[key]
            assert metrics[name][side] == pytest.approx(tree["value"]), name
            assert metrics[name]["units"] == tree["units"]
        assert metrics[name]["difference"] == pytest.approx(metrics[name]["b"] - metrics[name]["a"])


def test_a_better_run_is_told_from_a_poorer():
    a, b = two_runs()
    metrics = compare(scored(a), scored(b))["targets"]["lesion"]
    dice = metrics["dice_per_case_positive"]
    assert dice["patients"] == 7
    assert 0 < dice["low"] < dice["difference"] < dice["high"]
    differences = [
        2 * (q & g).sum() / (q.sum() + g.sum()) - 2 * (p & g).sum() / (p.sum() + g.sum())
        for (p, g), (q, _) in list(zip(a, b, strict=True))[1:]
    ]
    assert dice["p"] == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert dice["higher_is_better"]
    assert not metrics["hd95_mm_all"]["higher_is_better"]
    assert metrics["nsd_1_mm_all"]["higher_is_better"]


def test_a_run_is_no_better_than_itself_in_any_order():
    cases = scored(two_runs()[0])
    for metric in compare(cases, cases[::-1])["targets"]["lesion"].values():
        assert metric["difference"] == metric["low"] == metric["high"] == 0
        assert metric["p"] == 1


def test_runs_that_cannot_be_compared():
    a, b = (scored(run) for run in two_runs())
    with pytest.raises(UserError, match="case 7: only one of the two runs"):
        compare(a, b[:7])
    mask = np.ones((3, 9, 9), bool)
    other = evaluation.score(mask, mask, case="case 1", spacing=b[1].spacing)
    with pytest.raises(UserError, match="case 1: its references differ"):
        compare(a, [b[0], other, *b[2:]])
    liver = evaluation.score(mask, mask, case="case 1", spacing=b[1].spacing, target="liver")
    with pytest.raises(UserError, match="case 1: the two runs score other targets"):
        compare(a, [b[0], liver, *b[2:]])


def methods(**runs):
    return dataclasses.asdict(evaluation.compare_methods(runs, resamples=200))


def test_methods_are_ranked_and_every_pair_is_tested():
    poor, good = (scored(run) for run in two_runs())
    found = methods(poor=poor, good=good, same=good)
    assert (found["methods"], found["cases"], found["patients"]) == (["poor", "good", "same"], 8, 8)
    dice = found["targets"]["lesion"]["dice_per_case_positive"]
    assert {name: each["rank"] for name, each in dice["methods"].items()} == {"poor": 3, "good": 1, "same": 1}
    assert dice["methods"]["good"]["rank_fractions"] == [1, 0, 0]
    assert dice["methods"]["poor"]["rank_fractions"] == [0, 0, 1]
    assert dice["kendall_tau"] == dice["kendall_tau_low"] == 1
    pairs = {(pair["a"], pair["b"]): pair for pair in dice["pairs"]}
    assert list(pairs) == [("poor", "good"), ("poor", "same"), ("good", "same")]
    of_two = compare(poor, good, resamples=200)["targets"]["lesion"]["dice_per_case_positive"]
    for name in ("difference", "low", "high", "units", "patients", "p"):
        assert pairs["poor", "good"][name] == of_two[name]
    assert pairs["poor", "good"]["p_holm"] == pytest.approx(min(1, 3 * of_two["p"]))
    assert (pairs["good", "same"]["p"], pairs["good", "same"]["p_holm"]) == (1, 1)
    assert dice["methods"]["good"]["mean"]["value"] == pytest.approx(of_two["b"])
    errors = found["targets"]["lesion"]["hd95_mm_all"]
    assert not errors["higher_is_better"]
    best = min(errors["methods"].values(), key=lambda each: each["mean"]["value"])
    assert best["rank"] == 1


def test_a_ranking_that_hangs_on_a_patient_is_unstable():
    """Each of two methods is the better one in half of the patients, by nearly the same."""
    reference = np.ones((1, 4, 10), bool)
    good, bad = reference.copy(), reference.copy()
    bad[0, 0] = False
    a, b = (scored([((good if (index + turn) % 2 else bad), reference) for index in range(9)]) for turn in (0, 1))
    dice = methods(a=a, b=b)["targets"]["lesion"]["dice_per_case_lits"]
    fractions = np.array([each["rank_fractions"] for each in dice["methods"].values()])
    assert 0.2 < fractions.min() < fractions.max() < 0.8
    assert fractions.sum(axis=0) == pytest.approx(1)
    assert dice["kendall_tau"] < 0.8
    assert dice["kendall_tau_low"] == -1


def test_methods_are_compared_on_the_cases_that_all_have():
    poor, good = (scored(run) for run in two_runs())
    found = methods(poor=poor[1:], good=good[::-1][1:])
    assert (found["cases"], found["left_out"]) == (6, ["case 7", "case 0"])
    assert "cases: 2 are not in all methods and are left out (case 7, case 0)" in found["warnings"]
    assert found["targets"] == methods(poor=poor[1:7], good=good[1:7])["targets"]
    with pytest.raises(UserError, match="poor and good: share no case"):
        methods(poor=poor[:3], good=good[3:])
    with pytest.raises(UserError, match="methods: give two or more"):
        methods(poor=poor)


def test_means_are_over_the_units_that_count_in_all_methods():
    a, b, c = (
        {"lesion": {"dice": Units(values=np.array(each), patient=np.arange(3), higher_is_better=True, bounds=SCORE)}}
        for each in ([0.9, np.nan, 0.2], [0.7, 0.4, np.nan], [0.8, 0.6, 0.5])
    )
    cases = {name: ["x", "y", "z"] for name in "abc"}
    found = compare_units({"a": a, "b": b, "c": c}, cases=cases, patients=3, result="as predicted").targets["lesion"]
    assert [each.mean.value for each in found["dice"].methods.values()] == [0.9, 0.7, 0.8]
    assert [each.rank for each in found["dice"].methods.values()] == [1, 3, 2]
    assert [pair.units for pair in found["dice"].pairs] == [1, 2, 2]


def document_of(cases):
    """What a comparison reads of `evaluation.json`."""
    summary = dataclasses.asdict(evaluation.summarize(cases, resamples=2))
    return {"results": [{"name": "as predicted", "summary": summary, "cases": evaluation.case_rows(cases)}]}


def test_documents_compare_as_the_cases_they_hold():
    poor, good = (scored(run) for run in two_runs())
    found = compare_documents({"poor": document_of(poor), "good": document_of(good[::-1])}, resamples=200)
    metrics, expected = found.targets["lesion"], evaluation.compare_methods({"poor": poor, "good": good}, resamples=200)
    assert {"dice_per_case_lits", "hd95_mm_positive", "nsd_2_mm_positive", "lesion_recall_iou_over_0.5"} < set(metrics)
    assert {"false_positives_per_case_iou_over_0", "iou_per_case_positive"} < set(metrics)
    for name, metric in metrics.items():
        other = expected.targets["lesion"][name]
        assert metric.higher_is_better == other.higher_is_better
        assert vars(metric.pairs[0]) == pytest.approx(vars(other.pairs[0])), name
        for method in ("poor", "good"):
            assert metric.methods[method].rank_fractions == other.methods[method].rank_fractions
            assert metric.methods[method].mean.value == pytest.approx(other.methods[method].mean.value)


def test_documents_that_cannot_be_compared():
    poor, good = (scored(run) for run in two_runs())

    def message(a, b):
        with pytest.raises(UserError) as caught:
            compare_documents({"a": document_of(a), "b": document_of(b)})
        return str(caught.value)

    assert message(poor[:3], good[3:]) == "a and b: share no case, so there is nothing to compare"
    mask = np.ones((3, 9, 9), bool)
    other = evaluation.score(mask, mask, case="case 1", spacing=SPACING)
    assert "case 1: its references differ between a and b" in message(poor, [good[0], other, *good[2:]])
    liver = [evaluation.score(mask, mask, case="case 1", spacing=SPACING, target="liver")]
    assert "b: scores liver, and a lesion" in message(poor, liver)
    faces = scored(two_runs()[1], options=evaluation.ScoreOptions(connectivity=6))
    assert "b: was scored with connectivity 6, and a with 26" in message(poor, faces)
    network = scored(two_runs()[1], grid="network")
    assert "b: was scored with grid network, and a with masks" in message(poor, network)
    with pytest.raises(UserError, match="case 0: the two runs were scored on other grids"):
        methods(a=poor, b=network)
    pixels = scored(two_runs()[1], spacing=None)
    assert "b: was scored with spacing_known False, and a with True" in message(poor, pixels)

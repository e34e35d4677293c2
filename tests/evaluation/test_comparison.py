import numpy as np
import pytest
from scipy import stats

from cafct_keras import evaluation
from cafct_keras.errors import UserError
from tests.evaluation.drawn import compare, scored, summary


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

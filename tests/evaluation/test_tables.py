import numpy as np
import pytest

from cafct_keras import evaluation

TRUTH = np.zeros((3, 6, 6), bool)
TRUTH[0, 1:3, 1:3] = TRUTH[1, 4, 4] = True
GUESS = np.zeros_like(TRUTH)
GUESS[0, 1:3, 1] = GUESS[0, 5, 5] = True


def case(**options):
    return evaluation.score(
        {"lesion": GUESS, "liver": TRUTH | GUESS},
        {"lesion": TRUTH, "liver": TRUTH | GUESS},
        case="c",
        patient="p",
        slice_names=["s0", "s1", "s2"],
        **options,
    )


def test_rows_of_a_volume():
    lesion, liver = evaluation.case_rows([case(spacing=(10.0, 5.0, 2.0))])
    assert (lesion["case"], lesion["patient"], lesion["target"], liver["target"]) == ("c", "p", "lesion", "liver")
    assert [lesion[name] for name in ("tp", "fp", "fn", "pixels", "slices")] == [2, 1, 3, 108, 3]
    assert lesion["dice"] == pytest.approx(4 / 8)
    assert lesion["precision"] == pytest.approx(2 / 3)
    assert (lesion["predicted_ml"], lesion["reference_ml"]) == pytest.approx((0.3, 0.5))
    found = [lesion[f"lesions_found_iou_over_{threshold}"] for threshold in ("0", "0.5")]
    assert (lesion["lesions"], found, lesion["false_positives_iou_over_0"]) == (2, [1, 0], 1)
    assert lesion["hd95_mm"] > 0
    assert (liver["dice"], liver["hd95_mm"], liver["lesions"]) == (1, 0, None)
    assert lesion["predicted_burden"] == pytest.approx(3 / 6)
    assert lesion["reference_burden"] == pytest.approx(5 / 6)
    assert set(lesion) == set(liver)


def test_rows_of_slices():
    rows = [row for row in evaluation.slice_rows([case()]) if row["target"] == "lesion"]
    assert [(row["index"], row["slice"]) for row in rows] == [(0, "s0"), (1, "s1"), (2, "s2")]
    assert [row["dice"] for row in rows] == [pytest.approx(4 / 7), 0, None]
    assert [row["hd95_px"] for row in rows][1:] == [pytest.approx(np.hypot(6, 6)), None]
    assert "hd95_mm" not in evaluation.slice_rows([case(spacing=(1.0, 1.0, 1.0))])[0]
    (of_case, _) = evaluation.case_rows([case()])
    assert of_case["hd95_px"] == pytest.approx(np.mean([rows[0]["hd95_px"], rows[1]["hd95_px"]]))
    assert of_case["predicted_ml"] is None

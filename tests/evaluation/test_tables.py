import numpy as np
import pytest

from cafct_keras import evaluation
from cafct_keras.evaluation.lesion_table import lesion_columns

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


def test_what_is_missing_is_named():
    empty = np.zeros_like(TRUTH)
    for prediction, reference, missing in (
        (empty, TRUTH, "prediction"),
        (TRUTH, empty, "reference"),
        (GUESS, TRUTH, None),
        (empty, empty, None),
    ):
        scored = evaluation.score(prediction, reference, case="c", spacing=(10.0, 5.0, 2.0))
        (row,) = evaluation.case_rows([scored])
        assert row["missing"] == missing
        if missing:
            assert row["hd95_mm"] == row["hd_mm"] == pytest.approx(np.linalg.norm((30, 30, 12)))


def test_rows_of_lesions():
    images = np.arange(108).reshape(3, 6, 6)
    scored = case(spacing=(10.0, 5.0, 2.0), images=images, intensity="HU")
    found, missed, attempt, false = evaluation.lesion_rows([scored])
    assert [row["kind"] for row in (found, missed, attempt, false)] == ["lesion"] * 2 + ["false positive"] * 2
    assert (found["target"], found["voxels"], found["volume_mm3"], found["area_mm2"]) == ("lesion", 4, 400, None)
    assert (found["iou"], found["dice"]) == (0.5, pytest.approx(2 / 3))
    assert [found[f"found_iou_over_{threshold}"] for threshold in ("0", "0.1", "0.5")] == [1, 1, 0]
    assert (found["longest_axis_mm"], found["axis_slice"]) == (pytest.approx(np.hypot(10, 4)), 0)
    assert [found[f"centroid_{axis}"] for axis in ("slice", "row", "column")] == [0, 1.5, 1.5]
    assert [found[f"centroid_{axis}_mm"] for axis in ("slice", "row", "column")] == [0, 7.5, 3]
    assert (found["mean_intensity"], found["intensity"]) == (images[0, 1:3, 1:3].mean(), "HU")
    assert (missed["voxels"], missed["iou"], missed["found_iou_over_0"], missed["axis_slice"]) == (1, 0, 0, 1)
    assert (false["voxels"], false["iou"], false["found_iou_over_0"]) == (1, 0, 0)
    # What finds its lesion at 0.1 only is a false positive at 0.5.
    assert (attempt["iou"], attempt["found_iou_over_0.1"], attempt["found_iou_over_0.5"]) == (0.5, 1, 0)
    bare = evaluation.lesion_rows([case()])[0]
    assert (bare["area_mm2"], bare["longest_axis_mm"], bare["mean_intensity"]) == (None, None, None)


def test_lesion_rows_have_the_columns_of_an_empty_table():
    rows = evaluation.lesion_rows([case()])
    assert list(rows[0]) == lesion_columns([case()])

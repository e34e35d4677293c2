import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafct_keras import evaluation
from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.bootstrap import INTERVAL
from tests.evaluation.drawn import SPACING, compare, scored, sets, summarize, summary

SOME = np.zeros((2, 4, 5), bool)
SOME[0, 1, 1:3] = True
EMPTY = np.zeros_like(SOME)


@settings(max_examples=100, deadline=None)
@given(sets(), st.sampled_from([SPACING, None]), st.booleans())
def test_a_summary_is_json_without_nan(pairs, spacing, contiguous):
    cases = scored(pairs, spacing=spacing, contiguous=contiguous)
    result = summarize(cases, resamples=5)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    json.dumps(compare(cases, cases, resamples=5), allow_nan=False)
    json.dumps([*evaluation.case_rows(cases), *evaluation.slice_rows(cases)], allow_nan=False)


def test_a_summary_counts_what_it_sums_up():
    cases = scored([(SOME, SOME), (EMPTY, SOME), (SOME, EMPTY), (EMPTY, EMPTY)])
    result = summarize(cases, seed=3, resamples=7)
    assert (result["cases"], result["patients"], result["slices"]) == (4, 4, 8)
    assert result["options"] == {
        "grid": "masks",
        "seed": 3,
        "resamples": 7,
        "confidence": 0.95,
        "interval": INTERVAL,
        "batch_size": 8,
        "iou_thresholds": [0.0, 0.1, 0.5],
        "tolerances": [1, 2, 3],
        "connectivity": 26,
        "surface": "voxels",
        "contiguous": True,
        "spacing_known": True,
    }
    lesion = result["targets"]["lesion"]
    assert (lesion["cases"], lesion["positive_cases"], lesion["positive_slices"]) == (4, 2, 2)
    surface = lesion["surface"]
    assert (surface["missed"], surface["spurious"], surface["both_empty"]) == (1, 1, 1)
    diagonal = float(np.linalg.norm(np.multiply(SOME.shape, SPACING)))
    assert surface["all"]["hd95_mm"]["value"] == pytest.approx(diagonal / 2)
    assert surface["all"]["hd95_mm"]["units"] == 4
    assert surface["positive"]["hd95_mm"]["value"] == pytest.approx(diagonal / 2)
    assert surface["positive"]["hd95_mm"]["units"] == 2
    assert surface["positive"]["nsd_1_mm"]["value"] == 0.5
    assert surface["all"]["nsd_1_mm"]["predict_nothing"] == 0.5


def test_loose_slices_are_measured_in_pixels_one_by_one():
    lesion = summary([(SOME, SOME), (EMPTY, SOME)], spacing=None)
    assert (lesion["surface"]["unit"], lesion["surface"]["length"]) == ("slice", "px")
    assert lesion["surface"]["positive"]["hd95_px"]["units"] == 2
    assert lesion["surface"]["positive"]["hd95_px"]["predict_nothing"] == pytest.approx(np.hypot(4, 5))
    assert lesion["volume_ml"] is None


def test_targets_may_be_there_in_some_cases_only():
    cases = [
        evaluation.score({"liver": SOME, "lesion": SOME}, {"liver": SOME, "lesion": SOME}, case="a", spacing=SPACING),
        evaluation.score({"liver": SOME}, {"liver": SOME}, case="b", spacing=SPACING),
    ]
    targets = summarize(cases, resamples=5)["targets"]
    assert (targets["liver"]["cases"], targets["lesion"]["cases"]) == (2, 1)
    assert targets["lesion"]["patients"] == 1
    assert targets["lesion"]["volume_ml"]["bias"] == 0


def test_loose_slices_among_volumes_count_in_overlap_only():
    loose = evaluation.score(EMPTY, SOME, case="b", spacing=SPACING, contiguous=False)
    result, alone = (summarize([*scored([(SOME, SOME)]), *more], resamples=5) for more in ([loose], []))
    assert (result["cases"], result["complete_cases"]) == (2, 1)
    for what in ("surface", "lesions", "volume_ml"):
        assert result["targets"]["lesion"][what] == alone["targets"]["lesion"][what]
    assert result["targets"]["lesion"]["overlap"]["per_case_lits"]["dice"]["value"] == 0.5
    compared = compare([*scored([(SOME, SOME)]), loose], [*scored([(EMPTY, SOME)]), loose], resamples=5)
    assert compared["targets"]["lesion"]["hd95_mm_all"]["units"] == 1


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([], "cases: there are none"),
        (scored([(SOME, SOME)]) * 2, "case 0: two cases"),
        ([*scored([(SOME, SOME)]), evaluation.score(SOME, SOME, case="b")], "b: differs from case 0 in spacing"),
    ],
)
def test_what_cannot_be_summed_up(cases, message):
    with pytest.raises(UserError, match=message):
        summarize(cases)

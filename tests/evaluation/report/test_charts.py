import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafct_keras.evaluation.report.agreement_charts import burden_agreement, volume_agreement
from cafct_keras.evaluation.report.calibration_charts import reliability, threshold_sweep
from cafct_keras.evaluation.report.chart import Chart, linear_axis, log_axis, rank_axis, score_axis
from cafct_keras.evaluation.report.comparison_charts import overlap_differences
from cafct_keras.evaluation.report.overlap_charts import dice_by_rule, dice_by_size, dice_of_cases
from tests.evaluation.report.documents import calibrated, everything

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8)
SIZES = st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def whole():
    return everything()[0]


def assert_holds(axis, values):
    assert all(0 <= axis.place(value) <= 1 for value in values)
    places = [axis.place(value) for value, _ in axis.ticks]
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    assert places == sorted(places)
    assert 2 <= len(axis.ticks) <= 12


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_linear_axes_hold_their_values(values, symmetric):
    axis = linear_axis("", values, symmetric=symmetric)
    assert_holds(axis, values)
    if symmetric:
        assert axis.place(0) == pytest.approx(0.5)


@settings(deadline=None)
@given(SIZES)
def test_log_axes_hold_their_values(values):
    axis = log_axis("", values)
    assert_holds(axis, values)
    assert axis.place(math.sqrt(axis.low * axis.high)) == pytest.approx(0.5)


@settings(deadline=None)
@given(st.integers(1, 5000))
def test_rank_axes_have_whole_numbers(count):
    axis = rank_axis("", count)
    assert all(0 <= axis.place(rank) <= 1 for rank, _ in axis.ticks)
    assert axis.ticks[0] == (1, "1")
    assert len({text for _, text in axis.ticks}) == len(axis.ticks) <= 8


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1))
def test_score_axes_start_closer_where_all_are_good(scores):
    axis = score_axis("", scores)
    assert_holds(axis, scores)
    assert axis.high == 1
    assert axis.ticks[0][0] == pytest.approx(axis.low)


def test_a_line_is_interrupted_where_nothing_is_known():
    axis = linear_axis("", [0, 1])
    chart = Chart(name="c", title="", units="", caption="", summary="", x=axis, y=axis)
    path = chart.path([(0, 0), (0.5, 1), (0.6, None), (1, 0)])
    assert path.count("M") == 2
    assert path.count("L") == 1
    left, top, right, bottom = chart.box
    assert left < chart.across(0) < chart.across(1) < right
    assert top < chart.down(1) < chart.down(0) < bottom


def test_dice_by_rule(whole):
    chart = dice_by_rule(whole["results"], "lesion")
    nothing, everything, *series = chart.dots
    overlaps = [result["summary"]["targets"]["lesion"]["overlap"] for result in whole["results"]]
    for dots, overlap in zip(series, overlaps, strict=True):
        assert [x for x, _, _ in dots.points] == [figures["dice"]["value"] for figures in overlap.values()]
    assert [x for x, _, _ in nothing.points] == [figures["dice"]["predict_nothing"] for figures in overlaps[0].values()]
    expected = [figures["dice"]["predict_everything"] for figures in overlaps[0].values()]
    assert [x for x, _, _ in everything.points] == expected
    bars = {(line.points[0][0], line.points[1][0]) for line in chart.lines}
    assert bars == {
        (figures["dice"]["low"], figures["dice"]["high"]) for overlap in overlaps for figures in overlap.values()
    }
    assert [text for _, text in chart.y.ticks] == list(overlaps[0])
    assert chart.units == "6 cases"


def test_cases_are_ranked_and_those_without_a_score_left_out(whole):
    rows = [row for row in whole["results"][0]["cases"] if row["target"] == "lesion"]
    empty = [row["case"] for row in rows if row["dice"] is None]
    chart = dice_of_cases(whole["results"], "lesion")
    first = [y for _, y, _ in chart.dots[0].points]
    assert first == sorted(row["dice"] for row in rows if row["dice"] is not None)
    assert chart.guides[0].value == pytest.approx(np.median(first))
    assert (chart.units, len(empty)) == ("6 cases", 0)
    # After small findings are dropped, a case is empty in both.
    chart = dice_of_cases(whole["results"][1:], "lesion")
    assert chart.units == "5 cases"
    assert "Left out: 1 case empty in both." in chart.caption


def test_sizes_are_millilitres_where_they_are_known(whole):
    chart = dice_by_size(whole["results"], "lesion")
    rows = [row for row in whole["results"][0]["cases"] if row["target"] == "lesion" and row["reference_ml"] > 0]
    assert [(x, y) for x, y, _ in chart.dots[0].points] == [(row["reference_ml"], row["dice"]) for row in rows]
    assert "(ml)" in chart.x.label
    assert "Left out: 1 case without any." in chart.caption
    loose = [{**whole["results"][0], "cases": [{**row, "reference_ml": None} for row in rows]}]
    chart = dice_by_size(loose, "lesion")
    assert [x for x, _, _ in chart.dots[0].points] == [row["tp"] + row["fn"] for row in rows]
    assert "(pixels)" in chart.x.label


def test_agreement_of_volumes_and_burden(whole):
    first, second = volume_agreement(whole["results"], "lesion")
    rows = [row for row in whole["results"][0]["cases"] if row["target"] == "lesion"]
    differences = [row["predicted_ml"] - row["reference_ml"] for row in rows]
    assert [y for _, y, _ in first.dots[0].points] == pytest.approx(differences)
    zero, upper, bias, lower = (guide.value for guide in first.guides)
    assert zero == 0
    assert bias == pytest.approx(np.mean(differences))
    assert (upper - lower) / 2 == pytest.approx(1.96 * np.std(differences, ddof=1))
    assert first.name != second.name
    burden = burden_agreement(whole["results"])[0]
    point = whole["results"][0]["summary"]["burden"]["points"][0]
    assert burden.dots[0].points[0][1] == pytest.approx(100 * (point["predicted"] - point["reference"]))


def test_labels_of_guides_make_way_for_dots(whole):
    """The upper limit's label is at the right, unless a dot is just above it there."""

    def side(*pairs):
        rows = [
            {"target": "lesion", "case": str(index), "predicted_ml": predicted, "reference_ml": reference}
            for index, (predicted, reference) in enumerate(pairs)
        ]
        limits = {"bias": 0.0, "lower": -10.0, "upper": 10.0}
        summary = {"targets": {"lesion": {"volume_ml": limits}}}
        (chart,) = volume_agreement([{"name": "a", "summary": summary, "cases": rows}], "lesion")
        return "left" in chart.guides[1].style

    assert not side((5, 5), (100, 100))
    assert side((5, 5), (106, 95))


def test_probabilities(whole):
    lesion = whole["calibration"]["lesion"]
    chart = reliability(lesion, "lesion")
    known = [each for each in lesion["reliability"]["frequency"] if each is not None]
    assert [y for _, y, _ in chart.dots[0].points] == known
    assert len(known) == 2
    chart = threshold_sweep(lesion, "lesion", 0.43)
    assert chart.guides[0].value == 0.43
    assert [label for _, _, label in chart.legend] == ["Dice, per_slice_positive", "Dice, pooled", "IoU, pooled"]
    empty = calibrated([(np.full((1, 4, 4), 0.2), np.zeros((1, 4, 4), bool))])
    curves = threshold_sweep(empty, "lesion", None)
    assert "per_slice_positive" not in curves.summary
    assert not curves.guides


def test_differences_are_those_of_the_comparison(whole):
    chart = overlap_differences(whole["comparison"], "lesion")
    metrics = {
        name: metric
        for name, metric in whole["comparison"]["targets"]["lesion"].items()
        if name.startswith(("dice", "iou"))
    }
    assert [text for _, text in chart.y.ticks] == list(metrics)
    assert [x for x, _, _ in chart.dots[0].points] == [metric["difference"] for metric in metrics.values()]
    assert len(chart.lines) == len(metrics)


def test_nothing_to_draw(whole):
    row = {"target": "lesion", "case": "a", "dice": None, "tp": 0, "fn": 0, "reference_ml": 0.0, "predicted_ml": 0.0}
    result = {**whole["results"][0], "cases": [row]}
    assert dice_of_cases([result], "lesion") is None
    assert dice_by_size([result], "lesion") is None
    result = {**result, "summary": {"burden": None, "targets": {"lesion": {"volume_ml": None}}}}
    assert volume_agreement([result], "lesion") == burden_agreement([result]) == []

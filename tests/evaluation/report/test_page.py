import copy
import json
import math
import re

import pytest

from cafct_keras import evaluation
from cafct_keras.evaluation import RULES
from cafct_keras.evaluation.report.page import write_report
from cafct_keras.pages.wording import (
    DASH,
    MINUS,
    counted,
    fixed,
    interval,
    plain,
    probability,
    scaled,
    short,
)
from tests.evaluation.report.documents import boxes, document, everything, masks_alone, result
from tests.evaluation.report.reading import Page

SECTIONS = ["top", "failures", "target-lesion", "target-liver", "burden", "paper", "comparison", "method"]
CHARTS = [
    "dice-by-rule-lesion",
    "dice-of-cases-lesion",
    "dice-by-size-lesion",
    "agreement-volume-of-lesion-as-predicted",
    "agreement-volume-of-lesion-post-processed",
    "reliability-lesion",
    "thresholds-lesion",
    "dice-by-rule-liver",
    "dice-of-cases-liver",
    "dice-by-size-liver",
    "agreement-volume-of-liver-as-predicted",
    "agreement-volume-of-liver-post-processed",
    "agreement-tumour-burden-as-predicted",
    "agreement-tumour-burden-post-processed",
    "differences-lesion",
    "differences-liver",
]


def page(tmp_path, document, pictures=()):
    write_report(document, pictures, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


@pytest.fixture(scope="module")
def full():
    return everything()


def test_every_section_is_there(full, tmp_path):
    read = page(tmp_path, *full)
    assert [name for name in read.ids if name in SECTIONS] == SECTIONS
    assert [name for name in read.ids if name in CHARTS] == CHARTS
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    lesion = read.blocks["target-lesion"]
    for heading in (
        "Worst cases",
        "Median cases",
        "False positives",
        "Missed lesions",
        "Lesions, one by one",
        "Volumes",
    ):
        assert heading in lesion, heading
    assert "threshold 0.43, chosen on the validation split" in read.blocks["top"]
    assert "1 case could not be scored" in read.blocks["top"]
    assert "seen in training" in read.blocks["top"]
    assert "case 7 it holds NaN" in read.blocks["failures"]
    assert "smallest lesion 10" in read.blocks["method"]
    assert '"optimizer": "sgd"' in read.blocks["method"]
    assert "left-out" not in read.ids


def test_it_needs_nothing_else(full, tmp_path):
    read = page(tmp_path, *full)
    assert all(re.match(r"#|data:(image/png;base64)?,", link) for link in read.links)
    assert "script" not in read.tags
    assert "url(" not in (tmp_path / "report.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_every_rule_stands_with_its_meaning_and_figures(full, tmp_path):
    read = page(tmp_path, *full)
    for target in ("lesion", "liver"):
        for name, rule in RULES.items():
            at = next(
                index
                for index, cells in enumerate(read.cells)
                if cells[0].startswith(f"{name} {rule.meaning}") and _target(read, index) == target
            )
            assert rule.used_by in read.cells[at][0]
            overlaps = [each["summary"]["targets"][target]["overlap"][name] for each in full[0]["results"]]
            for row, figures, result_name in zip(
                read.cells[at + 1 : at + 3], overlaps, ("as predicted", "post-processed"), strict=True
            ):
                assert row[0] == f"{result_name} {counted(figures['dice']['units'], rule.unit)}"
                expected = [f"{fixed(figure['value'])} {interval(figure)}" for figure in figures.values()]
                assert row[1 : 1 + len(expected)] == expected
            for cells, what in zip(read.cells[at + 3 : at + 5], ("nothing", "everything"), strict=True):
                assert cells[0] == f"predicting {what}"
                expected = [fixed(figure[f"predict_{what}"]) for figure in overlaps[0].values()]
                assert cells[1 : 1 + len(expected)] == expected


def _target(read, row):
    """Which target's tables a row belongs to: the rules come once for each."""
    first = [index for index, cells in enumerate(read.cells) if cells[0].startswith(next(iter(RULES)) + " Mean")]
    return ("lesion", "liver")[sum(row >= index for index in first) - 1]


def test_surfaces_lesions_volumes_and_burden(full, tmp_path):
    read = page(tmp_path, *full)
    lesion = full[0]["results"][0]["summary"]["targets"]["lesion"]
    text = read.blocks["target-lesion"]
    surface = lesion["surface"]
    assert f"As predicted, {counted(surface['missed'], 'volume')} missed, {surface['spurious']} false positives" in text
    for rule in ("positive", "all"):
        figure = surface[rule]["nsd_2_mm"]
        assert f"{fixed(figure['value'])} {interval(figure)}" in text
    assert f"{counted(lesion['lesions']['lesions'], 'lesion')} in 6 volumes" in text
    sizes = lesion["lesions"]["detection"]["iou_over_0.5"]["recall_by_diameter"]
    assert sizes["under_10_mm"]["units"] > 0
    for figure in sizes.values():
        written = f"{fixed(figure['value'])} {interval(figure)} {counted(figure['units'], 'lesion')}"
        assert re.sub(" +", " ", written) in text
    volume = lesion["volume_ml"]
    assert f"{fixed(volume['bias'], 1)} {fixed(volume['lower'], 1)} to {fixed(volume['upper'], 1)}" in text
    burden = full[0]["results"][0]["summary"]["burden"]
    assert f"{fixed(100 * burden['bias'], 1)} " in read.blocks["burden"]


def test_lesions_at_every_threshold_beside_nothing_and_everything(full, tmp_path):
    """In short at the top, and in the target's section."""
    read = page(tmp_path, *full)
    detected = full[0]["results"][0]["summary"]["targets"]["lesion"]["lesions"]["detection"]
    assert list(detected) == ["iou_over_0", "iou_over_0.1", "iou_over_0.5"]
    start = read.cells.index(["", "IoU > 0", "IoU > 0.1", "IoU > 0.5"])
    recall, _, nothing, everything = read.cells[start + 1 : start + 5]
    assert recall[0] == "Lesions found, recall as predicted"
    assert [cell.split()[0] for cell in recall[1:]] == [fixed(each["recall"]["value"]) for each in detected.values()]
    assert nothing == ["predicting nothing", "0.000", "0.000", "0.000"]
    assert everything == ["predicting everything", "1.000", "0.000", "0.000"]
    text = read.blocks["target-lesion"]
    for name, each in detected.items():
        assert f"Found with IoU > {name.removeprefix('iou_over_')} as predicted" in text
        assert counted(each["false_positives"], "false positive") in text
    assert "26-connected" in text


def test_how_scores_were_made_is_said_at_the_top(full, tmp_path):
    top = page(tmp_path, *full).blocks["top"]
    for words in ("grid", "volumes, 26-connected lesions", "surfaces of voxels"):
        assert words in top
    method = page(tmp_path, *full).blocks["method"]
    interval = full[0]["results"][0]["summary"]["options"]["interval"]
    for words in (interval, "iou thresholds", "tolerances", "connectivity 26"):
        assert words in method


def test_the_papers_figures_stand_beside_ours(full, tmp_path):
    text = page(tmp_path, *full).blocks["paper"]
    assert "The paper states no rule." in text
    assert "CAFCT-Net 84.29 76.54" in text
    assert "per_case_lits which cannot have produced the paper's row of Attention U-Net as predicted" in text
    assert "per_case_positive" not in text
    dice = full[0]["results"][0]["summary"]["targets"]["lesion"]["overlap"]["per_slice_positive"]["dice"]
    assert fixed(100 * dice["value"], 2) in text


def test_runs_are_compared(full, tmp_path):
    text = page(tmp_path, *full).blocks["comparison"]
    assert "runs/b against runs/a , both as predicted, on the same 6 cases" in text
    metric = full[0]["comparison"]["targets"]["lesion"]["false_positives_per_case_iou_over_0"]
    assert metric["difference"] < 0
    assert f"lower is better; n = 6 {fixed(metric['a'])} {fixed(metric['b'])} {fixed(metric['difference'], 4)}" in text


def test_what_is_not_there_is_said_in_words(tmp_path):
    read = page(tmp_path, masks_alone())
    assert [name for name in SECTIONS if name in read.ids] == ["top", "target-liver", "method"]
    assert [name for name in CHARTS if name in read.ids] == [
        "dice-by-rule-liver",
        "dice-of-cases-liver",
        "dice-by-size-liver",
    ]
    absent = read.blocks["left-out"]
    for words in (
        "Post-processing none was asked for.",
        "Lesions one by one no target that has lesions was scored.",
        "Volumes the slices are not volumes.",
        "Tumour burden it needs liver and lesion, scored together.",
        "Reliability and other thresholds they need probabilities",
        "Pictures of the worst and the median cases none were made.",
        "Failures every case was scored.",
        "A comparison there is nothing to compare with.",
        "The paper's figures",
        "The run card",
    ):
        assert words in absent, words
    assert "Lesions, one by one" not in read.text
    assert "px" in read.blocks["target-liver"]


def test_pictures_that_are_missing_are_told_apart_from_those_that_cannot_be(full, tmp_path):
    whole, _ = full
    absent = page(tmp_path, whole).blocks["left-out"]
    assert "Pictures of false positives none were made." in absent
    perfect = copy.deepcopy(whole)
    for row in perfect["results"][0]["cases"]:
        if row["target"] == "lesion":
            row["false_positives_iou_over_0"] = 0
    assert "Pictures of false positives there are none." in page(tmp_path, perfect).blocks["left-out"]


def test_warnings_stand_out_and_mark_names(tmp_path):
    warned = masks_alone()
    warned["data"]["warnings"] = ["NSD at 1 mm: <below> the spacing; give a larger `tolerances`"]
    write_report(warned, (), tmp_path / "report.html")
    source = (tmp_path / "report.html").read_text()
    assert "<li>NSD at 1 mm: &lt;below&gt; the spacing; give a larger <code>tolerances</code></li>" in source


def test_names_are_text(tmp_path):
    marked = "{} <script>alert('x')</script> & \"<b>\"".format
    read = page(tmp_path, *everything(named=marked))
    assert "script" not in read.tags
    plain_names = page(tmp_path, *everything())
    assert len(read.tags) == len(plain_names.tags)
    for name in (
        "A run",
        "case 0",
        "it holds NaN",
        "runs/b",
        "The paper states no rule.",
        "seen in training",
        "Dice 0.5",
    ):
        assert marked(name) in read.text, name
    assert json.dumps(marked("sgd")) in read.text


def test_what_cannot_be_said_is_a_dash(full, tmp_path):
    """None and NaN wherever a figure may hold them; an interval needs two patients."""
    for nothing in (None, math.nan):
        whole = _without_values(copy.deepcopy(full[0]), nothing)
        read = page(tmp_path, whole)
        assert "None" not in read.text
        assert "nan" not in re.findall(r"\b\w+\b", read.text.lower().replace("it holds nan", ""))
        row = next(cells for cells in read.cells if cells[0].startswith("as predicted") and len(cells) == 5)
        assert row[1:] == [DASH] * 4


def _without_values(tree, nothing):
    """The same document with no figure in it."""
    floats = ("value", "low", "high", "predict_nothing", "bias", "lower", "upper", "difference", "a", "b", "p")
    floats += ("dice", "iou", "precision", "recall", "predicted_ml", "reference_ml", "predicted", "reference")
    if isinstance(tree, dict):
        return {
            name: nothing if name in floats and not isinstance(value, dict) else _without_values(value, nothing)
            for name, value in tree.items()
        }
    return [_without_values(each, nothing) for each in tree] if isinstance(tree, list) else tree


def test_one_patient_has_no_intervals(tmp_path):
    read = page(tmp_path, masks_alone())
    row = next(cells for cells in read.cells if cells[0] == "as predicted 4 slices")
    assert re.fullmatch(r"0\.\d{3}", row[1])


def test_a_target_of_any_name_and_of_some_cases(tmp_path):
    cases = [
        evaluation.score(guess["lesion"], truth["lesion"], case=name, target="cyst, left")
        for name, guess, truth in boxes(2)
    ]
    read = page(tmp_path, document([result(cases)]))
    assert "target-cyst-left" in read.ids
    assert "Lesions by diameter the size of a pixel is not known." in read.blocks["left-out"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (fixed(0.12345), "0.123"),
        (fixed(-1234.56, 1), MINUS + "1,234.6"),
        (fixed(-0.0001), "0.000"),
        (fixed(None), DASH),
        (fixed(math.nan), DASH),
        (short(12345.6), "12,346"),
        (short(-0.00025), MINUS + "0.00025"),
        (short(-0.0), "0"),
        (interval({"low": 0.1, "high": 0.25}, 2), f"0.10{DASH}0.25"),
        (interval({"low": -0.1, "high": 0.25}, 2), MINUS + "0.10 to 0.25"),
        (interval({"low": None, "high": None}), ""),
        (counted(1, "case"), "1 case"),
        (counted(1200, "batch"), "1,200 batches"),
        (probability(0.0001), "< 0.001"),
        (probability(0.25), "0.250"),
        (probability(None), DASH),
        (plain([True, None, "a"]), f"yes\n{DASH}\na"),
        (plain({"liver": 2}), "liver 2"),
        (scaled({"value": 0.5, "low": None, "high": 1, "predict_nothing": 0}, 100)["value"], 50),
    ],
)
def test_wording(written, expected):
    assert written == expected

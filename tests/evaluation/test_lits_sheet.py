import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafct_keras import evaluation
from cafct_keras.errors import UserError
from cafct_keras.evaluation import ScoreOptions, console, markup
from cafct_keras.evaluation.report.page import write_report
from tests.cli import run
from tests.evaluation.drawn import blobs
from tests.evaluation.report.documents import document, result
from tests.evaluation.report.reading import Page

SPACING = (2.0, 0.5, 1.0)
LITS = ScoreOptions(sheet="lits")


def boxes(*corners, shape=(6, 20, 24)):
    mask = np.zeros(shape, bool)
    for low, high in corners:
        mask[tuple(slice(*side) for side in zip(low, high, strict=True))] = True
    return mask


FOUND, HALF, MISSED = ((0, 0, 0), (2, 4, 5)), ((3, 8, 8), (5, 12, 12)), ((0, 14, 18), (2, 18, 22))
TRUTH = boxes(FOUND, HALF, MISSED)
# The first lesion in two pieces with a column of it missing, half of the second, nothing of the third, and a spot.
GUESS = boxes(((0, 0, 0), (2, 4, 2)), ((0, 0, 3), (2, 4, 5)), ((3, 8, 8), (4, 12, 12)), ((5, 0, 20), (6, 1, 22)))


def sheet(*pairs, connectivity=26):
    options = ScoreOptions(sheet="lits", connectivity=connectivity)
    cases = [
        evaluation.score(prediction, reference, case=str(index), spacing=SPACING, options=options)
        for index, (prediction, reference) in enumerate(pairs)
    ]
    return evaluation.summarize(cases, resamples=2).lits


def test_figures_by_hand():
    values = sheet((GUESS, TRUTH)).values
    assert (values["lesion_recall"], values["lesion_precision"]) == pytest.approx((1 / 3, 1 / 3))
    assert (values["lesion_recall_greater_zero"], values["lesion_precision_greater_zero"]) == pytest.approx(
        (2 / 3, 2 / 3)
    )
    assert (values["lesion_jaccard"], values["lesion_voe"], values["lesion_rvd"]) == pytest.approx((0.8, 0.2, -0.2))
    assert values["lesion_dice"] == pytest.approx(2 * 0.8 / 1.8)
    # Of 2 x 4 x 5 voxels, all boundary, a column of 8 is a millimetre from the nearest that is left.
    assert values["lesion_msd"] == pytest.approx(1)
    assert values["lesion_assd"] == pytest.approx(8 / (40 + 32))
    assert values["lesion_rmsd"] == pytest.approx(np.sqrt(8 / (40 + 32)))
    assert (
        values["lesion_dice_global"]
        == values["lesion_dice_per_case"]
        == pytest.approx(2 * (32 + 16) / (GUESS.sum() + TRUTH.sum()))
    )
    assert "liver_dice" not in values
    assert "RMSE_Tumorburden" not in values


def test_lesions_under_one_component_are_found_one_by_one():
    first, second = ((0, 0, 0), (1, 4, 4)), ((0, 0, 5), (1, 4, 9))
    values = sheet((boxes(((0, 0, 0), (1, 4, 9))), boxes(first, second))).values
    assert (values["lesion_recall"], values["lesion_jaccard"], values["lesion_msd"]) == (1, 0.8, 1)


def test_liver_and_burden():
    liver = boxes(((0, 0, 0), (6, 10, 10)))
    burdens = []
    cases = []
    for index, (predicted, truth) in enumerate([(40, 20), (10, 100), (0, 0)]):
        lesions = [np.zeros_like(liver) for _ in range(2)]
        for mask, voxels in zip(lesions, (predicted, truth), strict=True):
            mask[:, :10, :10] = (np.arange(600) < voxels).reshape(6, 10, 10)
        prediction, reference = ({"liver": liver, "lesion": mask} for mask in lesions)
        cases.append(evaluation.score(prediction, reference, case=str(index), spacing=SPACING, options=LITS))
        burdens.append((predicted - truth) / 600)
    values = evaluation.summarize(cases, resamples=2).lits.values
    assert values["RMSE_Tumorburden"] == pytest.approx(np.sqrt(np.mean(np.square(burdens))))
    assert values["MAXERROR_Tumorburden"] == pytest.approx(0.15)  # of the case with too little
    assert (values["liver_dice"], values["liver_assd"], values["liver_msd"]) == (1, 0, 0)
    assert values["lesion_dice_per_case"] == pytest.approx((2 * 20 / 60 + 2 * 10 / 110 + 1) / 3)


@settings(max_examples=20, deadline=None)
@given(blobs(), st.sampled_from([26, 18, 6]))
def test_found_lesions_are_those_of_detection(pair, connectivity):
    values = sheet(pair, connectivity=connectivity).values
    scores = evaluation.match_lesions(*pair, spacing=SPACING, options=ScoreOptions(connectivity=connectivity))
    found = [lesion.iou for lesion in scores.lesions if lesion.found(0.5)]
    assert values["lesion_jaccard"] == (pytest.approx(np.mean(found)) if found else None)


def test_the_sheet_needs_volumes():
    flat = evaluation.score(GUESS, TRUTH, case="c", options=LITS)
    with pytest.raises(UserError, match="`sheet` lits: needs volumes of known spacing"):
        evaluation.summarize([flat])
    with pytest.raises(UserError, match="`sheet` luts: unknown"):
        ScoreOptions(sheet="luts")


def test_the_command_line_prints_the_sheet(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="the extra nifti is not installed")
    for name, mask in (("prediction", GUESS), ("reference", TRUTH)):
        (tmp_path / name).mkdir()
        nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), np.diag([*SPACING, 1])), tmp_path / name / "a.nii.gz")
    folders = ("--prediction", tmp_path / "prediction", "--reference", tmp_path / "reference")
    result = run("score", *map(str, folders), "--sheet", "lits", "--label", "lesion=1", "--json", "--quiet")
    lits = result.json["results"][0]["summary"]["lits"]
    assert re.search(rf"^lesion_recall +{lits['values']['lesion_recall']:.3f}$", result.error, re.MULTILINE)
    assert "26-connected" in " ".join(lits["notes"])
    assert run("score", *map(str, folders), "--json", "--quiet").json["results"][0]["summary"]["lits"] is None


def test_the_sheet_is_printed_pasted_and_on_the_page(tmp_path):
    case = evaluation.score(GUESS, TRUTH, case="a", spacing=SPACING, options=LITS)
    whole = document([result([case])])
    voe = whole["results"][0]["summary"]["lits"]["values"]["lesion_voe"]
    assert re.search(rf"lesion_voe +{voe:.3f}\n", console.summary(whole).plain)
    assert "the code swaps the two" in console.summary(whole, width=200).plain
    assert f"| lesion_voe | {voe:.3f} |" in markup.markdown(whole)
    write_report(whole, (), tmp_path / "report.html")
    text = Page(tmp_path / "report.html").blocks["lits"]
    assert f"lesion_ voe {voe:.3f}" in text
    assert "the code swaps the two" in text

"""Several methods against one reference: `score --prediction NAME=DIR ...`, `compare`, and what both write."""

import json

import numpy as np
import pytest
from PIL import Image

from cafct_keras.evaluation.comparison_console import methods
from tests.cli import fails, run
from tests.evaluation.report.browser import find_browser, measure
from tests.evaluation.report.reading import Page
from tests.evaluation.schema import valid

WRONG = {"good": 1, "poor": 4, "blind": 0}  # rows by which a prediction is too low; the last predicts nothing


def write_masks(folder, mask_of, patients="abc"):
    for number, patient in enumerate(patients):
        for index in (1, 2):
            path = folder / f"{patient}_{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.uint8(255 * mask_of(number))).save(path)
    return folder


def box(number):
    mask = np.zeros((24, 30), bool)
    mask[4 : 12 + number, 5:20] = True
    return mask


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    write_masks(folder / "reference", box)
    for name, rows in WRONG.items():
        write_masks(folder / name, lambda number, rows=rows: np.roll(box(number), rows, axis=0) & (rows > 0))
    return folder


def arguments(folder, *names):
    predictions = [f"{name.upper()}={folder / name}" for name in names]
    return [
        *(part for each in predictions for part in ("--prediction", each)),
        "--reference",
        folder / "reference",
        "--label",
        "lesion=255",
    ]


@pytest.fixture(scope="module")
def compared(folder):
    result = run("score", *arguments(folder, *WRONG), "--out", folder / "out", "--json")
    assert result.code == 0, result
    return result


def test_methods_are_scored_and_ranked(folder, compared):
    assert [document["data"]["prediction"] for document in compared.json] == [str(folder / name) for name in WRONG]
    assert {path.name for path in (folder / "out").iterdir()} == {
        "GOOD",
        "POOR",
        "BLIND",
        "comparison.html",
        "comparison.json",
    }
    assert f"{folder / 'out'}: BLIND/, GOOD/, POOR/, comparison.html, comparison.json" in compared.error
    assert json.loads((folder / "out" / "POOR" / "evaluation.json").read_text()) == compared.json[1]
    document = valid(json.loads((folder / "out" / "comparison.json").read_text()))
    assert (document["methods"], document["cases"], document["patients"]) == (["GOOD", "POOR", "BLIND"], 3, 3)
    dice = document["targets"]["lesion"]["dice_per_case_lits"]
    assert [each["rank"] for each in dice["methods"].values()] == [1, 2, 3]
    assert [each["rank_fractions"] for each in dice["methods"].values()] == np.eye(3).tolist()
    assert [pair["p"] for pair in dice["pairs"]] == [0.25] * 3
    assert [pair["p_holm"] for pair in dice["pairs"]] == [0.75] * 3
    assert "warning: patients: 3; with fewer than 8" in compared.error
    line = next(line for line in compared.error.splitlines() if line.startswith("dice_per_case_lits"))
    assert line.split()[2:4] == ["#1", "(100%)"]
    assert line.endswith("0 of 3")


def test_the_page_shows_ranks_and_tests_of_every_metric(folder, compared):
    document = json.loads((folder / "out" / "comparison.json").read_text())
    page = Page(folder / "out" / "comparison.html")
    text = page.blocks["target-lesion"].replace("_ ", "_")  # where lines may break
    for name in document["targets"]["lesion"]:
        assert name in text
    assert "POOR \N{MINUS SIGN} GOOD" in text
    assert "0.750" in text
    assert "GOOD, POOR, BLIND compared" in page.blocks["top"]
    assert "patients: 3; with fewer than 8" in page.blocks["top"]
    assert "Holm" in page.blocks["method"]


@pytest.mark.parametrize(("table", "best"), [("markdown", "| **{}** ["), ("latex", r"& \textbf{{{}}} [")])
def test_tables_of_methods(table, best, folder, compared):
    documents = [folder / "out" / name.upper() for name in WRONG]
    result = run("compare", *documents, "--table", table, "--decimal-comma")
    assert result.code == 0, result
    dice = json.loads((folder / "out" / "comparison.json").read_text())["targets"]["lesion"]["dice_per_case_lits"]
    line = next(line for line in result.out.splitlines() if "lits" in line)
    assert best.format(f"{dice['methods']['GOOD']['mean']['value']:.3f}".replace(".", ",")) in line
    assert line.count(best.split("{")[0].strip("| ")) == (2 if table == "markdown" else 1)  # only the best is bold


def test_methods_fit_a_terminal(folder, compared):
    document = json.loads((folder / "out" / "comparison.json").read_text())
    for width, stable in ((60, False), (80, False), (120, True)):
        lines = methods(document, width=width).plain.splitlines()
        assert max(map(len, lines)) <= width
        assert any("(100%)" in line for line in lines) == stable
        shown = " ".join(line for line in lines if line.startswith("false_positives_per_case_iou_over_0.5 ")).split()
        assert [cell for cell in shown if cell.startswith("#")] != []
        assert shown[-3:] == ["0", "of", "3"]  # in a line below where the first has no room


def test_the_page_fits_a_phone_and_a_screen(folder, compared, tmp_path):
    find_browser()
    views, _ = measure([folder / "out" / "comparison.html"], (390, 1400), tmp_path)
    for view in views:
        assert view["needed"] <= view["shown"] <= view["width"], view["wide"]
        names = [figure["name"] for figure in view["figures"]]
        assert sum(name.startswith("means-lesion-") for name in names) == 10
        assert sum(name.startswith("differences-lesion-") for name in names) == 10


def test_documents_compare_as_the_masks_do(folder, compared):
    documents = [f"{name}={folder / 'out' / name.upper()}" for name in WRONG]
    result = run("compare", *documents, "--out", folder / "again", "--json")
    assert result.code == 0, result
    assert valid(json.loads((folder / "again" / "comparison.json").read_text())) == result.json
    assert (folder / "again" / "comparison.html").is_file()
    before = json.loads((folder / "out" / "comparison.json").read_text())["targets"]["lesion"]
    dice = result.json["targets"]["lesion"]["dice_per_case_lits"]
    assert dice["pairs"][1]["difference"] == before["dice_per_case_lits"]["pairs"][1]["difference"]
    assert dice["methods"]["poor"] == before["dice_per_case_lits"]["methods"]["POOR"]
    file = folder / "out" / "GOOD" / "evaluation.json"
    assert run("compare", file, folder / "out" / "POOR", "--json").json["methods"] == ["GOOD", "POOR"]


def test_methods_that_cannot_be_compared(folder, compared, tmp_path):
    good, poor = (folder / "out" / name for name in ("GOOD", "POOR"))
    assert "--" not in fails("compare", good)
    assert "give two or more" in fails("compare", good)
    assert f"{good}: two are named GOOD; give NAME=PATH" in fails("compare", good, good, code=2)
    assert "no such file" in fails("compare", good, tmp_path / "none")
    others = write_masks(tmp_path / "reference", box, patients="xyz")
    result = run(
        "score", "--prediction", others, "--reference", others, "--label", "lesion=255", "--out", tmp_path / "other"
    )
    assert result.code == 0, result
    assert "GOOD and other: share no case" in fails("compare", good, tmp_path / "other")
    write_masks(tmp_path / "larger", lambda number: box(number + 1))
    call = (
        "--prediction",
        folder / "good",
        "--reference",
        tmp_path / "larger",
        "--label",
        "lesion=255",
        "--out",
        tmp_path / "larger-out",
    )
    assert run("score", *call).code == 0
    assert "a: its references differ between GOOD and larger-out" in fails("compare", good, tmp_path / "larger-out")
    run("score", *arguments(folder, "good"), "--connectivity", 6, "--out", tmp_path / "faces")
    assert "faces: was scored with connectivity 6, and POOR with 26" in fails("compare", poor, tmp_path / "faces")
    same = ("score", "--prediction", folder / "good", "--prediction", folder / "good", "--reference", folder)
    assert f"--prediction {folder / 'good'}: two are named good" in fails(*same, code=2)

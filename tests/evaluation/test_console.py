"""What is printed: on terminals of 80 and 120 columns, and as Markdown and LaTeX."""

import csv
import re

import pytest

from cafct_keras.evaluation import console, excerpt, markup
from tests.cli import run
from tests.evaluation.mask_folders import LABELS, folders
from tests.evaluation.report.documents import document, everything, masks_alone


@pytest.fixture(scope="module")
def whole():
    return everything()[0]


@pytest.fixture(scope="module")
def once(whole):
    """One result of two targets."""
    return document(whole["results"][:1])


def lines(text):
    return text.plain.splitlines()


def row(shown, name):
    """The cells of the first row of this name."""
    found = next(line for line in shown if line.strip().startswith(name))
    return re.split(r" {2,}", found.strip())[1:]


def test_it_fits_a_terminal(whole, once):
    for width in (80, 120):
        for content in (whole, once, masks_alone()):
            assert max(map(len, lines(console.summary(content, width=width)))) <= width
    assert len(lines(console.summary(once, width=120))) <= 25  # targets side by side
    assert len(lines(console.summary(once, width=80))) > 35


def test_differences_fit_a_terminal_in_columns(whole):
    shown = lines(console.comparison(whole, width=80))
    assert max(map(len, shown)) <= 80
    assert row(shown, "lesion") == ["difference", "interval", "p", "n"]
    first, last = (next(i for i, line in enumerate(shown) if line.startswith(name)) for name in ("lesion ", "liver "))
    header, *rest = shown[first:last]
    column = header.index("difference")
    assert len(rest) > 3
    assert all(line[column - 2 : column] == "  " and line[column] in "+-" for line in rest)  # names of any length


def test_the_head_says_how_scores_were_made(once):
    head = lines(console.summary(once, width=200))[:2]
    assert head[0].startswith("Scores: 6 cases, 6 patients, 24 slices")
    for said in (
        "pixel grid of the masks",
        "volumes, 26-connected lesions",
        "surfaces of voxels",
        "patients by file names",
    ):
        assert said in head[1].split("; ")
    slices = lines(console.summary(masks_alone(), width=200))[1]
    assert "single slices, 8-connected lesions" in slices


def test_lesions_at_every_threshold_beside_nothing_and_everything(once):
    shown = lines(console.summary(once, width=120))
    lesions = once["results"][0]["summary"]["targets"]["lesion"]["lesions"]["detection"]
    below = shown[next(index for index, line in enumerate(shown) if line.startswith("lesions found")) :]
    assert row(below, "lesions found") == ["IoU over 0", "IoU over 0.1", "IoU over 0.5"]
    for measure in ("recall", "precision"):
        values = [each[measure]["value"] for each in lesions.values()]
        assert [cell.split()[0] for cell in row(below, measure)] == [f"{value:.3f}" for value in values]
    assert row(below, "predicting nothing") == ["0.000"] * 3
    assert row(below, "predicting everything") == ["1.000", "0.000", "0.000"]
    overlap = once["results"][0]["summary"]["targets"]["lesion"]["overlap"]["per_case_lits"]["dice"]
    cells = row(lines(console.summary(once, width=80)), "per_case_lits")
    expected = [f"{overlap[f'predict_{what}']:.3f}" for what in ("nothing", "everything")]
    assert cells[-2:] == expected
    assert overlap["predict_nothing"] > 0  # a case shows no lesion


def test_results_stand_beside_each_other(whole):
    shown = lines(console.summary(whole))
    assert row(shown, "lesion ")[:2] == ["Dice as predicted", "Dice post-processed"]
    found = shown[next(index for index, line in enumerate(shown) if line.startswith("lesions found")) :]
    for result in whole["results"]:
        recall = result["summary"]["targets"]["lesion"]["lesions"]["detection"]["iou_over_0"]["recall"]["value"]
        assert row(found, result["name"])[0].startswith(f"{recall:.3f}")


def test_markdown(whole):
    blocks = markup.markdown(whole).split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("|")]
    assert [table[0].split("|")[1].strip() for table in tables] == ["lesion", "lesions found", "liver"]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    dice = whole["results"][0]["summary"]["targets"]["lesion"]["overlap"]["per_case_lits"]["dice"]
    written = f"| per_case_lits | {dice['value']:.3f} [{dice['low']:.3f}\N{EN DASH}{dice['high']:.3f}] |"
    assert any(line.startswith(written) for line in tables[0])
    assert "pixel grid" in blocks[0]
    assert "0,000" in markup.markdown(whole, decimal=",")
    assert "IoU over 0,1 |" in markup.markdown(whole, decimal=",")


def test_latex(whole):
    source = markup.latex(whole)
    assert source.count(r"\begin{tabular}") == source.count(r"\end{tabular}") == 3
    body = [line for line in source.splitlines() if line.endswith(r"\\")]
    per_table = 2 + len(excerpt.overlap_and_surface(whole, "lesion").columns)
    assert body[0].count("&") == per_table - 2
    assert r"per\_case\_lits & " in source
    for line in source.splitlines():
        assert line.startswith("%") or not re.search(r"(?<!\\)[_%#$]", line), line


@pytest.mark.parametrize(("table", "name"), [("markdown", "scores.md"), ("latex", "scores.tex")])
def test_tables_are_printed_and_written(table, name, volumes):
    result = run("score", *folders(volumes), *LABELS, "--out", volumes / "out", "--table", table, "--decimal-comma")
    assert result.code == 0, result
    written = (volumes / "out" / name).read_text()
    assert written in result.out
    assert re.search(r"per\\?_case\\?_lits [|&] 0,\d{3}", written)
    assert name in result.out.strip().splitlines()[-1]


def test_decimal_commas(volumes):
    result = run("score", *folders(volumes), *LABELS, "--out", volumes / "out", "--decimal-comma")
    assert re.search(r"^per_case_lits +0,\d{3}|1,000", result.out, re.MULTILINE)
    plain = run("score", *folders(volumes), *LABELS, "--out", volumes / "plain")
    assert plain.code == 0
    for name in ("cases.csv", "slices.csv"):
        with (volumes / "out" / name).open() as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        with (volumes / "plain" / name).open() as file:
            expected = list(csv.DictReader(file))
        assert len(rows) == len(expected) > 0
        if name == "cases.csv":
            said = {(row["grid"], row["connectivity"], row["surface"], row["patients"]) for row in rows}
            assert said == {("masks", "26", "voxels", "each case")}
        for found, wanted in zip(rows, expected, strict=True):
            assert found["case"] == wanted["case"]
            assert float(found["dice"].replace(",", ".") or "nan") == pytest.approx(
                float(wanted["dice"] or "nan"), nan_ok=True
            )
            assert "." not in found["dice"]

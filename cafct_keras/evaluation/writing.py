"""Writing of an evaluation's folder."""

import dataclasses
import json
import pathlib

from cafct_keras.evaluation.lesion_table import lesion_columns, lesion_rows
from cafct_keras.evaluation.markup import FORMATS, SUFFIXES
from cafct_keras.evaluation.results import AS_PREDICTED, Document, Evaluation
from cafct_keras.evaluation.results.methods import MethodComparison
from cafct_keras.evaluation.tables import case_rows, slice_rows
from pipelines.optional import optional
from pipelines.printable import printable
from pipelines.tables import write_rows

with optional("report.html", extra="report"):
    from cafct_keras.evaluation.report.comparison_page import write_comparison_page
    from cafct_keras.evaluation.report.page import write_report


def write_evaluation(
    evaluation: Evaluation, folder: str | pathlib.Path, *, table: str | None = None, decimal: str = "."
) -> None:
    """Writes `evaluation.json`, `cases.csv`, `slices.csv`, `lesions.csv` and `report.html`.

    The tables have one row per result, case and target (and slice, or lesion), see `case_rows`, `slice_rows` and
    `lesion_rows`; undefined values are empty fields. The last columns of `cases.csv` say how all rows were scored.

    Args:
        evaluation: the evaluation.
        folder: where to write; created if absent. For a folder that appears complete or not at all, write into an
            `atomic_directory`.
        table: of `markup.FORMATS`, to write `scores.md` or `scores.tex` too.
        decimal: sign between units and tenths in tables; fields of a .csv are separated by semicolons if it is a comma.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation.as_json, indent=1, allow_nan=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    for name, rows_of in (("cases.csv", case_rows), ("slices.csv", slice_rows), ("lesions.csv", lesion_rows)):
        said = _how_scored(evaluation.document) if name == "cases.csv" else {}
        rows = [
            {"result": result, **row, **said} for result, cases in evaluation.scores.items() for row in rows_of(cases)
        ]
        columns = list(rows[0]) if rows else ["result", *lesion_columns(evaluation.scores[AS_PREDICTED])]
        write_rows(folder / name, columns, rows, decimal=decimal)
    _write_markup(folder, evaluation.as_json, table, decimal)
    write_report(evaluation.as_json, evaluation.pictures, folder / "report.html")


def write_comparison(
    comparison: MethodComparison, folder: str | pathlib.Path, *, table: str | None = None, decimal: str = "."
) -> None:
    """Writes `comparison.json` and `comparison.html`.

    Args:
        comparison: of several methods.
        folder: where to write, see `write_evaluation`.
        table: likewise.
        decimal: likewise.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document = dataclasses.asdict(comparison)
    text = json.dumps(document, indent=1, allow_nan=False)
    (folder / "comparison.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    _write_markup(folder, document, table, decimal)
    write_comparison_page(document, folder / "comparison.html")


def _how_scored(document: Document) -> dict[str, str | int | None]:
    """What a row has to say about itself once its table is joined with another."""
    options = document.results[0].summary.options
    return {
        "connectivity": options.connectivity,
        "surface": options.surface,
        "patients": document.data.patients,
    }


def _write_markup(folder: pathlib.Path, document: dict, table: str | None, decimal: str) -> None:
    if table is not None:
        text = printable(FORMATS[table](document, decimal=decimal))
        (folder / f"scores{SUFFIXES[table]}").write_text(text + "\n", encoding="utf-8", newline="\n")

"""Writing of an evaluation's folder."""

import csv
import json
import pathlib
from collections.abc import Sequence

from cafct_keras.evaluation.results import Evaluation
from cafct_keras.evaluation.tables import case_rows, slice_rows
from pipelines.optional import optional

with optional("report.html", extra="report"):
    from cafct_keras.evaluation.report.page import write_report


def write_evaluation(evaluation: Evaluation, folder: str | pathlib.Path) -> None:
    """Writes `evaluation.json`, `cases.csv`, `slices.csv` and `report.html`.

    The tables have one row per result, case and target (and slice), see `case_rows` and `slice_rows`; undefined values
    are empty fields.

    Args:
        evaluation: the evaluation.
        folder: where to write; created if absent. For a folder that appears complete or not at all, write into an
            `atomic_directory`.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation.as_json, indent=1, allow_nan=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    for name, rows_of in (("cases.csv", case_rows), ("slices.csv", slice_rows)):
        rows = [{"result": result, **row} for result, cases in evaluation.scores.items() for row in rows_of(cases)]
        _write_table(folder / name, rows)
    write_report(evaluation.as_json, evaluation.pictures, folder / "report.html")


def _write_table(path: pathlib.Path, rows: Sequence[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)

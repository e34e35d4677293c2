"""Measurements as files: `measurements.json`, and a table each of cases and of lesions."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cafct_keras.measurement.measurements import LesionMeasurements, Measurements
from pipelines.atomic import atomic_write, atomic_write_text
from pipelines.tables import write_rows

DOCUMENT, CASES, LESIONS = "measurements.json", "measurements.csv", "lesions.csv"  # names of the files

# Of fields with a value per axis.
_COLUMNS = {
    "spacing_mm": ("spacing_slice_mm", "spacing_row_mm", "spacing_column_mm"),
    "centroid": ("centroid_slice", "centroid_row", "centroid_column"),
    "centroid_lps_mm": ("centroid_lps_x_mm", "centroid_lps_y_mm", "centroid_lps_z_mm"),
}


def write_measurements(measurements: Mapping[str, Measurements], folder: str | Path) -> None:
    """Writes `measurements.json`, `measurements.csv` and `lesions.csv`, each complete or not at all.

    `measurements.json` is `{"cases": {name: Measurements}}`; the tables have one row per case and one per lesion, with
    the same fields; those with a value per axis take three columns, such as `centroid_lps_x_mm`. What is undefined is
    null, and an empty field in the tables.

    Args:
        measurements: name of each case to its measurements; files list them in this order.
        folder: where to write; it must exist.
    """
    folder = Path(folder)
    document = {"cases": {name: dataclasses.asdict(each) for name, each in measurements.items()}}
    atomic_write_text(folder / DOCUMENT, json.dumps(document, indent=1, allow_nan=False) + "\n")
    cases = [{"case": name, **_row(each)} for name, each in measurements.items()]
    lesions = [{"case": name, **_row(lesion)} for name, each in measurements.items() for lesion in each.lesions]
    for file, kind, rows in ((CASES, Measurements, cases), (LESIONS, LesionMeasurements, lesions)):
        with atomic_write(folder / file) as temporary:
            write_rows(temporary, ["case", *_columns(kind)], rows)


def read_measurements(file: str | Path) -> dict[str, Measurements]:
    """Reads what `write_measurements` wrote to `measurements.json`."""
    cases = json.loads(Path(file).read_text(encoding="utf-8"))["cases"]
    return {name: Measurements.from_dict(each) for name, each in cases.items()}


def _columns(kind: type) -> list[str]:
    names = [field.name for field in dataclasses.fields(kind) if field.name != "lesions"]
    return [column for name in names for column in _COLUMNS.get(name, (name,))]


def _row(measured: Measurements | LesionMeasurements) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in vars(measured).items():
        if name in _COLUMNS:
            row.update(zip(_COLUMNS[name], value or (None,) * 3, strict=True))
        elif name != "lesions":
            row[name] = value
    return row

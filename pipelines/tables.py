"""Writing of CSV tables."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, decimal: str = ".") -> None:
    r"""Writes rows with a header; None becomes an empty field, and floats keep all their digits.

    Bytes of a file's name that are not UTF-8 are written as `\udcXX`, as JSON has them, so that the table can be read.

    Args:
        path: the file, temporary or in a temporary folder, see `pipelines.atomic`.
        columns: names, in order.
        rows: column to value.
        decimal: sign between units and tenths; fields are separated by semicolons if it is a comma.
    """
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.DictWriter(file, columns, delimiter=";" if decimal == "," else ",", lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow(
                {
                    name: str(value).replace(".", decimal) if isinstance(value, float) else value
                    for name, value in row.items()
                }
            )

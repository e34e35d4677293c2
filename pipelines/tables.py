"""Reading and writing of CSV tables."""

import codecs
import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.printable import as_cell, from_cell

_MARKS = {  # UTF-32 first, whose mark starts with that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = ",;\t|"
_LARGEST = 256 << 20  # bytes, many times those of the table of a million slices

Rows = list[tuple[int, list[str]]]
"""Number of the line in the file, from 1, and its cells without blanks around them."""


def read_rows(path: Path, *, columns: Collection[str] = ()) -> Rows:
    """Reads a table as people's programs write them.

    Encodings are UTF-8, UTF-16 and UTF-32, and Windows-1252, which spreadsheets write, for what is none of them.
    Separators are commas, semicolons, tabs and bars. Left out are empty lines, comments (`#` before the first line,
    or in a line of its own), the line `sep=;` of spreadsheets, and the apostrophes of `as_cell`.

    Args:
        path: the file.
        columns: names, in lower case, that its first line may have; they tell its separator from others.

    Returns:
        The lines; the first may be a header.

    Raises:
        ValueError: it is not a table; a few words that say why.
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe is waited for without end
        raise ValueError("not a regular file")
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"more than {_LARGEST >> 20} MB")
    lines = _decode(path.read_bytes()).splitlines(keepends=True)
    start, separator = 0, None
    for start, line in enumerate((*lines, "")):
        text = line.strip()
        if text.lower().startswith("sep=") and len(text) == 5:
            separator = text[-1]
        elif text.startswith("#") and any(_known(text[1:], each, columns) > 1 for each in _SEPARATORS):
            lines[start] = line.replace("#", "", 1)  # the header itself
            break
        elif text and not text.startswith("#"):
            break
    rows = []
    try:
        separator = separator or _separator(lines[start:], columns)
        reader = csv.reader(io.StringIO("".join(lines[start:]), newline=""), delimiter=separator, skipinitialspace=True)
        for row in reader:
            cells = [from_cell(cell.strip()) for cell in row]
            if any(cells) and not (cells[0].startswith("#") and not any(cells[1:])):
                rows.append((start + reader.line_num, cells))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return rows


def _decode(data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if encoding is None and data.count(0) > len(data) // 4:  # every second byte of text in Latin letters
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
    for name in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    raise ValueError("its encoding is unknown")


def _separator(lines: Sequence[str], columns: Collection[str]) -> str:
    """The separator by which the first line has most known columns, or else the first few lines as many cells each."""
    few = lines[:20]

    def rank(separator: str) -> tuple[int, bool, int]:
        counts = {len(row) for row in csv.reader(few, delimiter=separator, skipinitialspace=True) if row}
        return _known(few[0], separator, columns), len(counts) == 1, min(counts, default=0)

    return max(_SEPARATORS, key=rank) if few else ","


def _known(line: str, separator: str, columns: Collection[str]) -> int:
    return sum(cell.strip(" \t\r\n\"'").lower() in columns for cell in line.split(separator))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, decimal: str = ".") -> None:
    """Writes rows with a header; None becomes an empty field, floats keep all their digits, and texts are `as_cell`.

    Args:
        path: the file, temporary or in a temporary folder, see `pipelines.atomic`.
        columns: names, in order.
        rows: column to value.
        decimal: sign between units and tenths; fields are separated by semicolons if it is a comma.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, delimiter=";" if decimal == "," else ",", lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow({name: _cell(value, decimal) for name, value in row.items()})


def _cell(value: Any, decimal: str) -> Any:
    if isinstance(value, float):
        return str(value).replace(".", decimal)
    return as_cell(value) if isinstance(value, str) else value

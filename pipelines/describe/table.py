"""Description of a data folder as text."""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.columns import GAP, column_blocks

PAPER_NOTE = "what the paper's Table 1 prints as Liver Mask and Lesion Mask is the number of EMPTY masks"
"""Line below the table of a `lits_png` folder."""

Cell = Callable[[dict[str, Any]], str]
"""Text of a cell, from the summary of a part of the split."""


def table(description: Mapping[str, Any], *, width: int | None = None) -> str:
    """Formats a description as a table with one column per part of the split.

    Args:
        description: as returned by `describe`.
        width: columns of the terminal; what it has no room for follows below. None for a file or a pipe.
    """
    parts = description["parts"]
    cells = [["", *parts]]
    for label, cell in _rows(description):
        cells.append([label, *(cell(part) if part["slices"] else "-" for part in parts.values())])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [f"{description['layout']}, intensity {description['intensity']}, {description['fingerprint'][:12]}"]
    lines += [f"  {note}" for note in description["notes"]]
    for block in column_blocks(widths, width):
        for row in cells:
            label, *values = (row[index].rjust(widths[index]) for index in block)
            lines.append((" " * GAP).join([row[0].ljust(len(label)), *values]))
    if "as_the_paper_counts" in parts["all"]:
        lines.append(f"*  {PAPER_NOTE}")
    return "\n".join([*lines, "** median (5th to 95th percentile)"])


def _rows(description: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    everything, targets = description["parts"]["all"], description["targets"]
    unit = "HU" if description["intensity"] == "hu" else "grey"
    rows: list[tuple[str, Cell]] = [(key, _count(key)) for key in ("cases", "patients", "slices")]
    for target in targets:
        rows.append((f"  with {target}", _count("slices_with", target)))
        if "as_the_paper_counts" in everything:
            rows.append((f'  paper\'s "{target.title()} Mask" *', _count("as_the_paper_counts", target)))
    if targets:
        rows.append(("  without either" if targets[1:] else f"  without {targets[0]}", _count("slices_without")))
    rows.append(("height x width", _sizes))
    if everything["spacing_mm"]:
        rows += [(f"mm between {axis}s", _range("spacing_mm", axis)) for axis in ("slice", "row", "column")]
    rows.append((f"{unit}, minimum to maximum", _extremes))
    rows += [(f"{unit} in {name} **", _spread("intensity", name, "percentiles")) for name in ("body", *targets)]
    rows += [(f"% of pixels {target}", _percent("share", target)) for target in targets]
    if pieces := everything["pieces"]:
        label = "lesions" if pieces["of"] == "lesion" else f"components of {pieces['of']}"
        rows.append((label, _count("pieces", "count")))
        if pieces["measured"]:
            rows.append(("  mL **", _spread("pieces", "volume_ml")))
            rows.append(("  mm across **", _spread("pieces", "diameter_mm")))
        else:
            rows.append(("  pixels **", _spread("pieces", "pixels")))
    return rows


def _get(part: dict[str, Any], keys: tuple[str, ...]) -> Any:
    """A nested value, None where there is none on the way to it."""
    value: Any = part
    for key in keys:
        value = None if value is None else value[key]
    return value


def _count(*keys: str) -> Cell:
    return lambda part: f"{_get(part, keys):,}"


def _percent(*keys: str) -> Cell:
    return lambda part: f"{100 * _get(part, keys):.3f}"


def _range(*keys: str) -> Cell:
    def cell(part: dict[str, Any]) -> str:
        lengths = _get(part, keys)
        if lengths is None:
            return "-"
        low, high = (f"{length:.2f}" for length in lengths)
        return low if low == high else f"{low} to {high}"

    return cell


def _spread(*keys: str) -> Cell:
    def cell(part: dict[str, Any]) -> str:
        spread = _get(part, keys)
        if spread is None:
            return "-"
        low, median, high = (_short(spread[key]) for key in ("p5", "median", "p95"))
        return f"{median} ({low} to {high})"

    return cell


def _extremes(part: dict[str, Any]) -> str:
    return "{least} to {greatest}".format(**part["intensity"]["image"])


def _short(value: float) -> str:
    return f"{value:.0f}" if isinstance(value, int) or value >= 100 else f"{value:.3g}"


def _sizes(part: dict[str, Any]) -> str:
    return ", ".join(part["sizes"]) if len(part["sizes"]) < 3 else f"{len(part['sizes'])} sizes"

"""Reading everything in a data folder and naming each thing that is wrong with it."""

import importlib
from pathlib import Path

from pipelines.checks.overlap import check_overlap
from pipelines.checks.text import table
from pipelines.errors import DataError
from pipelines.findings import SEVERITIES, Finding, Report
from pipelines.layouts import LAYOUTS, find_layout, open_source

__all__ = ["SEVERITIES", "Finding", "table", "verify"]


def verify(directory: str | Path, *, layout: str | None = None) -> list[Finding]:
    """Reads every file of a data folder and reports each problem; none ends the reading.

    What the folder's reader refuses is an error, what it reads but nobody should train on unawares a warning, what is
    merely good to know a note. No more than one case is held in memory.

    Example:
        >>> findings = verify("lits-png")
        >>> print(table(findings, "lits-png"))

    Args:
        directory: the folder.
        layout: one of `LAYOUTS`; None to find out by looking.

    Returns:
        The findings, errors first, then by code and file. A note with the code `read` says what was read; a clean
        folder has no error and no warning.

    Raises:
        DataError: there is no such folder, or the layout's name is unknown.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise DataError(f"no such data folder: {directory}; give the folder to check")
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"--layout {layout}: unknown; give {', '.join(LAYOUTS)}")
    report = Report(directory)
    try:
        layout = layout or find_layout(directory)
    except DataError as error:
        report.refused("layout-unknown", directory, error)
        return report.sorted()
    importlib.import_module(f"pipelines.layouts.{layout}.check").check(directory, report)
    check_overlap(directory, report)
    if not any(one.severity == "error" for one in report.findings):
        try:  # what passes here is to open there: too few patients for a split, say
            open_source(directory, target="lesion", size=1, layout=layout)
        except DataError as error:
            report.refused("reader", directory, error)
    counts = report.counts
    report.note(
        "read", directory, f"{layout}: {counts['cases']} cases, {counts['slices']} slices, {counts['files']} files"
    )
    return report.sorted()

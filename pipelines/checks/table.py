"""Findings as text."""

import collections
import io
from collections.abc import Sequence
from pathlib import Path

from pipelines.findings import SEVERITIES, Finding
from pipelines.printable import one_line, printable

_MOST = 10  # rows per code in a table, or a set of 58,638 slices with one habit would hide everything else


def table(findings: Sequence[Finding], directory: str | Path, *, width: int | None = None) -> str:
    """Renders findings as text.

    Args:
        findings: as `verify` returned them.
        directory: the folder, as the user calls it.
        width: columns of the terminal, for a table with at most ten rows per code; None for a file or a pipe: every
            finding on a line of its own that is never wrapped.

    Returns:
        The findings, and a line that counts them and says what was read.
    """
    read = next((f" ({one.message})" for one in findings if one.code == "read"), "")
    shown = [one for one in findings if one.code != "read"]
    if not shown:
        return f"{directory}: no problems found{read}"
    counts = collections.Counter(one.severity for one in shown)
    numbers = ", ".join(f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}" for severity in SEVERITIES)
    lines = "\n".join(_line(one) for one in shown) if width is None else _table(shown, width)
    return f"{lines}\n{directory}: {numbers}{read}"


def _line(finding: Finding) -> str:
    return f"{finding.severity} {finding.code} {one_line(finding.file)}: {finding.message}"


def _table(findings: Sequence[Finding], width: int) -> str:
    # Imported here, since only a terminal needs it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = Table(box=None, pad_edge=False, header_style="")
    for column in ("severity", "code"):
        rows.add_column(column, no_wrap=True)
    rows.add_column("file", overflow="fold", max_width=max(20, width // 3))
    rows.add_column("problem", overflow="fold")
    totals = collections.Counter((one.severity, one.code) for one in findings)
    shown: collections.Counter[tuple[str, str]] = collections.Counter()
    for one in findings:
        kind = (one.severity, one.code)
        shown[kind] += 1
        if shown[kind] <= _MOST:  # Text, since the name of a file may look like markup
            rows.add_row(*map(Text, (*kind, one_line(one.file), printable(one.message))))
        elif shown[kind] == _MOST + 1:
            rows.add_row(*map(Text, (*kind, "", f"and {totals[kind] - _MOST} more; --json lists all")))
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False, emoji=False).print(rows)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())

"""The findings as a table of text."""

import collections
import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.findings import SEVERITIES, Finding

_WIDTH = 140  # characters
_MOST = 10  # lines of one code, or a set of 58,638 slices with one habit would hide everything else


def table(findings: Sequence[Finding], directory: str | Path) -> str:
    """Renders findings as text.

    Args:
        findings: what `verify` returned.
        directory: the folder, as the user calls it.

    Returns:
        A line that counts the findings and says what was read; above it, if there is anything to tell, a table with
        at most ten lines of each code.
    """
    read = next((f" ({one.message})" for one in findings if one.code == "read"), "")
    told = [one for one in findings if one.code != "read"]
    counts = collections.Counter(one.severity for one in told)
    if not told:
        return f"{directory}: nothing wrong{read}"
    numbers = ", ".join(f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}" for severity in SEVERITIES)
    return f"{_render(told)}\n{directory}: {numbers}{read}"


def _render(findings: Sequence[Finding]) -> str:
    rows = Table(box=None, pad_edge=False, header_style="")
    for column in ("severity", "code"):
        rows.add_column(column, no_wrap=True)
    rows.add_column("file", overflow="fold", max_width=48)
    rows.add_column("what is wrong", overflow="fold")
    totals = collections.Counter((one.severity, one.code) for one in findings)
    shown: collections.Counter[tuple[str, str]] = collections.Counter()
    for one in findings:
        kind = (one.severity, one.code)
        shown[kind] += 1
        if shown[kind] <= _MOST:  # Text, since a file's name may look like markup
            rows.add_row(*map(Text, (*kind, one.file, one.message)))
        elif shown[kind] == _MOST + 1:
            rows.add_row(*map(Text, (*kind, "", f"and {totals[kind] - _MOST} more; --json lists all")))
    out = io.StringIO()
    Console(file=out, width=_WIDTH, color_system=None, force_terminal=False, emoji=False).print(rows)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())

"""Console output."""

import sys
from typing import IO

from rich.console import Console

_UNLIMITED = 100_000


def make_console(file: IO[str] | None = None) -> Console:
    """Console for reports: as wide as the terminal, and without wrapping in a file or pipe, so that `grep` finds lines.

    Args:
        file: where to write; standard output by default.
    """
    terminal = (file or sys.stdout).isatty()
    return Console(file=file, highlight=False, soft_wrap=True, width=None if terminal else _UNLIMITED)

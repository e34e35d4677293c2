"""Console output."""

import sys
from typing import IO, Any

from rich.console import Console

from pipelines.printable import printable

_UNLIMITED = 100_000


class PlainConsole(Console):
    """Console that prints texts as they are: names of files may look like markup, or hold control characters."""

    def print(self, *objects: Any, **options: Any) -> None:
        """See `rich.console.Console.print`, and `printable`."""
        super().print(*map(printable, objects), **options)


def make_console(file: IO[str] | None = None) -> Console:
    """Console for reports: as wide as the terminal, and without wrapping in a file or pipe, so that `grep` finds lines.

    What moves the cursor, such as a progress bar, is for interactive consoles only: not for files that FORCE_COLOR asks
    colours for, terminals with TERM=dumb, or notebooks, which show plain lines.

    Args:
        file: where to write; standard output by default.
    """
    terminal = (file or sys.stdout).isatty()
    return PlainConsole(
        file=file,
        highlight=False,
        soft_wrap=True,
        markup=False,
        emoji=False,
        width=None if terminal else _UNLIMITED,
        force_interactive=None if terminal else False,
        force_jupyter=False,  # where every line would be a block of HTML
    )

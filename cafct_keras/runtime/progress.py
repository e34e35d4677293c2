"""Progress over cases."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import rich.progress
from rich.console import Console

LINES = 10  # at most, without a terminal

Item = TypeVar("Item")


def track(
    items: Iterable[Item], *, total: int, what: str, console: Console | None = None, quiet: bool = False
) -> Iterator[Item]:
    """Yields the items while reporting progress: a bar on a terminal, a few lines elsewhere.

    Args:
        items: one per case.
        total: their number.
        what: description, such as `"scoring"`.
        console: where to report to; None for the standard output.
        quiet: plain lines even on a terminal.
    """
    console = console or Console()
    if console.is_terminal and not quiet:
        yield from rich.progress.track(items, description=what, total=total, console=console, transient=True)
        return
    started = time.perf_counter()
    step = -(-total // LINES)
    for number, item in enumerate(items, 1):
        yield item
        if number % step == 0 and number < total:
            spent = time.perf_counter() - started
            left = spent / number * (total - number)
            console.print(
                f"{what}: {number} of {total} cases, {spent:.0f} s, {left:.0f} s left", highlight=False, soft_wrap=True
            )

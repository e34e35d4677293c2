"""Progress over cases: a bar where there is a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import track

LINES = 10  # at most, where there is no terminal


def watched(items: Iterable, *, total: int, what: str, console: Console, quiet: bool = False) -> Iterator:
    """Yields the items and reports how far it is.

    Args:
        items: one a case.
        total: how many there will be.
        what: is done, such as `"scoring"`.
        console: where to report to.
        quiet: plain lines even on a terminal.
    """
    if console.is_terminal and not quiet:
        yield from track(items, description=what, total=total, console=console, transient=True)
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

"""Progress over cases."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

from cafct_keras.runtime.console import make_console
from cafct_keras.runtime.durations import duration
from pipelines.printable import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINES = 10  # at most, without a terminal
PATIENCE = 10.0  # seconds without a line, after which there is one within a case

Item = TypeVar("Item")


class CaseProgress:
    """Reports progress over cases: a bar on a terminal, a few lines elsewhere.

    Args:
        total: number of cases.
        what: description, such as `"scoring"`.
        console: where to report to; None for the standard output.
        quiet: plain lines even on a terminal.
    """

    def __init__(self, *, total: int, what: str, console: Console | None = None, quiet: bool = False) -> None:
        self._total, self._what = total, one_line(what)
        self._console = console or make_console()
        self._finished, self._worked, self._told = 0, 0.0, 0.0
        self._lock = threading.Lock()
        self._bar: tuple[Progress, TaskID] | None = None
        if self._console.is_interactive and not quiet:
            from rich import progress  # which takes as long as reading a small scan

            text = progress.TextColumn("{task.description}", markup=False)
            _, *columns = progress.Progress.get_default_columns()
            bar = progress.Progress(text, *columns, console=self._console, transient=True)
            self._bar = bar, bar.add_task(self._what, total=total)

    def __enter__(self) -> CaseProgress:
        self._started = self._last = time.perf_counter()
        if self._bar:
            self._bar[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar[0].stop()

    def advance(self, cases: float) -> None:
        """Adds work on cases that are not finished, such as 0.02 of one; from any thread."""
        with self._lock:
            self._worked = min(self._worked + cases, self._total)
            late = time.perf_counter() - self._last > PATIENCE and self._worked - self._told >= self._total / LINES
            self._show(f"{self._worked / self._total:.0%}" if late else None)

    def finish(self) -> None:
        """Adds a case that is finished, whether or not its work was added."""
        with self._lock:
            self._finished += 1
            self._worked = max(self._worked, self._finished)
            due = self._finished % -(-self._total // LINES) == 0
            self._show(f"{self._finished} of {self._total} cases" if due else None)

    def _show(self, done: str | None) -> None:
        """Updates the bar, or prints a line if there is something to say."""
        if self._bar:
            self._bar[0].update(self._bar[1], completed=self._worked)
        elif done is not None and self._worked < self._total:
            self._last, self._told = time.perf_counter(), self._worked
            spent = self._last - self._started
            left = spent / self._worked * (self._total - self._worked)
            line = f"{self._what}: {done}, {duration(spent)}, {duration(left)} left"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def track(
    items: Iterable[Item], *, total: int, what: str, console: Console | None = None, quiet: bool = False
) -> Iterator[Item]:
    """Yields the items, one per case, while reporting progress; see `CaseProgress`."""
    with CaseProgress(total=total, what=what, console=console, quiet=quiet) as progress:
        for item in items:
            yield item
            progress.finish()

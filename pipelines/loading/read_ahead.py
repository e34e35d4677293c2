"""Doing work ahead in threads, in order and in little memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pipelines.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None) -> Iterator[Result]:
    """Yields `work(item)` for every item, in order, while threads work on those that come next.

    Threads are enough where the work is decoding, which runs outside the interpreter's lock.

    Args:
        work: safe to call from as many threads as there are workers.
        items: what to work on; taken as needed, one more at a time than there are workers.
        workers: threads; None for one a core. One works on the items one after the other.

    Raises:
        Whatever `work` raises, at the item's turn.
    """
    workers = workers or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def read_ahead(
    read: Callable[[str], Result], names: Iterable[str], *, failures: list[dict[str, str]] | None = None
) -> Iterator[Result]:
    """Yields `read(name)` for every name, in order, while one thread reads the next: for cases, which are large.

    Args:
        read: reads one case; never called twice at a time.
        names: what to read.
        failures: gets `{"case": name, "message": ...}` for each case that cannot be read, and reading goes on; None to
            stop there.

    Raises:
        DataError: a case cannot be read, and there is no list for it.
    """

    def attempt(name: str) -> Result | None:
        try:
            return read(name)
        except DataError as error:
            if failures is None:
                raise
            failures.append({"case": name, "message": str(error)})
            return None

    yield from (case for case in map_ahead(attempt, names, workers=1) if case is not None)

"""Reading ahead in threads: results come in order, and few of them are in memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pipelines.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> Generator[Result, None, None]:
    """Yields `work(item)` for every item, in order, while threads work on the next ones.

    For work that releases the interpreter's lock, which decoding a PNG does not; see `map_cases` for that.

    Args:
        work: function to call, from several threads at a time if there are several workers.
        items: taken as needed; at most `workers + 1` are in progress.
        workers: number of threads; None for one per core.
        stop: called at the end, or where the caller wants no more, before what is in progress is waited for.

    Raises:
        Exception: whatever `work` raises, at the item's turn.
    """
    workers = workers or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        stop()
        pool.shutdown(cancel_futures=True)


def read_ahead(
    read: Callable[[str], Result], names: Iterable[str], *, failures: list[dict[str, str]] | None = None
) -> Iterator[Result]:
    """Yields `read(name)` for every name, in order, while one thread reads the next: for whole cases, which are large.

    Args:
        read: reads one case; never called twice at a time.
        names: names of the cases.
        failures: list to which `{"case": name, "message": ...}` is appended for each case that cannot be read, and
            which is left out; None to raise instead.

    Raises:
        DataError: a case cannot be read and `failures` is None.
    """

    def attempt(name: str) -> Result | None:
        try:
            return read(name)
        except DataError as error:
            if failures is None:
                raise
            failures.append({"case": name, "message": str(error)})
            return None

    # A filter, unlike a loop, does not keep a case while its successor is awaited.
    yield from filter(lambda case: case is not None, map_ahead(attempt, names, workers=1))

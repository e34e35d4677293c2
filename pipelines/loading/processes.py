"""Work in several processes: results come in order, and are the same whatever the number of processes."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pipelines.errors import DataError

Result = TypeVar("Result")

_work: Callable[[str], Any]  # of this process, if it is a worker


def map_processes(
    work: Callable[[str], Result], names: Iterable[str], *, jobs: int, failures: list[dict[str, str]] | None = None
) -> Iterator[Result]:
    """Yields `work(name)` for every name, in order, while other processes work on the next ones.

    The processes are started afresh (not forked, which threads do not survive), so a program that calls this does so
    within `if __name__ == "__main__":`. They end with this one, however it ends.

    Args:
        work: function to call; it is pickled once per process.
        names: of the cases.
        jobs: number of processes; at most twice as many results are in memory.
        failures: see `read_ahead`.

    Raises:
        DataError: as `work` raises it and `failures` is None, or a process was killed.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(work,))
    pending: deque[tuple[str, Future[Result]]] = deque()

    def results(most: int) -> Iterator[Result]:
        while len(pending) > most:
            name, future = pending.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                raise DataError(
                    f"`jobs` {jobs}: a process ended before its case was done, perhaps for lack of memory; give fewer"
                ) from None
            except DataError as error:
                if failures is None:
                    raise
                failures.append({"case": name, "message": str(error)})

    try:
        for name in names:
            with _without_interrupts():  # which a process started here would take for its own
                pending.append((name, pool.submit(_call, name)))
            yield from results(2 * jobs - 1)
        yield from results(0)
        pool.shutdown()
    finally:
        # Processes end with the case that they are at: one that is terminated within a result hangs whoever reads it.
        pool.shutdown(wait=False, cancel_futures=True)


def _begin(work: Callable[[str], Any]) -> None:
    global _work
    _work = work
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _call(name: str) -> Any:
    return _work(name)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Holds Ctrl-C back; a process that is started meanwhile never sees it, and ends when this one does."""
    if sys.platform == "win32":  # which has no signal masks
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

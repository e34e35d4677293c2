"""Work on all cases of a source, in several processes where it takes long."""

import functools
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipelines.case import Source
from pipelines.findings import Remark
from pipelines.loading.processes import ProcessLostError, map_processes

Result = TypeVar("Result")

_MOST = 8  # processes, each of which has a case in memory
_PATIENCE = 1.0  # seconds until others are started, which takes as long
_CHUNKS = 16  # in the time of `_PATIENCE`


def map_cases(work: Callable[[Source, str], Result], source: Source, names: Sequence[str]) -> Iterator[Result]:
    """Yields `work(source, name)` for every case, in order.

    After a second, processes on all cores, eight at most, take what is left. Where one is lost, perhaps for lack of
    memory, or cannot import the source, which a script may define, this process goes on alone. Results, and what the
    source remarks on its files, are the same.

    Args:
        work: function to call.
        source: the reader; pickled, with `work` and its results, where that is possible.
        names: of its cases.

    Raises:
        DataError: a case cannot be read.
    """
    done, end = 0, time.monotonic() + _PATIENCE
    jobs = min(_cores(), _MOST)
    for name in names:
        if jobs > 1 and time.monotonic() > end:
            break
        yield work(source, name)
        done += 1
    size = max(1, done // _CHUNKS)  # a few slices are not worth sending one by one
    chunks = [names[start : start + size] for start in range(done, len(names), size)]
    work_on = functools.partial(_work_on, work, source)
    if len(chunks) > 1 and _can_be_pickled(work_on):
        try:
            for results, remarks in map_processes(work_on, chunks, jobs=jobs):
                source.add_remarks(remarks)
                done += len(results)
                yield from results
        except ProcessLostError:
            pass
    for name in names[done:]:
        yield work(source, name)


def _work_on(
    work: Callable[[Source, str], Result], source: Source, names: Sequence[str]
) -> tuple[list[Result], list[Remark]]:
    known = len(source.remarks)
    return [work(source, name) for name in names], source.remarks[known:]


def _can_be_pickled(work: object) -> bool:
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError):  # all of which pickle raises
        return False
    return True


def _cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))  # not all of a shared machine
    return os.cpu_count() or 1

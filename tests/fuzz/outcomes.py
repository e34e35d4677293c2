"""Outcomes of a fuzz campaign."""

import collections
import contextlib
import os
import resource
import signal
import threading
import time
import traceback

from hypothesis import HealthCheck, settings

from cafct_keras.errors import UserError
from pipelines.errors import DataError
from pipelines.optional import MissingPackageError
from tests.memory import STATISTICS

EXAMPLES = float(os.environ.get("FUZZ_EXAMPLES", 1))  # times a minute's
COLLECT = bool(os.environ.get("FUZZ_COLLECT"))
SECONDS, MEMORY = 20, 4 << 30
REFUSALS = (UserError, DataError, MissingPackageError)

counts, seconds = collections.Counter(), collections.Counter()
bad = {}  # the last line of each kind of trouble to an input


class HangError(BaseException):
    """Not an `Exception`, which readers may catch."""


class BadOutcomeError(AssertionError):
    """Something else than a refusal in one line."""


def campaign(of_a_minute):
    """Settings of Hypothesis for so many examples, which are always the same."""
    return settings(
        max_examples=max(1, round(of_a_minute * EXAMPLES)),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def outcome(kind, described, function):
    """Calls `function`, which refuses or returns; counts what comes of it.

    Returns:
        What it returned; None after a refusal.
    """
    counts[f"{kind}: tried"] += 1
    started = time.perf_counter()
    try:
        with limits():
            result = function()
    except REFUSALS as error:
        counts[f"{kind}: refused"] += 1
        message = str(error).strip()
        if not message or "\n" in message:
            report(kind, described, f"the refusal is not one line: {message[:300]!r}", None)
    except (Exception, HangError) as error:
        report(kind, described, where(error), error)
    else:
        return result
    finally:
        seconds[kind] += time.perf_counter() - started
    return None


def report(kind, described, line, error):
    """Takes a bad outcome: the test fails, or where they are collected, goes on."""
    counts[f"{kind}: bad"] += 1
    bad.setdefault(f"{kind}: {line}", described)
    if not COLLECT:
        raise BadOutcomeError(f"{line}; {described}") from error


def where(error):
    """Type and text of an error, and the innermost place of this project."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tests/fuzz" not in frame.filename]
    own = [frame for frame in frames if "/cafct_keras/" in frame.filename or "/pipelines/" in frame.filename]
    place = f"{os.sep.join(own[-1].filename.split(os.sep)[-3:])}:{own[-1].lineno}" if own else "outside"
    return f"{place}: {type(error).__name__}: {' '.join(str(error).split())[:120]}"


@contextlib.contextmanager
def limits():
    """Raises where a block takes too long, or too much memory."""

    def stop(signum, frame):
        raise HangError(f"more than {SECONDS} s")

    pages = int(STATISTICS.read_text().split()[0]) if STATISTICS.exists() else None
    before = resource.getrlimit(resource.RLIMIT_AS)
    if pages is not None:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    timed = threading.current_thread() is threading.main_thread()
    if timed:
        handler = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)

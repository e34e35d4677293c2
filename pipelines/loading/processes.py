"""Work in several processes: results come in order, and are the same whatever the number of processes."""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pipelines.errors import DataError
from pipelines.loading.read_ahead import map_ahead

Item = TypeVar("Item")
Result = TypeVar("Result")


class ProcessLostError(DataError):
    """A process ended before its work was done."""


def map_processes(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int, failures: list[dict[str, str]] | None = None
) -> Iterator[Result]:
    """Yields `work(item)` for every item, in order, while other processes work on the next ones.

    The processes are started afresh: threads do not survive a fork, and what `multiprocessing` starts runs the main
    script again unless that was written for it. They end with this one, however it ends.

    Args:
        work: function to call; it is pickled once per process, which has to find its module.
        items: such as names of cases; at most `jobs + 1` are in progress.
        jobs: number of processes.
        failures: see `read_ahead`.

    Raises:
        DataError: as `work` raises it and `failures` is None.
        ProcessLostError: a process was killed, or knows nothing of `work`.
    """
    workers = [_Worker(work) for _ in range(jobs)]
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def call(item: Item) -> tuple[Item, Any, Exception | None]:
        worker = idle.get()
        try:
            return item, *worker(item)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise ProcessLostError(
                f"`jobs` {jobs}: a process ended before its case was done, perhaps for lack of memory; give fewer"
            ) from None
        finally:
            idle.put(worker)

    def stop() -> None:
        for worker in workers:
            worker.stop()

    with contextlib.closing(map_ahead(call, items, workers=jobs, stop=stop)) as answers:
        for item, result, error in answers:
            if error is None:
                yield result
            elif failures is None or not isinstance(error, DataError):
                raise error
            else:
                failures.append({"case": str(item), "message": str(error)})


class _Worker:
    """A process that calls a function."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._unsent = [work]
        with _without_interrupts():  # which the process would take for its own
            try:
                self._process = _start(pipe=1 << 20)
            except PermissionError:  # of a user with many pipes
                self._process = _start(pipe=-1)

    def __call__(self, item: Any) -> tuple[Any, Exception | None]:
        """What the function returns, or else the exception that it raises.

        Raises:
            EOFError, OSError, pickle.UnpicklingError: neither will come.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._unsent.append(item)
        while self._unsent:
            pickle.dump(self._unsent.pop(0), self._process.stdin, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()
        answer: tuple[Any, Exception | None] = pickle.load(self._process.stdout)
        return answer

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # what was not sent
                if pipe is not None:
                    pipe.close()


def _start(*, pipe: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P, or a package in the current folder could stand for this one.
        [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pipesize=pipe,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
    )


def serve() -> None:
    """Calls the function that comes on standard input with each of the items behind it; ends with the other process."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # for whatever prints
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    work = messages.get()
    while True:
        answer: tuple[Any, Exception | None]
        try:
            answer = (work(messages.get()), None)
        except Exception as error:
            answer = (None, error)
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(answer, results, pickle.HIGHEST_PROTOCOL)
            results.flush()


def _receive(messages: "queue.SimpleQueue[Any]") -> None:
    """Puts what comes into a queue. Ends the process where no more comes, or what comes is unknown here."""
    try:
        while True:
            messages.put(pickle.load(sys.stdin.buffer))
    except Exception:
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

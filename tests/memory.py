"""Memory of a long test process."""

import ctypes
import gc
import pathlib
import platform
import resource
import sys

STATISTICS = pathlib.Path("/proc/self/statm")
GROWTH = 500 * 1024**2  # bytes, after which it is worth the second that it takes

_smallest = sys.maxsize


def pytest_runtest_teardown() -> None:
    """Returns the memory of compiled programs to the system where they pile up.

    JAX keeps them, and glibc what compiling them needed. Without this, a worker grows by 5 GB in 400 tests,
    and the system ends one that takes too much.
    """
    global _smallest
    if platform.libc_ver()[0] != "glibc":
        return
    _smallest = min(_smallest, _resident())
    if _resident() - _smallest > GROWTH:
        if jax := sys.modules.get("jax"):
            jax.clear_caches()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        _smallest = _resident()


def _resident() -> int:
    return int(STATISTICS.read_text().split()[1]) * resource.getpagesize()

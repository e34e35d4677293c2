"""Memory that XLA's compiler leaves behind."""

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any

import keras

_COMPILED = "/jax/core/compile/backend_compile_duration"  # what JAX reports after compiling and before the first step
_SECONDS = 1.0  # of compiling, below which little is left


@functools.cache
def return_compiler_memory() -> None:
    """Has what XLA's compiler took for JAX returned to the system before the first step, in this process.

    Compiling a training step takes more than a gigabyte, which glibc keeps, in pieces too small for the maps of a step:
    the step's own memory would come on top of it.
    """
    trim = _trim_of_glibc()
    if keras.backend.backend() != "jax" or trim is None:
        return
    import jax

    def compiled(event: str, duration_secs: float, **_: Any) -> None:
        if event == _COMPILED and duration_secs >= _SECONDS:
            trim()

    jax.monitoring.register_event_duration_secs_listener(compiled)


def _trim_of_glibc() -> Callable[[], object] | None:
    """Returns free memory to the system; None where the C library is another one."""
    if sys.platform != "linux":
        return None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:  # musl
        return None
    return lambda: trim(0)

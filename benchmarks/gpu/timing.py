"""Time of compiled functions under JAX."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax


def seconds(function: Callable, *arguments: Any, queued: int = 20, repeats: int = 5) -> float:
    """Median time of a compiled function, each measured over `queued` calls in a row."""
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(*arguments))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(queued):
            result = compiled(*arguments)
        jax.block_until_ready(result)
        times.append((time.perf_counter() - start) / queued)
    return statistics.median(times)

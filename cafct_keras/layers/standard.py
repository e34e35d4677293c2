"""Standard operators in place of this project's own, for graphs that other runtimes execute.

Some layers are written as sums of shifted maps, which XLA compiles better. Other runtimes have kernels for depthwise
convolution, bilinear resizing and max-pooling, and would execute the sums term by term.
"""

import contextlib
import contextvars
from collections.abc import Iterator

_standard = contextvars.ContextVar("standard", default=False)


@contextlib.contextmanager
def standard_operators() -> Iterator[None]:
    """Context in which layers build TensorFlow graphs of standard operators: the same numbers but for rounding."""
    token = _standard.set(True)
    try:
        yield
    finally:
        _standard.reset(token)


def uses_standard_operators() -> bool:
    """Whether layers build graphs of standard operators, see `standard_operators`."""
    return _standard.get()

"""Keras's own operators in place of those that this project wrote for CPUs: the same values, but for rounding."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from unittest import mock

import cafct_keras  # noqa: F401  (chooses the backend)

# isort: split
import jax
import keras
from keras import ops

from cafct_keras.typing import Tensor


def depthwise(x: Tensor, kernel: Tensor) -> Tensor:
    """In place of nine shifted multiply-adds."""
    return ops.depthwise_conv(x, kernel[..., None], padding="same")


def pool(x: Tensor, size: int) -> Tensor:
    """In place of maxima of shifted maps."""
    border = (size - 1) // 2
    padding = [(0, 0), *[(border, border)] * (len(x.shape) - 2), (0, 0)]
    return ops.max_pool(ops.pad(x, padding, constant_values=-math.inf) if border else x, size, strides=2)


def upsample(x: Tensor, factor: int, *, align_corners: bool = False) -> Tensor:
    """In place of interleaved weighted sums."""
    if align_corners:
        raise ValueError("Keras's own resizing has no align_corners")
    return ops.image.resize(x, (x.shape[1] * factor, x.shape[2] * factor), interpolation="bilinear")


def cudnn_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Flash attention by cuDNN, which takes bfloat16 and float16 on a GPU."""
    return jax.nn.dot_product_attention(query, key, value, implementation="cudnn")


gelu = functools.partial(ops.gelu, approximate=False)

# An operator to what is called in its place, and where this project's networks call their own.
SWAPS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "depthwise": (depthwise, ("layers.depthwise._convolve",)),
    "gelu": (gelu, ("layers.transformer._gelu",)),
    "pooling": (pool, ("layers.pooling.max_pool", "models.resnet.layers.max_pool")),
    "resizing": (
        upsample,
        tuple(f"layers.{module}.upsample_bilinear" for module in ("resize", "attention_gate", "decoder")),
    ),
    "attention": (ops.dot_product_attention, ("models.pvt_v2.attention.attend",)),
    "cudnn attention": (cudnn_attention, ("models.pvt_v2.attention.attend",)),
    "3-D convolution": (keras.layers.Conv3D.convolution_op, ("layers.conv3d.SliceConv3D.convolution_op",)),
}


@contextlib.contextmanager
def swapped(name: str) -> Iterator[None]:
    """Within the block, networks are built and traced with Keras's own operator; `"none"` swaps nothing."""
    with contextlib.ExitStack() as stack:
        replacement, places = SWAPS[name] if name != "none" else (None, ())
        for place in places:
            stack.enter_context(mock.patch(f"cafct_keras.{place}", replacement))
        yield

"""Times the operators that were written for CPUs beside Keras's own, alone and within a step, under JAX.

    python -m benchmarks.gpu.operators operators.json              # each alone, forward and with its gradients
    python -m benchmarks.gpu.operators operators.json --within     # a training step with one of them swapped

Alone, an operator reads and writes maps that XLA may fuse with others in a network. Where the two disagree, the step
counts.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import cafct_keras  # noqa: F401  (chooses the backend, so before Keras)

# isort: split
import jax
import jax.numpy as jnp
import keras

from benchmarks.gpu import alternatives
from benchmarks.gpu.campaign import Campaign, Result, parser, run_json
from benchmarks.gpu.timing import seconds
from cafct_keras.benchmark import benchmark
from cafct_keras.layers import depthwise, pooling, resize, transformer
from cafct_keras.layers.conv3d import SliceConv3D
from cafct_keras.models.pvt_v2.attention import attend
from cafct_keras.runtime.devices import environment

Contest = tuple[str, dict[str, Callable], tuple[tuple[int, ...], ...]]  # name, functions, shapes of their arguments

WITHIN = ("none", *(name for name in alternatives.SWAPS if name != "3-D convolution"))  # of CAFCT-Net
COMPILING_S = 200


def contests(batch: int) -> Iterator[Contest]:
    """Every operator at the sizes of `base` at 256x256 (3-D convolution: of H-DenseUNet), the largest maps first."""
    for side, channels in ((64, 512), (32, 1024), (16, 1280), (8, 2048)):
        x = (batch, side, side, channels)
        yield "depthwise", {"own": depthwise._convolve, "keras": alternatives.depthwise}, (x, (3, 3, channels))
        yield "gelu", {"own": transformer._gelu, "keras": alternatives.gelu}, (x,)
    pools = {"own": lambda x: pooling.max_pool(x, 3), "keras": lambda x: alternatives.pool(x, 3)}
    yield "pooling", pools, ((batch, 128, 128, 64),)
    for side, channels, factor in ((64, 64, 4), (32, 256, 2)):
        resized = {
            "own": lambda x, f=factor: resize.upsample_bilinear(x, f),
            "keras": lambda x, f=factor: alternatives.upsample(x, f),
        }
        yield f"resizing x{factor}", resized, ((batch, side, side, channels),)
    for side, heads in ((64, 1), (32, 2), (16, 5), (8, 8)):
        pairs = (batch, 64, heads, 64)
        attentions = {"own": attend, "keras": keras.ops.dot_product_attention, "cudnn": alternatives.cudnn_attention}
        yield "attention", attentions, ((batch, side**2, heads, 64), pairs, pairs)
    layer = SliceConv3D(64, 3, padding="same", use_bias=False)
    convolutions = {"own": layer.convolution_op, "keras": super(type(layer), layer).convolution_op}
    yield "3-D convolution", convolutions, ((max(batch // 8, 1), 12, 64, 64, 64), (3, 3, 3, 64, 64))


def tiny_contests() -> Iterator[Contest]:
    """One of each operator on maps of at most 8 pixels and channels, to try the script."""
    for name, functions, shapes in {contest[0]: contest for contest in contests(2)}.values():
        yield name, functions, tuple(tuple(min(length, 8) for length in shape) for shape in shapes)


def alone(function: Callable, shapes: tuple[tuple[int, ...], ...], dtype: str) -> Result:
    """Milliseconds forward, and of the gradients with respect to all arguments."""

    def gradients(weights: jax.Array, *arguments: jax.Array) -> Any:
        def total(*inputs: jax.Array) -> jax.Array:
            return jnp.sum((function(*inputs) * weights).astype("float32"))

        return jax.grad(total, argnums=tuple(range(len(arguments))))(*arguments)

    arguments = [jax.random.normal(jax.random.key(seed), shape, dtype) for seed, shape in enumerate(shapes)]
    weights = jnp.ones(jax.eval_shape(function, *arguments).shape, dtype)
    forward, backward = (1000 * seconds(each, *given) for each, given in (
        (function, arguments), (gradients, [weights, *arguments])))  # fmt: skip
    return {"forward_ms": round(forward, 4), "gradients_ms": round(backward, 4), **environment()}


def within(swap: str, **options: Any) -> Result:
    """A training step in which one operator is Keras's own; see `cafct_keras.benchmark.benchmark`."""
    with alternatives.swapped(swap):
        return {"swap": swap, **benchmark("train", **options)}


def main(arguments: list[str] | None = None) -> None:
    """Times every operator, largest maps first."""
    options = parser(__doc__)
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--precision", default="mixed_bfloat16")
    options.add_argument("--within", action="store_true", help="time training steps with one operator swapped")
    options.add_argument("--preset", default="base", help="with --within")
    options.add_argument("--size", type=int, default=256, help="with --within")
    options.add_argument("--tiny", action="store_true", help="one small map of each, to try the script")
    given = options.parse_args(arguments)
    campaign = Campaign(given.out, seconds=given.seconds)
    named = {name: getattr(given, name) for name in ("preset", "precision", "batch_size", "size")}
    for swap in WITHIN if given.within else ():
        code = (
            f"import json; from benchmarks.gpu.operators import within; print(json.dumps(within({swap!r}, **{named})))"
        )
        campaign.measure(
            f"step of {given.preset}, {given.precision}, {given.batch_size}, swapped: {swap}",
            lambda code=code: run_json([sys.executable, "-c", code], timeout=campaign.seconds_left),
            required=COMPILING_S,
        )
    dtype = "float32" if given.precision == "float32" else "bfloat16"
    alone_ones = tiny_contests() if given.tiny else contests(given.batch_size)
    for name, functions, shapes in () if given.within else alone_ones:
        for side, function in functions.items():
            campaign.measure(
                f"{name} {dtype} {shapes[0]}: {side}", lambda f=function, shapes=shapes: alone(f, shapes, dtype)
            )
    campaign.close()


if __name__ == "__main__":
    main()

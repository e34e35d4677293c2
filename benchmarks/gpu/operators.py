"""Times the operators that were written for CPUs beside Keras's own, forward and with their gradients, under JAX.

python benchmarks/gpu/operators.py OUT.json [--batch 32] [--tiny]
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import cafct_keras  # noqa: F401  (chooses the backend, so before Keras)

# isort: split
import jax
import jax.numpy as jnp
import keras
from keras import ops
from timing import seconds

from cafct_keras.layers.depthwise import DepthwiseConv3x3
from cafct_keras.layers.pooling import MaxPooling
from cafct_keras.layers.resize import upsample_bilinear
from cafct_keras.layers.transformer import gelu
from cafct_keras.runtime.devices import environment


def with_gradients(function: Callable) -> Callable:
    """The gradients of a function's weighted sum with respect to all of its arguments."""

    def gradients(weights: jax.Array, *arguments: jax.Array) -> Any:
        def total(*inputs: jax.Array) -> jax.Array:
            return jnp.sum((function(*inputs) * weights).astype("float32"))

        return jax.grad(total, argnums=tuple(range(len(arguments))))(*arguments)

    return gradients


def stateless(layer: keras.Layer) -> Callable:
    """A layer as a function of its input and its trainable variables."""

    def call(x: jax.Array, *variables: jax.Array) -> jax.Array:
        return layer.stateless_call(list(variables), [], x)[0]

    return call


def attention(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """As in `SpatialReductionAttention`."""
    score = ops.cast(ops.einsum("bnhd,bmhd->bhnm", query * query.shape[-1] ** -0.5, key), "float32")
    return ops.einsum("bhnm,bmhd->bnhd", ops.cast(ops.softmax(score, axis=-1), query.dtype), value)


def main() -> None:
    """Times every operator at the sizes of `base`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="JSON file to write")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tiny", action="store_true", help="small maps, to try the script")
    parser.add_argument("--precision", default="mixed_bfloat16")
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.precision)
    dtype = "float32" if options.precision == "float32" else "bfloat16"
    scale = 8 if options.tiny else 1
    key = jax.random.key(0)

    def draw(*shape: int) -> jax.Array:
        return jax.random.normal(key, shape, dtype)

    def layers_beside(named: dict[str, keras.Layer], x: jax.Array) -> dict[str, tuple[Callable, tuple]]:
        pairs = {}
        for name, layer in named.items():
            layer.build(x.shape)
            pairs[name] = stateless(layer), (x, *[variable.value for variable in layer.trainable_variables])
        return pairs

    batch, rows = options.batch, []
    contests: list[tuple[str, dict[str, tuple[Callable, tuple]]]] = []
    for side, channels in ((64, 512), (32, 1024), (16, 1280), (8, 2048)):
        x = draw(batch, max(side // scale, 4), max(side // scale, 4), channels // scale)
        depthwise = {"own": DepthwiseConv3x3(), "keras": keras.layers.DepthwiseConv2D(3, padding="same")}
        contests.append((f"depthwise {x.shape}", layers_beside(depthwise, x)))
        contests.append((f"gelu {x.shape}", {"own": (gelu, (x,)), "keras": (lambda y: ops.gelu(y, False), (x,))}))
    x = draw(batch, 128 // scale, 128 // scale, 64 // scale)
    pools = {"own": MaxPooling(size=3), "keras": keras.layers.MaxPooling2D(3, 2, padding="same")}
    contests.append((f"max pooling 3x3 {x.shape}", layers_beside(pools, x)))
    for side, channels, factor in ((32, 256, 2), (64, 64, 4)):
        x = draw(batch, side // scale, side // scale, max(channels // scale, 1))
        resized = {
            "own": (lambda y, f=factor: upsample_bilinear(y, f), (x,)),
            "keras": (
                lambda y, f=factor: ops.image.resize(y, (y.shape[1] * f, y.shape[2] * f), interpolation="bilinear"),
                (x,),
            ),
        }
        contests.append((f"bilinear x{factor} {x.shape}", resized))
    for side, keys, heads in ((64, 64, 1), (32, 64, 2), (16, 64, 5), (8, 64, 8)):
        query = draw(batch, (side // min(scale, 4)) ** 2, heads, 64)
        pair = draw(batch, keys, heads, 64), draw(batch, keys, heads, 64)
        flash = {"own": (attention, (query, *pair)), "keras": (ops.dot_product_attention, (query, *pair))}
        if jax.default_backend() == "gpu" and dtype == "bfloat16":
            flash["cudnn"] = (
                lambda q, k, v: jax.nn.dot_product_attention(q, k, v, implementation="cudnn"),
                (query, *pair),
            )
        contests.append((f"attention {query.shape} {keys} keys", flash))
    for name, pair in contests:
        row: dict[str, Any] = {"operator": name}
        for side, (function, arguments) in pair.items():
            try:
                weights = jnp.ones(jax.eval_shape(function, *arguments).shape, dtype)
                forward = 1000 * seconds(function, *arguments)
                gradients = 1000 * seconds(with_gradients(function), weights, *arguments)
                row[side] = {"forward_ms": round(forward, 4), "gradients_ms": round(gradients, 4)}
            except Exception as error:
                row[side] = {"error": str(error).splitlines()[0][:200]}
        rows.append(row)
        print(row, flush=True)
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump({"batch": batch, "precision": options.precision, **environment(), "operators": rows}, file, indent=1)


if __name__ == "__main__":
    main()

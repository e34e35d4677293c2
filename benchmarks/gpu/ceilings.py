"""Measures what the card can do: the rate of matrix products, and the memory bandwidth, under JAX.

python -m benchmarks.gpu.ceilings ceilings.json
"""

import cafct_keras  # noqa: F401  (chooses the backend)

# isort: split
import jax
import jax.numpy as jnp

from benchmarks.gpu.campaign import Campaign, Result, parser
from benchmarks.gpu.timing import seconds
from cafct_keras.runtime.devices import environment


def product(dtype: str, side: int) -> Result:
    """Rate of the product of two square matrices."""
    a, b = (jax.random.normal(jax.random.key(seed), (side, side), dtype) for seed in (0, 1))
    return {"flops": round(2 * side**3 / seconds(jnp.matmul, a, b)), "side": side, **environment()}


def copy(gigabytes: float) -> Result:
    """Bytes read and written per second."""
    values = jax.random.normal(jax.random.key(2), (round(gigabytes * 2**28),), "float32")
    return {"bytes_per_second": round(2 * values.nbytes / seconds(lambda x: x + 1, values)), **environment()}


def main(arguments: list[str] | None = None) -> None:
    """Measures the rates."""
    options = parser(__doc__)
    options.add_argument("--side", type=int, default=8192, help="of the square matrices")
    options.add_argument("--gigabytes", type=float, default=4, help="size of the array that is read and written")
    given = options.parse_args(arguments)
    campaign = Campaign(given.out, seconds=given.seconds)
    for dtype in ("bfloat16", "float32"):
        campaign.measure(dtype, lambda dtype=dtype: product(dtype, given.side))
    campaign.measure("memory", lambda: copy(given.gigabytes))
    campaign.close()


if __name__ == "__main__":
    main()

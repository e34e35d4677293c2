"""Measures what the card can do: the rate of matrix products, and the memory bandwidth of a copy, under JAX.

python benchmarks/gpu/ceilings.py OUT.json [--side 8192] [--gigabytes 4]
"""

import argparse
import json
from typing import Any

import jax
import jax.numpy as jnp
from timing import seconds

import cafct_keras  # noqa: F401  (chooses the backend)
from cafct_keras.runtime.devices import environment


def main() -> None:
    """Prints and writes the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="JSON file to write")
    parser.add_argument("--side", type=int, default=8192, help="of the square matrices")
    parser.add_argument("--gigabytes", type=float, default=4, help="size of the copied array")
    options = parser.parse_args()
    report: dict[str, Any] = {"side": options.side, **environment()}
    for dtype in ("bfloat16", "float32"):
        a, b = (jax.random.normal(jax.random.key(seed), (options.side, options.side), dtype) for seed in (0, 1))
        report[f"{dtype}_flops"] = round(2 * options.side**3 / seconds(jnp.matmul, a, b))
    values = jax.random.normal(jax.random.key(2), (round(options.gigabytes * 2**28),), "float32")
    report["bytes_per_second"] = round(2 * values.nbytes / seconds(lambda x: x + 1, values))
    print(json.dumps(report), flush=True)
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()

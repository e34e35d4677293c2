"""Profiles a training step on a GPU and prints the kernels that take the most time, with the layers they belong to.

python -m benchmarks.gpu.profile_step profile.json --preset base --precision mixed_bfloat16 --batch-size 32
"""

import argparse
import collections
import glob
import json
import tempfile

import cafct_keras  # noqa: F401  (chooses the backend, so before Keras)

# isort: split
import jax
import keras
import numpy as np

from cafct_keras.benchmark.timing import _jax_step
from cafct_keras.models import create_model

STEPS = 5


def main() -> None:
    """Profiles and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="JSON file to write")
    parser.add_argument("--preset", default="base")
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.precision)
    keras.utils.set_random_seed(0)
    shape = (options.size, options.size, 3)
    generator = np.random.default_rng(0)
    images = generator.random((options.batch_size, *shape), dtype="float32")
    targets = (generator.random((*images.shape[:3], 1)) > 0.9).astype("float32")
    network = create_model("cafct_net", preset=options.preset, input_shape=shape)
    step, wait, _ = _jax_step("train", network, images, targets)
    for _ in range(3):
        wait(step())
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(STEPS):
                result = step()
            wait(result)
        (file,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        profile = jax.profiler.ProfileData.from_file(file)
    kernels: collections.Counter[str] = collections.Counter()
    places: collections.Counter[str] = collections.Counter()
    for plane in profile.planes:
        if "GPU" not in plane.name:
            continue
        for line in plane.lines:
            if "Stream" not in line.name:
                continue
            for event in line.events:
                stats = dict(event.stats)
                milliseconds = event.duration_ns / 1e6 / STEPS
                kernels[f"{event.name[:70]} [{stats.get('hlo_op', '')}]"] += milliseconds
                places[str(stats.get("tf_op") or stats.get("name") or stats.get("hlo_op"))[:160]] += milliseconds
    print(f"kernels {sum(kernels.values()):.2f} ms a step in all", flush=True)
    for title, counter in (("kernels", kernels), ("places", places)):
        print(title)
        for name, milliseconds in counter.most_common(40):
            print(f"{milliseconds:8.3f} ms  {name}")
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(
            {"kernels_ms": dict(kernels.most_common(400)), "places_ms": dict(places.most_common(400))}, file, indent=1
        )


if __name__ == "__main__":
    main()

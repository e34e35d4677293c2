"""Whether what a network predicts for a slice depends, in any bit, on its place in the batch or on the other slices.

`KERAS_BACKEND=torch python benchmarks/batch_places.py` prints, for each network with random weights and statistics, the
number of probabilities that differ: of slices in another order, beside copies of another slice, and in batches of
another size. Prediction relies on the first two being 0: scans of a few slices share batches, and a job that is resumed
fills them otherwise.
"""

import numpy as np

import cafct_keras
from cafct_keras.runtime.devices import environment

NETWORKS = (("cafct_net", "tiny", 64), ("cafct_net", "small", 128), ("unet", "tiny", 96), ("dense_unet", "tiny", 64))
BATCH = 8


def main() -> None:
    """Compares each network with itself."""
    generator = np.random.default_rng(0)
    for name, preset, size in NETWORKS:
        model = cafct_keras.create_model(name, preset=preset, input_shape=(None, None, 3))
        for weight in model.weights:
            if "variance" not in weight.path and weight.dtype == "float32":
                weight.assign(generator.normal(0, 0.1, weight.shape))

        images = generator.random((BATCH, size, size, 3), dtype=np.float32)
        whole, order = np.asarray(model.predict_on_batch(images)), generator.permutation(BATCH)
        beside = model.predict_on_batch(np.concatenate([np.repeat(images[:1], BATCH - 1, axis=0), images[1:2]]))
        differing = {
            "another order": np.count_nonzero(np.asarray(model.predict_on_batch(images[order])) != whole[order]),
            "beside others": np.count_nonzero(np.asarray(beside)[-1] != whole[1]),
            "batch of 4": np.count_nonzero(np.asarray(model.predict_on_batch(images[:4])) != whole[:4]),
            "batch of 1": np.count_nonzero(np.asarray(model.predict_on_batch(images[:1])) != whole[:1]),
        }
        figures = ", ".join(f"{what} {count}" for what, count in differing.items())
        print(f"{environment()['backend']} {name} {preset} {size}x{size}: {figures}, of {whole.size}", flush=True)


if __name__ == "__main__":
    main()

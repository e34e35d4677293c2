"""Comparison of a SavedModel with stored predictions, by TensorFlow without this package.

Run in a process of its own by its path: `python savedmodel_check.py SAVED_MODEL CASES.npz`. It prints one JSON object.
"""

import json
import sys


def check(saved_model: str, cases: str) -> dict[str, float | str]:
    """Calls every endpoint on every case.

    Args:
        saved_model: folder of the SavedModel.
        cases: `.npz` file with `imageN`, `slicesN` and the expected `probabilityN` for N = 0, 1, ...

    Returns:
        `largest_difference`, absolute, over all endpoints and cases; `tensorflow`, its version.
    """
    import numpy as np
    import tensorflow as tf

    # Kept: the signatures hold no reference to the variables.
    loaded = tf.saved_model.load(saved_model)
    largest = 0.0
    with np.load(cases) as data:
        for index in range(sum(name.startswith("probability") for name in data.files)):
            expected = data[f"probability{index}"]
            for endpoint, name in (("serve", "image"), ("serve_slices", "slices"), ("serving_default", "image")):
                value = tf.constant(data[f"{name}{index}"])
                actual = loaded.signatures[endpoint](**{name: value})["probability"].numpy()
                # NaN must not pass for agreement.
                largest = float(np.fmax(largest, np.nan_to_num(np.abs(actual - expected), nan=np.inf).max()))
    return {"largest_difference": largest, "tensorflow": tf.__version__}


if __name__ == "__main__":
    print(json.dumps(check(*sys.argv[1:])))

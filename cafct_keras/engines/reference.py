"""What Keras predicts, for comparison with a converted network; run in a process of its own under TensorFlow.

`python -m cafct_keras.engines.reference MODEL FILE.npz` writes images with Keras's probabilities, and where the run's
data are there, slices of its validation part with their masks.
"""

import contextlib
import sys

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.export.process import end_with_parent
from cafct_keras.runs import Run, load_model
from pipelines import DataError
from pipelines.grid import covered

IMAGES = 2
SPREAD = 6  # validation cases, slices of each, and as many slices of each with a target


def write_reference(model_file: str, file: str) -> None:
    """Writes the arrays of the comparison.

    `images` float32 `(B, H, W, channels)` and `probability` `(B, H, W, targets)`; and unless the run's data are gone
    `validation`, images likewise, and `masks`, bool `(B, H, W, targets)`.
    """
    model = load_model(model_file)
    images = noise(model.preprocessing.size if model.preprocessing else 256, model.input_shape[-1])
    arrays = {"images": images, "probability": np.asarray(model(images, training=False))}
    with contextlib.suppress(UserError, DataError, OSError):  # no run, or data that are gone or have changed
        arrays |= validation_slices(Run.open(model_file))
    np.savez(file, allow_pickle=False, **arrays)


def noise(size: int, channels: int) -> np.ndarray:
    """Images of noise on several scales, so that a network finds edges and flat areas.

    Returns:
        float32 `(B, size, size, channels)` in [0, 1].
    """
    generator = np.random.default_rng(0)
    images = np.zeros((IMAGES, size, size, channels), "float32")
    for scale in (1, 8, 64):
        side = -(-size // scale)
        noise = generator.random((IMAGES, side, side, channels), dtype="float32")
        images += noise.repeat(scale, axis=1).repeat(scale, axis=2)[:, :size, :size] / 3
    return images


def validation_slices(run: Run) -> dict[str, np.ndarray]:
    """Slices spread over the validation part of a run's data, which is trained on where `validation` is off.

    Returns:
        `validation`, float32 `(B, H, W, channels)`, and `masks`, bool `(B, H, W, targets)`; nothing where the data have
        changed or have no such part.

    Raises:
        UserError, DataError, OSError: the data are gone.
    """
    source, seen = run.open_data(), run.preprocessing
    if source.fingerprint() != run.card["data"]["fingerprint"]:
        return {}
    names = [name for name, part in source.parts.items() if part == "validation"]
    images, masks = [], []
    for name in _spread(np.array(names)).tolist():
        case = source.case(name)
        reference = np.stack(
            [
                covered(seen.coverage((case.coverage or case.masks)[target], orientation=source.orientation))
                for target in seen.targets
            ],
            axis=-1,
        )
        # Slices with a target may be few.
        with_target = np.flatnonzero(reference.any(axis=(1, 2, 3)))
        rows = np.union1d(_spread(with_target), _spread(np.arange(len(reference)))).astype(int)
        pixels = seen.pixels(
            case.images, intensity=source.intensity, orientation=source.orientation, grey_window=source.window
        )
        images.append(seen.inputs(pixels, rows))
        masks.append(reference[rows])
    return {"validation": np.concatenate(images), "masks": np.concatenate(masks)} if images else {}


def _spread(items: np.ndarray) -> np.ndarray:
    """At most `SPREAD` of the items, evenly spread."""
    return items[np.unique(np.linspace(0, len(items) - 1, min(SPREAD, len(items))).astype(int))]


if __name__ == "__main__":
    end_with_parent()
    write_reference(*sys.argv[1:])

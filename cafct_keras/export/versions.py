"""Export to numbered versions, each checked before it appears.

A format is a class with the methods of `Format`; registering it in `FORMATS` is all that the self-check, the command
and the manifest need.
"""

import contextlib
import json
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, Protocol

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.export.inputs import NetworkInput, find_input
from cafct_keras.export.savedmodel import SavedModel
from cafct_keras.runs import load_model
from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.runtime.devices import environment
from pipelines.atomic import atomic_directory, atomic_write_text

# For probabilities. In float32, logits of two backends differ by up to 3e-6 of the largest logit, and probabilities by
# up to a quarter of that; trained networks reach logits of about 70.
TOLERANCE = 1e-4
# Sizes that training does not use, neither square, one of them with a single image.
CHECKED_SHAPES = ((2, 160, 224), (1, 288, 96))


class Format(Protocol):
    """An export format."""

    def write(self, model_file: pathlib.Path, directory: pathlib.Path, network_input: NetworkInput) -> None:
        """Writes a `.keras` file into an empty folder.

        Raises:
            UserError: the conversion failed.
        """

    def check(self, directory: pathlib.Path, cases: pathlib.Path) -> dict[str, Any]:
        """Predicts stored cases with what was written.

        Args:
            directory: what was written.
            cases: `.npz` file with `imageN`, `slicesN` and the expected `probabilityN` for N = 0, 1, ...

        Returns:
            `largest_difference` (absolute, over all cases and ways to call it), and the versions it ran on.
        """

    def describe(self, network_input: NetworkInput, classes: int) -> dict[str, Any]:
        """Inputs and outputs, for the manifest."""


FORMATS: Mapping[str, Format] = {"savedmodel": SavedModel()}


def export(
    run: str | pathlib.Path, *, out: str | pathlib.Path, file_format: str = "savedmodel", context: int | None = None
) -> dict[str, Any]:
    """Writes a trained network as the next numbered version under `out`, after checking its predictions.

    A SavedModel is plain TensorFlow, written by Keras's TensorFlow backend in a process of its own whatever backend the
    run was trained on. It runs on CPUs and GPUs and takes any batch size and any H and W that are multiples of 32. It
    has two endpoints: `serve` (and `serving_default`) takes `image`, float32 `(batch, H, W, channels)` in [0, 1], the
    network's own input, and `serve_slices` takes `slices`, uint8 grey: `(batch, H, W)`, or for a network with N
    neighbours on either side `(batch, H, W, 2 N + 1)`, each slice among its neighbours from below to above. Both return
    `probability`, float32 `(batch, H, W, classes)`.

    Args:
        run: run folder or `.keras` file.
        out: folder of the versions 1, 2 and so on, as TensorFlow Serving expects it.
        file_format: one of `FORMATS`.
        context: neighbouring slices on either side that the network sees; None to find it in the run's card, or where a
            `.keras` file has none, in its number of channels.

    Returns:
        The manifest, as written beside the version: inputs, outputs, the largest difference from this backend's
        predictions on two sizes, versions.

    Raises:
        UserError: the format is unknown, `run` holds no model, the context is ambiguous or contradicts the run's card,
            or the exported network predicts something else (and is not kept).
    """
    if file_format not in FORMATS:
        raise UserError(f"`file_format` {file_format}: unknown; give {', '.join(FORMATS)}")
    model = load_model(run)
    network_input = find_input(run, model, context)
    out = pathlib.Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"`out` {out}: is a file; give a folder")
    created = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    version = 1 + max((int(path.name) for path in out.iterdir() if path.name.isdigit()), default=0)
    try:
        with atomic_directory(out / str(version)) as directory:
            report = _write_checked(FORMATS[file_format], model, network_input, directory)
    except BaseException:
        if created:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise
    manifest = {
        "model": str(run),
        "version": version,
        "format": file_format,
        "endpoints": FORMATS[file_format].describe(network_input, model.output_shape[-1]),
        "checked_shapes": [list(shape) for shape in CHECKED_SHAPES],
        **report,
        **environment(),
    }
    atomic_write_text(out / f"manifest-{version}.json", json.dumps(manifest, indent=2) + "\n")
    return manifest


def _write_checked(
    chosen: Format, model: keras.Model, network_input: NetworkInput, directory: pathlib.Path
) -> dict[str, Any]:
    """Writes the network and compares its predictions with the model's."""
    with tempfile.TemporaryDirectory() as temporary:
        model_file, cases = pathlib.Path(temporary, MODEL_FILE), pathlib.Path(temporary, "cases.npz")
        model.save(model_file)
        chosen.write(model_file, directory, network_input)
        np.savez(cases, allow_pickle=False, **_cases(model, network_input))
        report = chosen.check(directory, cases)
    if not report["largest_difference"] <= TOLERANCE:
        raise UserError(
            f"the exported network differs from the run's by {report['largest_difference']:.2g}, more than "
            f"{TOLERANCE:g}; nothing was kept, please report this"
        )
    return report


def _cases(model: keras.Model, network_input: NetworkInput) -> dict[str, np.ndarray]:
    """Random slices, the images they become and the model's predictions."""
    generator = np.random.default_rng(0)
    cases = {}
    for index, shape in enumerate(CHECKED_SHAPES):
        slices = generator.integers(0, 256, network_input.slices_shape(shape), dtype="uint8")
        cases[f"slices{index}"] = slices
        cases[f"image{index}"] = network_input.images(slices)
        cases[f"probability{index}"] = model.predict(cases[f"image{index}"], verbose=0)
    return cases

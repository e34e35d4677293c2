"""Comparison of an exported network with the model that it was made of."""

import json
import pathlib
from typing import Any

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.export import runtimes
from cafct_keras.export.formats import FORMATS, Format
from cafct_keras.export.inputs import NetworkInput
from cafct_keras.export.process import run_python

# For probabilities. In float32, logits of two runtimes differ by up to 3e-6 of the largest logit, and probabilities by
# up to a quarter of that; trained networks reach logits of about 70.
TOLERANCE = 1e-4


def check(
    file_format: str,
    directory: pathlib.Path,
    model: keras.Model,
    network_input: NetworkInput,
    *,
    temporary: pathlib.Path,
) -> dict[str, Any]:
    """Predicts random slices in the exported format's runtime, in a process of its own, and with the model here.

    Args:
        file_format: one of `FORMATS`.
        directory: what was exported.
        model: the network, float32.
        network_input: how slices become its channels.
        temporary: a folder for the slices and predictions.

    Returns:
        See `runtimes.check`, and the `largest_difference` of all checks.

    Raises:
        UserError: it is larger than `TOLERANCE`.
    """
    cases = temporary / "cases.npz"
    np.savez(cases, allow_pickle=False, **_cases(FORMATS[file_format], model, network_input))
    report = json.loads(run_python(runtimes.__file__, file_format, str(directory), str(cases)))
    largest = float(np.max([each["largest_difference"] for each in report["checks"]]))  # NaN if any is
    if not largest <= TOLERANCE:
        raise UserError(
            f"the exported network differs from the run's by {largest:.2g}, more than {TOLERANCE:g}; nothing was kept, "
            "please report this"
        )
    return {"largest_difference": largest, **report}


def _cases(chosen: Format, model: keras.Model, network_input: NetworkInput) -> dict[str, np.ndarray]:
    """Inputs of every kind that the format takes, and the model's predictions."""
    generator = np.random.default_rng(0)
    cases = {}
    for kind in chosen.kinds(network_input):
        for index, shape in enumerate(chosen.shapes(kind, network_input)):
            low, high, dtype = (-1100, 1600, "int16") if kind == "hounsfield" else (0, 256, "uint8")
            slices = generator.integers(low, high, network_input.slices_shape(shape), dtype=dtype)
            value = network_input.images(slices) if kind == "image" else slices
            cases[f"{kind}/{index}/input"] = value
            cases[f"{kind}/{index}/expected"] = _expected(kind, value, model, network_input)
    return cases


def _expected(kind: str, value: np.ndarray, model: keras.Model, network_input: NetworkInput) -> np.ndarray:
    if kind != "hounsfield" or (preprocessing := network_input.preprocessing) is None:
        return model.predict(value if kind == "image" else network_input.images(value), verbose=0)
    stacks = np.moveaxis(value, -1, 1) if preprocessing.context else value[:, None]
    expected = np.empty((*value.shape[:3], model.output_shape[-1]), np.float32)
    for stack, result in zip(stacks, expected, strict=True):
        pixels = preprocessing.pixels(stack, intensity="hu", orientation=None)
        image = preprocessing.as_input(np.moveaxis(pixels, 0, -1)[None])
        planes = np.moveaxis(model.predict(image, verbose=0)[0], -1, 0)
        result[...] = np.moveaxis(preprocessing.grid(stack).restore(planes), 0, -1)
    return expected

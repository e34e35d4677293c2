"""Networks of 8-bit integers for OpenVINO, calibrated on a run's training slices."""

import pathlib
from typing import Any

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.runs.run import Run
from pipelines.grid import covered
from pipelines.loading.slices import Slices, load_slices
from pipelines.optional import optional
from pipelines.preprocessing import Preprocessing

CALIBRATION_SLICES = 40
THRESHOLD = 0.5


def require_int8(file_format: str) -> None:
    """Checks that a format has networks of integers, and that what makes them is installed.

    Raises:
        UserError: it has none.
        MissingPackageError: NNCF is missing.
    """
    if file_format != "openvino":
        raise UserError(f"`int8` and `file_format` {file_format}: only openvino has networks of integers; give that")
    with optional("export in int8", extra="int8"):
        import nncf  # noqa: F401  (before any work, to name the extra if it is missing)


def write_int8(directory: pathlib.Path, run: Run, data: str | pathlib.Path | None) -> dict[str, Any]:
    """Quantizes an exported network, and measures what that costs.

    Args:
        directory: of `network.xml`; `network_int8.xml` and its weights are added.
        run: whose network it is.
        data: folder of its data; None for the one that it was trained on.

    Returns:
        The number of training slices that it was calibrated on and of validation slices that both were scored on, and
        the `dice` of each over all their pixels, by target, at a threshold of 0.5.

    Raises:
        UserError, DataError: the run's data are gone or cannot be read.
    """
    import nncf
    import openvino

    preprocessing = run.preprocessing
    parts = load_slices(
        run.open_data(data),
        target=run.config.data.target,
        size=preprocessing.size,
        window=preprocessing.window,
        context=preprocessing.context,
    )
    network = openvino.Core().read_model(directory / "network.xml")
    train = parts["train"]
    rows = np.unique(np.linspace(0, len(train.names) - 1, CALIBRATION_SLICES).astype(int))
    quantized = nncf.quantize(
        network,
        nncf.Dataset([_image(train, row, preprocessing) for row in rows]),
        subset_size=len(rows),
        model_type=nncf.ModelType.TRANSFORMER,
    )
    openvino.save_model(quantized, directory / "network_int8.xml", compress_to_fp16=False)
    validation = parts["validation"]
    return {
        "calibration_slices": len(rows),
        "validation_slices": len(validation.names),
        "dice": {
            name: _dice(model, validation, preprocessing) for name, model in (("float32", network), ("int8", quantized))
        },
    }


def _image(slices: Slices, row: int, preprocessing: Preprocessing) -> np.ndarray:
    """The network's input for one slice, with a batch of 1."""
    return preprocessing.as_input(slices.gather_images(np.array([row])))


def _dice(model: Any, slices: Slices, preprocessing: Preprocessing) -> dict[str, float | None]:
    """Dice of each target over all pixels of the slices; None where they do not show it."""
    import openvino

    model = model.clone()
    model.reshape([1, preprocessing.size, preprocessing.size, preprocessing.channels])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    common = total = np.zeros(len(preprocessing.targets))
    shown = np.zeros(len(preprocessing.targets), bool)
    for row, coverage in enumerate(slices.masks):
        predicted = compiled([_image(slices, row, preprocessing)])["probability"][0] > THRESHOLD
        reference = covered(coverage)
        shown |= reference.any(axis=(0, 1))
        common = common + (predicted & reference).sum(axis=(0, 1))
        total = total + predicted.sum(axis=(0, 1)) + reference.sum(axis=(0, 1))
    dice = (2 * common / np.maximum(total, 1)).round(4).tolist()
    return {
        target: value if there else None
        for target, value, there in zip(preprocessing.targets, dice, shown.tolist(), strict=True)
    }

"""Export to numbered versions, each checked before it appears."""

import json
import pathlib
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.export import selfcheck
from cafct_keras.export.conversion import convert, require
from cafct_keras.export.formats import FORMATS
from cafct_keras.export.inputs import find_input
from cafct_keras.export.int8 import require_int8, write_int8
from cafct_keras.export.precision import in_float32
from cafct_keras.runs import load_model
from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.runs.run import Run
from cafct_keras.runtime.devices import environment
from pipelines.atomic import atomic_directory, atomic_write_text
from pipelines.places import require_place
from pipelines.temporary import temporary_directory


def export(
    run: str | pathlib.Path,
    *,
    out: str | pathlib.Path,
    file_format: str = "savedmodel",
    context: int | None = None,
    int8: bool = False,
    data: str | pathlib.Path | None = None,
) -> dict[str, Any]:
    """Writes a trained network as the next numbered version under `out`, after checking its predictions.

    Every format computes in float32 and takes `image`, float32 `(batch, H, W, channels)` in [0, 1], the network's own
    input, and returns `probability`, float32 `(batch, H, W, classes)`, for any batch and any H and W that are multiples
    of 32:

    - `savedmodel`, for TensorFlow and TensorFlow Serving, on CPUs and GPUs. Its endpoint `serve` (and
      `serving_default`) takes `image`; `serve_slices` takes `slices`, uint8 grey: `(batch, H, W)`, or for a network
      with N neighbours on either side `(batch, H, W, 2 N + 1)`, each slice among its neighbours from below to above;
      `serve_hounsfield` takes `hounsfield`, int16, likewise, of any H and W, and returns the probability of each of
      their pixels: preprocessing and the way back are part of the graph.
    - `onnx`, for ONNX Runtime: `network.onnx` takes `image`, `hounsfield.onnx` takes `hounsfield`.
    - `openvino`, for OpenVINO: `network.xml` takes `image`.
    - `litert`, for LiteRT: `network.tflite` takes `image`, of the size of the training slices only.

    Args:
        run: run folder or `.keras` file.
        out: folder of the versions 1, 2 and so on, as TensorFlow Serving expects it.
        file_format: one of `FORMATS`.
        context: neighbouring slices on either side that the network sees; None to find it in the run's card, or where a
            `.keras` file has none, in its number of channels.

        int8: add `network_int8.xml`, of 8-bit integers, to the format `openvino`; the manifest has its Dice.
        data: folder of the run's data, on whose training slices `int8` is calibrated; None for the one in its card.

    Returns:
        The manifest, as written beside the version: endpoints with their inputs and outputs, and for each endpoint and
        size that was checked the largest difference from this backend's predictions and milliseconds per image.

    Raises:
        UserError: the format is unknown, `run` holds no model, the context is ambiguous or contradicts the run's card,
            or the exported network predicts something else (and is not kept).
        MissingPackageError: a package of the format's extra is missing.
    """
    if file_format not in FORMATS:
        raise UserError(f"`file_format` {file_format}: unknown; give {', '.join(FORMATS)}")
    out = pathlib.Path(out)
    require_place(out, folder=True, utf8=True)
    require(file_format)
    if int8:
        require_int8(file_format)
    trained = Run.open(run) if int8 else None
    model = load_model(run)
    network_input = find_input(run, model, context)
    chosen = FORMATS[file_format]
    if not chosen.any_size and network_input.preprocessing is None:
        raise UserError(f"{run}: {file_format} needs the size of its slices, which no run beside it tells; give a run")
    model = in_float32(model)
    found = out.iterdir() if out.is_dir() else ()
    version = 1 + max((int(path.name) for path in found if path.name.isdecimal()), default=0)
    manifest_file = out / f"manifest-{version}.json"
    try:
        with atomic_directory(out / str(version)) as directory:
            with temporary_directory(out, MODEL_FILE) as temporary:
                model.save(temporary / MODEL_FILE)
                convert(file_format, temporary / MODEL_FILE, directory, network_input)
                report = selfcheck.check(file_format, directory, model, network_input, temporary=temporary)
            if trained is not None:
                report["int8"] = write_int8(directory, trained, data)
            preprocessing = network_input.preprocessing
            manifest = {
                "model": str(run),
                "version": version,
                "format": file_format,
                "endpoints": chosen.describe(network_input, model.output_shape[-1]),
                "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
                **report,
                **environment(),
            }
            # First, since a version without its manifest would be taken for complete.
            atomic_write_text(manifest_file, json.dumps(manifest, indent=2) + "\n")
    except BaseException:
        manifest_file.unlink(missing_ok=True)
        raise
    return manifest

"""Export as a SavedModel, which TensorFlow serves without Keras or this package."""

import json
import pathlib
from typing import Any

from cafct_keras.export import savedmodel_check
from cafct_keras.export.inputs import NetworkInput
from cafct_keras.export.process import run_python
from cafct_keras.runs import load_model

_WRITE = "import sys; from cafct_keras.export.savedmodel import write_saved_model; write_saved_model(*sys.argv[1:])"


class SavedModel:
    """TensorFlow SavedModel, see `export`."""

    def write(self, model_file: pathlib.Path, directory: pathlib.Path, network_input: NetworkInput) -> None:
        """See `Format`."""
        run_python("-c", _WRITE, str(model_file), str(directory), str(network_input.context), backend="tensorflow")

    def check(self, directory: pathlib.Path, cases: pathlib.Path) -> dict[str, Any]:
        """See `Format`. TensorFlow runs without this package, as when the model is served."""
        return json.loads(run_python(savedmodel_check.__file__, str(directory), str(cases)))

    def describe(self, network_input: NetworkInput, classes: int) -> dict[str, Any]:
        """See `Format`."""
        channels = network_input.channels
        slices = f"uint8 (batch, H, W, {channels}), grey, each slice among its neighbours from below to above"
        return {
            "serve": {"image": f"float32 (batch, H, W, {channels}) in [0, 1]"},
            "serve_slices": {"slices": slices if network_input.context else "uint8 (batch, H, W), grey"},
            "output": {"probability": f"float32 (batch, H, W, {classes}) in [0, 1]"},
        }


def write_saved_model(file: str, directory: str, context: str) -> None:
    """Writes a `.keras` file as a SavedModel; runs in a child process, under Keras's TensorFlow backend.

    Args:
        file: the `.keras` file.
        directory: an empty folder.
        context: of the network's input, a whole number.
    """
    import keras
    import tensorflow as tf

    model = load_model(file)
    channels = model.input_shape[-1]
    neighbours = int(context) > 0

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability": model(image, training=False)}

    def serve_slices(slices: tf.Tensor) -> dict[str, tf.Tensor]:
        grey = tf.cast(slices, tf.float32) / 255.0
        return serve(grey if neighbours else tf.repeat(tf.expand_dims(grey, -1), channels, axis=-1))

    images = (None, None, None)
    raw = tf.TensorSpec((*images, channels) if neighbours else images, tf.uint8, name="slices")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, [tf.TensorSpec((*images, channels), tf.float32, name="image")])
    archive.add_endpoint("serve_slices", serve_slices, [raw])
    archive.write_out(directory, verbose=False)

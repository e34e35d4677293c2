"""Which Keras backend is used: JAX, unless the user says otherwise. Must run before Keras is imported."""

import json
import os
import pathlib

# Keras writes this file by itself at its first import on a machine, so finding it says nothing of what the user wants.
KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"}


def choose():
    """Sets `KERAS_BACKEND` to JAX where neither that variable nor a keras.json written by the user names a backend."""
    if not os.environ.get("KERAS_BACKEND") and not _configured():
        os.environ["KERAS_BACKEND"] = "jax"


def _configured():
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        config = json.loads((pathlib.Path(home) / "keras.json").read_text())
    except (OSError, ValueError):
        return False
    return "backend" in config and config != KERAS_DEFAULTS

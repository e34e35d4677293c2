"""Choice of the Keras backend. Must precede the import of Keras."""

import json
import os
import pathlib
import sys
import warnings
from importlib import metadata

from cafct_keras.errors import UserError

# Keras writes this file by itself at its first import on a machine, so it does not express the user's choice.
KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"}

# At the sizes of these networks, XLA's newer CPU library multiplies and convolves at half the speed of the older code,
# and only its reductions are faster: `base` trains in 1,090 instead of 1,450 ms per image on 2 cores.
XLA_CPU_FLAG = "--xla_cpu_experimental_ynn_fusion_type"
XLA_CPU_FUSIONS = "LIBRARY_FUSION_TYPE_REDUCE"
XLA_CPU_JAXLIB = ("0.9", "0.10", "0.11", "0.12")


def choose() -> None:
    """Sets `KERAS_BACKEND` to JAX unless that variable or a `keras.json` written by the user names a backend.

    If Keras has been imported already, its backend is fixed: the variable is set to that one, with a warning if it is
    not the one that would have been chosen.

    Raises:
        UserError: if `keras.json` is not a JSON object.
    """
    chosen = os.environ.get("KERAS_BACKEND") or _configured() or "jax"
    keras = sys.modules.get("keras")
    if keras is not None and keras.config.backend() != chosen:
        running = keras.config.backend()
        warnings.warn(
            f"Keras was imported first and runs on {running}; import cafct_keras before keras to run on {chosen}",
            stacklevel=2,
        )
        chosen = running
    os.environ["KERAS_BACKEND"] = chosen
    flags = os.environ.get("XLA_FLAGS", "")
    # XLA aborts the process on a flag that it does not know, so the flag is set for tested versions only.
    if XLA_CPU_FLAG not in flags and _jaxlib() in XLA_CPU_JAXLIB:
        os.environ["XLA_FLAGS"] = f"{flags} {XLA_CPU_FLAG}={XLA_CPU_FUSIONS}".strip()


def _jaxlib() -> str | None:
    try:
        return ".".join(metadata.version("jaxlib").split(".")[:2])  # some versions have four parts
    except metadata.PackageNotFoundError:
        return None


def _configured() -> str | None:
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    file = pathlib.Path(home) / "keras.json"
    try:
        config = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        raise UserError(f"{file}: not a JSON object, so Keras cannot be imported; delete it, Keras writes a new one")
    return None if config == KERAS_DEFAULTS else config.get("backend")

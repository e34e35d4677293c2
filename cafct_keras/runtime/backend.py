"""Choice of the Keras backend. Must precede the import of Keras."""

import importlib.util
import json
import os
import pathlib
import sys
import warnings
from importlib import metadata

from cafct_keras.errors import UserError
from cafct_keras.runtime.command_line import is_command_line

BACKENDS = ("jax", "tensorflow", "torch")
WITHOUT_TRAINING = ("numpy", "openvino")  # backends of Keras that a program may still predict with
CHANNELS_LAST = "channels_last"
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
        UserError: if `keras.json` is not a JSON object, or Keras has no such backend here.
    """
    wanted = os.environ.get("KERAS_BACKEND") or _configured() or "jax"
    _check_known(wanted)
    os.environ["KERAS_BACKEND"] = wanted
    if (running := chosen()) != wanted:
        warnings.warn(
            f"Keras was imported first and runs on {running}; import cafct_keras before keras to run on {wanted}",
            stacklevel=2,
        )
        os.environ["KERAS_BACKEND"] = running
    flags = os.environ.get("XLA_FLAGS", "")
    # XLA aborts the process on a flag that it does not know, so the flag is set for tested versions only.
    if XLA_CPU_FLAG not in flags and _jaxlib() in XLA_CPU_JAXLIB:
        os.environ["XLA_FLAGS"] = f"{flags} {XLA_CPU_FLAG}={XLA_CPU_FUSIONS}".strip()


def chosen() -> str:
    """The backend of this process, once `choose` was called; Keras is not imported for it."""
    keras = sys.modules.get("keras")
    return os.environ["KERAS_BACKEND"] if keras is None else keras.config.backend()


def use_channels_last() -> None:
    """Makes channels the last axis in this process, as they are in all networks here, whatever `keras.json` says."""
    import keras

    if keras.config.image_data_format() != CHANNELS_LAST:
        keras.config.set_image_data_format(CHANNELS_LAST)
        if not is_command_line():
            warnings.warn(f"these networks are {CHANNELS_LAST}: Keras is set so for this process", stacklevel=2)


def _check_known(backend: str) -> None:
    if backend not in BACKENDS and (is_command_line() or backend not in WITHOUT_TRAINING):
        raise UserError(f"KERAS_BACKEND={backend}: unknown, or cannot train; choose {', '.join(BACKENDS)}")
    if importlib.util.find_spec(backend) is None:
        extra = f'"cafct-keras[{backend}]"' if backend == "torch" else backend
        raise UserError(f"KERAS_BACKEND={backend}: {backend} is not installed; run: pip install {extra}")


def _jaxlib() -> str | None:
    try:
        return ".".join(metadata.version("jaxlib").split(".")[:2])  # some versions have four parts
    except metadata.PackageNotFoundError:
        return None


def _configured() -> str | None:
    try:
        home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
        file = pathlib.Path(home) / "keras.json"
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # the last without a home
        return None
    if not isinstance(config, dict):
        raise UserError(f"{file}: not a JSON object, so Keras cannot be imported; delete it, Keras writes a new one")
    return None if config == KERAS_DEFAULTS else config.get("backend")

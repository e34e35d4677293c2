"""Which Keras backend is used: JAX, unless the user says otherwise. Must run before Keras is imported."""

import json
import os
import pathlib
from importlib import metadata

# Keras writes this file by itself at its first import on a machine, so finding it says nothing of what the user wants.
KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"}


# XLA's library for CPUs multiplies and convolves at half the speed of its older code at the sizes of these networks,
# and sums faster: `base` trains in 1,090 instead of 1,450 ms an image on 2 cores. These know the option.
XLA_CPU_FLAG = "--xla_cpu_experimental_ynn_fusion_type"
XLA_CPU_FUSIONS = "LIBRARY_FUSION_TYPE_REDUCE"
XLA_CPU_JAXLIB = ("0.9", "0.10", "0.11", "0.12")


def choose():
    """Sets `KERAS_BACKEND` to JAX where neither that variable nor a keras.json written by the user names one."""
    if not os.environ.get("KERAS_BACKEND"):
        os.environ["KERAS_BACKEND"] = _configured() or "jax"
    flags = os.environ.get("XLA_FLAGS", "")
    # An XLA that does not know a flag ends the process, so only versions that were looked at are given it.
    if XLA_CPU_FLAG not in flags and _jaxlib() in XLA_CPU_JAXLIB:
        os.environ["XLA_FLAGS"] = f"{flags} {XLA_CPU_FLAG}={XLA_CPU_FUSIONS}".strip()


def _jaxlib():
    try:
        return ".".join(metadata.version("jaxlib").split(".")[:2])  # some have four parts
    except metadata.PackageNotFoundError:
        return None


def _configured():
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        config = json.loads((pathlib.Path(home) / "keras.json").read_text())
    except (OSError, ValueError):
        return None
    return None if config == KERAS_DEFAULTS else config.get("backend")

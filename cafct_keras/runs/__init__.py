"""Run folders: reading, writing and validating what training leaves behind."""

import importlib

_MODULES = {"Run": "run", "load_model": "loading", "read_run": "card"}

__all__ = ["Run", "load_model", "read_run"]


def __getattr__(name: str) -> object:
    # On first use: configurations are read by `--help`, which must not wait for Keras.
    if name in _MODULES:
        return getattr(importlib.import_module(f"cafct_keras.runs.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

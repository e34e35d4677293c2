"""Run folders: reading, writing and validating what training leaves behind."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from cafct_keras.runs.card import read_run
    from cafct_keras.runs.loading import load_model
    from cafct_keras.runs.run import Run

_MODULES = {"Run": "run", "load_model": "loading", "read_run": "card"}

__all__ = ["Run", "load_model", "read_run"]


def __getattr__(name: str) -> object:
    # On first use: configurations are read by `--help`, which must not wait for Keras.
    if name in _MODULES:
        return getattr(importlib.import_module(f"cafct_keras.runs.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Reproduction of the paper's tables: every system trained on one split and scored by every rule, resumable."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from cafct_keras.reproduction.systems import TABLES
    from cafct_keras.reproduction.table import ReproduceOptions, reproduce

_MODULES = {"TABLES": "systems", "ReproduceOptions": "table", "reproduce": "table"}

__all__ = ["TABLES", "ReproduceOptions", "reproduce"]


def __getattr__(name: str) -> object:
    # On first use: `evaluate` takes the printed scores from `paper`, and must need neither training nor Jinja.
    if name in _MODULES:
        return getattr(importlib.import_module(f"cafct_keras.reproduction.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

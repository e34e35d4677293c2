"""Data for liver CT segmentation: layouts, splits, order, augmentation, streams. Independent of any network.

Readers, and TensorFlow for streams, are imported on first use.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from pipelines.case import SPLITS, Case, Source
    from pipelines.errors import DataError
    from pipelines.layouts import LAYOUTS, detect_layout, open_source, verify

_MODULE_OF = {
    "Case": "pipelines.case",
    "DataError": "pipelines.errors",
    "LAYOUTS": "pipelines.layouts",
    "SPLITS": "pipelines.case",
    "Source": "pipelines.case",
    "detect_layout": "pipelines.layouts",
    "open_source": "pipelines.layouts",
    "verify": "pipelines.layouts",
}

__all__ = ["LAYOUTS", "SPLITS", "Case", "DataError", "Source", "detect_layout", "open_source", "verify"]


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Networks for other programs."""

from cafct_keras.export.savedmodel import FORMATS, export

__all__ = ["FORMATS", "export"]

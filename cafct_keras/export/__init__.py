"""Export of trained networks to formats of other programs."""

from cafct_keras.export.versions import FORMATS, export

__all__ = ["FORMATS", "export"]

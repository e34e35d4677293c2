"""Export of trained networks to formats of other programs."""

from cafct_keras.export.conversion import to_onnx, to_openvino
from cafct_keras.export.formats import FORMATS
from cafct_keras.export.versions import export

__all__ = ["FORMATS", "export", "to_onnx", "to_openvino"]

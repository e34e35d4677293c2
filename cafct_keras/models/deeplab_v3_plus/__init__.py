"""DeepLabv3+."""

from cafct_keras.models.deeplab_v3_plus.model import DeepLabV3Plus

__all__ = ["DeepLabV3Plus"]

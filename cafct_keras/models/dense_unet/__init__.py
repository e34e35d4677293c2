"""DenseUNet."""

from cafct_keras.models.dense_unet.model import DenseUNet

__all__ = ["DenseUNet"]

"""H-DenseUNet."""

from cafct_keras.models.h_dense_unet.model import HDenseUNet

__all__ = ["HDenseUNet"]

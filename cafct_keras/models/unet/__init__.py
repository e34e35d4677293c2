"""U-Net."""

from cafct_keras.models.unet.model import UNet

__all__ = ["UNet"]

"""UNet++."""

from cafct_keras.models.unet_plus_plus.model import UNetPlusPlus

__all__ = ["UNetPlusPlus"]

"""Attention U-Net."""

from cafct_keras.models.attention_unet.model import AttentionUNet

__all__ = ["AttentionUNet"]

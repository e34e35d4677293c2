"""CAFCT-Net."""

from cafct_keras.models.cafct_net.model import CAFCTNet

__all__ = ["CAFCTNet"]

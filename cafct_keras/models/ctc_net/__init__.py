"""CTC-Net."""

from cafct_keras.models.ctc_net.model import CTCNet

__all__ = ["CTCNet"]

"""DenseNet."""

from cafct_keras.models.densenet.backbone import DenseNet

__all__ = ["DenseNet"]

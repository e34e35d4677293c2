"""ResNet."""

from cafct_keras.models.resnet.backbone import ResNet

__all__ = ["ResNet"]

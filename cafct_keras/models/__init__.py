"""Networks: functional Keras models, one folder per architecture."""

import importlib
import typing

from cafct_keras.models.attention_unet import AttentionUNet
from cafct_keras.models.backbones import backbone_maps
from cafct_keras.models.cafct_net import CAFCTNet
from cafct_keras.models.ctc_net import CTCNet
from cafct_keras.models.deeplab_v3_plus import DeepLabV3Plus
from cafct_keras.models.dense_unet import DenseUNet
from cafct_keras.models.densenet import DenseNet
from cafct_keras.models.h_dense_unet import HDenseUNet
from cafct_keras.models.outputs import logits_model
from cafct_keras.models.pvt_v2 import PVTv2
from cafct_keras.models.pvtformer import PVTFormer
from cafct_keras.models.registry import list_encoders, list_models, list_presets
from cafct_keras.models.resnet import ResNet
from cafct_keras.models.unet import UNet
from cafct_keras.models.unet_plus_plus import UNetPlusPlus

if typing.TYPE_CHECKING:
    from cafct_keras.runs import load_model
    from cafct_keras.weights import create_model, load_weights

# Networks know no files, while the packages that read files import networks: imported on first use. This is the only
# place where `models` refers to packages above it.
_FROM_FILES = {
    "create_model": "cafct_keras.weights",
    "load_model": "cafct_keras.runs",
    "load_weights": "cafct_keras.weights",
}

__all__ = [
    "AttentionUNet",
    "CAFCTNet",
    "CTCNet",
    "DeepLabV3Plus",
    "DenseNet",
    "DenseUNet",
    "HDenseUNet",
    "PVTFormer",
    "PVTv2",
    "ResNet",
    "UNet",
    "UNetPlusPlus",
    "backbone_maps",
    "create_model",
    "list_encoders",
    "list_models",
    "list_presets",
    "load_model",
    "load_weights",
    "logits_model",
]


def __getattr__(name: str) -> object:
    if name in _FROM_FILES:
        return getattr(importlib.import_module(_FROM_FILES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

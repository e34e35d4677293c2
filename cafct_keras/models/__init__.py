"""Networks: functional Keras models, one folder per architecture.

Importing an architecture here registers it, so a new network needs its folder and one line below.
"""

import importlib
import typing

from cafct_keras.models.attention_unet import AttentionUNet as AttentionUNet
from cafct_keras.models.backbones import backbone_maps as backbone_maps
from cafct_keras.models.cafct_net import CAFCTNet as CAFCTNet
from cafct_keras.models.ctc_net import CTCNet as CTCNet
from cafct_keras.models.deeplab_v3_plus import DeepLabV3Plus as DeepLabV3Plus
from cafct_keras.models.dense_unet import DenseUNet as DenseUNet
from cafct_keras.models.densenet import DenseNet as DenseNet
from cafct_keras.models.h_dense_unet import HDenseUNet as HDenseUNet
from cafct_keras.models.outputs import logits_model as logits_model
from cafct_keras.models.pvt_v2 import PVTv2 as PVTv2
from cafct_keras.models.pvtformer import PVTFormer as PVTFormer
from cafct_keras.models.registry import list_encoders as list_encoders
from cafct_keras.models.registry import list_models as list_models
from cafct_keras.models.registry import list_presets as list_presets
from cafct_keras.models.resnet import ResNet as ResNet
from cafct_keras.models.unet import UNet as UNet
from cafct_keras.models.unet_plus_plus import UNetPlusPlus as UNetPlusPlus

if typing.TYPE_CHECKING:
    from cafct_keras.runs import load_model as load_model
    from cafct_keras.weights import create_model as create_model
    from cafct_keras.weights import load_weights as load_weights

# Networks know no files, while the packages that read files import networks: imported on first use. This is the only
# place where `models` refers to packages above it.
_FROM_FILES = {
    "create_model": "cafct_keras.weights",
    "load_model": "cafct_keras.runs",
    "load_weights": "cafct_keras.weights",
}


def __getattr__(name: str) -> object:
    if name in _FROM_FILES:
        return getattr(importlib.import_module(_FROM_FILES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

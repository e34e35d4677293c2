"""Networks, each a functional Keras model assembled from `cafct_keras.layers`."""

from cafct_keras.models.attention_unet import AttentionUNet
from cafct_keras.models.cafct_net import CAFCTNet
from cafct_keras.models.ctc_net import CTCNet
from cafct_keras.models.deeplab_v3_plus import DeepLabV3Plus
from cafct_keras.models.dense_net import DenseNet
from cafct_keras.models.dense_unet import DenseUNet
from cafct_keras.models.h_dense_unet import HDenseUNet
from cafct_keras.models.outputs import logits_model
from cafct_keras.models.pretrained import create_model, load_weights
from cafct_keras.models.pvt_v2 import PVTv2
from cafct_keras.models.pvtformer import PVTFormer
from cafct_keras.models.registry import list_encoders, list_models, list_presets
from cafct_keras.models.resnet import ResNet
from cafct_keras.models.unet import UNet
from cafct_keras.models.unet_plus_plus import UNetPlusPlus


def __getattr__(name):
    if name == "load_model":  # reads files, which no network does
        from cafct_keras.runs import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    "create_model",
    "list_encoders",
    "list_models",
    "list_presets",
    "load_model",
    "load_weights",
    "logits_model",
]

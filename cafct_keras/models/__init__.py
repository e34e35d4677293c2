"""Networks, each a functional Keras model assembled from `cafct_keras.layers`."""

from cafct_keras.models.cafct_net import CAFCTNet
from cafct_keras.models.ctc_net import CTCNet
from cafct_keras.models.pretrained import create_model, load_weights
from cafct_keras.models.pvt_v2 import PVTv2
from cafct_keras.models.pvtformer import PVTFormer
from cafct_keras.models.registry import list_encoders, list_models, list_presets
from cafct_keras.models.resnet import ResNet
from cafct_keras.models.saving import load_model, logits_model

__all__ = [
    "CAFCTNet",
    "CTCNet",
    "PVTFormer",
    "PVTv2",
    "ResNet",
    "create_model",
    "list_encoders",
    "list_models",
    "list_presets",
    "load_model",
    "load_weights",
    "logits_model",
]

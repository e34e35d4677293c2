"""PVTFormer."""

from cafct_keras.models.pvtformer.model import PVTFormer

__all__ = ["PVTFormer"]

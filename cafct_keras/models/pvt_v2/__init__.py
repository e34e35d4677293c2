"""Pyramid vision transformer v2."""

from cafct_keras.models.pvt_v2.backbone import PVTv2

__all__ = ["PVTv2"]

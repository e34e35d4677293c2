"""Maps of backbones."""

import numpy as np

from cafct_keras.models import DenseNet, PVTv2, ResNet, backbone_maps


def test_backbones_give_four_maps():
    for model, widths in ((PVTv2("tiny"), (8, 16, 40, 64)), (ResNet("resnet_tiny"), (8, 16, 32, 64))):
        maps = model.predict_on_batch(np.zeros((1, 64, 96, 3), "float32"))
        assert [m.shape for m in maps] == [
            (1, 64 // s, 96 // s, w) for s, w in zip((4, 8, 16, 32), widths, strict=True)
        ]


def test_maps_by_name():
    maps = backbone_maps(PVTv2("tiny", input_shape=(64, 96, 3)))
    assert {name: each.shape for name, each in maps.items()} == {
        "P2": (None, 16, 24, 8),
        "P3": (None, 8, 12, 16),
        "P4": (None, 4, 6, 40),
        "P5": (None, 2, 3, 64),
    }
    maps = backbone_maps(DenseNet("densenet_tiny", input_shape=(64, 96, 3)))
    assert {name: each.shape[1] for name, each in maps.items()} == {"P1": 32, "P2": 16, "P3": 8, "P4": 4, "P5": 2}

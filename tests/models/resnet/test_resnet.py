"""ResNet: its size and its dilated form."""

import numpy as np
import pytest

from cafct_keras import layers
from cafct_keras.models import ResNet
from tests import golden
from tests.models.counting import trainable


@pytest.mark.parametrize(
    ("variant", "count"),
    [("resnet18", 11_176_512), ("resnet34", 21_284_672), ("resnet50", 23_508_032), ("resnet101", 42_500_160)],
)
def test_resnet(variant, count):
    assert trainable(ResNet(variant)) == count


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_dilated_stage_is_the_strided_one_on_a_finer_grid(block):
    """Dilation in place of a stride changes no weight, and every other place keeps its value."""
    x = np.random.default_rng(0).normal(size=(2, 12, 16, 6)).astype("float32")
    strided = layers.ConvStage(filters=4, depth=3, block=block, strides=2)
    dilated = layers.ConvStage(filters=4, depth=3, block=block, dilation_rate=2)
    strided.build(x.shape)
    dilated.build(x.shape)
    dilated.set_weights(strided.get_weights())
    fine = golden.predict(dilated, x)
    assert fine.shape == (2, 12, 16, strided.compute_output_shape(x.shape)[-1])
    np.testing.assert_allclose(fine[:, ::2, ::2], golden.predict(strided, x), atol=1e-5)

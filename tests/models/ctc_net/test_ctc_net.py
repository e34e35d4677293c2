"""CTC-Net: the weights of the reference code, except those that its output does not depend on."""

import pytest

import cafct_keras
from cafct_keras.models import CTCNet
from tests.models.counting import outline, trainable


def conv(channels, filters, kernel_size, *, use_bias=True, use_bn=False):
    return (channels * kernel_size**2 + use_bias + 2 * use_bn) * filters


def test_ctc_net_is_the_reference_without_its_unused_weights():
    """For 9 classes of 224x224: what the reference builds and no output of its depends on, and one bias a class."""
    model = outline(CTCNet, input_shape=(224, 224, 3), window_size=7, classes=9)
    assert trainable(model) - 9 + unused_weights_of_ctc_net() == 123_669_680


def unused_weights_of_ctc_net():
    cnn_decoder = sum(conv(filters, filters, 2) for filters in (192, 96, 96, 96)) + conv(96, 9, 1)
    for channels, filters in ((384, 192), (384, 192), (192, 96), (192, 96), (192, 96)):
        cnn_decoder += conv(channels, filters, 3, use_bn=True)
    fusion = 0
    for channels, heads in ((96, 3), (192, 6), (384, 12)):
        fusion += 2 * conv(channels, channels, 1, use_bn=True) + conv(2, 1, 7, use_bias=False, use_bn=True)
        attention = conv(channels, 3 * channels, 1) + conv(channels, channels, 1) + 13**2 * heads
        feed_forward = conv(channels, 4 * channels, 1) + conv(4 * channels, channels, 1)
        fusion += 2 * attention + feed_forward + 4 * channels
    return cnn_decoder + fusion


def test_presets_grow():
    counts = [trainable(outline(cafct_keras.create_model, "ctc_net", preset=p)) for p in ("tiny", "small", "base")]
    assert counts == sorted(counts)
    assert counts[0] < 10**6


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match="unknown ResNet 'resnet9'; known are resnet_tiny"):
        CTCNet(cnn="resnet9")
    with pytest.raises(ValueError, match="num_heads must divide the channels: 5 heads, 8 channels"):
        outline(cafct_keras.create_model, "ctc_net", preset="tiny", num_heads=(5, 5, 5, 5))

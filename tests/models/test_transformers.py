"""PVTFormer and CTC-Net: the references' weights, less those that their outputs do not depend on."""

import math

import keras
import pytest

import cafct_keras
from cafct_keras.models import CTCNet, PVTFormer, PVTv2


def outline(builder, *arguments, **options):
    """A network without values, which is enough to count."""
    with keras.StatelessScope(initialize_variables=False):
        return builder(*arguments, **options)


def trainable(layer):
    return sum(math.prod(v.shape) for v in layer.trainable_variables)


def conv(channels, filters, kernel_size, *, use_bias=True, use_bn=False):
    return (channels * kernel_size**2 + use_bias + 2 * use_bn) * filters


def test_pvtformer_is_the_reference_without_its_unused_stage():
    encoder = outline(PVTv2, "b3")
    unused = trainable(encoder.get_layer("stage4"))
    model = outline(PVTFormer)
    assert unused == 10_995_712
    assert trainable(model) + unused == 45_512_705
    decoder = [layer for layer in model.layers if not layer.name.startswith("transformer")]
    assert sum(map(trainable, decoder)) == 787_009


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


@pytest.mark.parametrize("name", ["pvtformer", "ctc_net"])
def test_presets_grow(name):
    counts = [trainable(outline(cafct_keras.create_model, name, preset=p)) for p in ("tiny", "small", "base")]
    assert counts == sorted(counts)
    assert counts[0] < 10**6


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match="unknown PVTv2 'b9'; known are pvt_v2_tiny"):
        PVTFormer(transformer="b9")
    with pytest.raises(ValueError, match="unknown ResNet 'resnet9'; known are resnet_tiny"):
        CTCNet(cnn="resnet9")
    with pytest.raises(ValueError, match="num_heads must divide the channels: 5 heads, 8 channels"):
        outline(cafct_keras.create_model, "ctc_net", preset="tiny", num_heads=(5, 5, 5, 5))

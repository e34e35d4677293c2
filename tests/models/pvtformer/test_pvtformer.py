"""PVTFormer: the weights of the reference code, except those that its output does not depend on."""

import pytest

import cafct_keras
from cafct_keras.models import PVTFormer, PVTv2
from tests.models.counting import outline, trainable


def test_pvtformer_is_the_reference_without_its_unused_stage():
    encoder = outline(PVTv2, "b3")
    unused = trainable(encoder.get_layer("stage4"))
    model = outline(PVTFormer)
    assert unused == 10_995_712
    assert trainable(model) + unused == 45_512_705
    decoder = [layer for layer in model.layers if not layer.name.startswith("transformer")]
    assert sum(map(trainable, decoder)) == 787_009


def test_presets_grow():
    counts = [trainable(outline(cafct_keras.create_model, "pvtformer", preset=p)) for p in ("tiny", "small", "base")]
    assert counts == sorted(counts)
    assert counts[0] < 10**6


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ValueError, match="unknown PVTv2 'b9'; known are pvt_v2_tiny"):
        PVTFormer(transformer="b9")

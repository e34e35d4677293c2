import keras
import numpy as np
import pytest
from keras import layers

import cafct_keras
from cafct_keras.layers import DeepSupervision
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import logits_model
from cafct_keras.models.outputs import heads


def test_losses_of_heads_are_weighted():
    image = keras.Input((4, 4, 1))
    logits = [layers.Conv2D(1, 1, name=f"head{index}")(image) for index in range(2)]
    kept = DeepSupervision(weights=(1, 3), name="heads")(logits)
    model = keras.Model(image, layers.Activation("sigmoid", name="probability")(kept))
    assert model.get_layer("heads").get_config()["weights"] == (1, 3)
    trained = logits_model(model)
    loss = BCEDiceLoss(from_logits=True)
    trained.compile("sgd", loss)
    x = np.random.default_rng(0).random((2, 4, 4, 1), "float32")
    first, last = trained.predict_on_batch(x)
    expected = (float(loss(x, first)) + 3 * float(loss(x, last))) / 4
    np.testing.assert_allclose(trained.test_on_batch(x, x, return_dict=True)["loss"], expected, rtol=1e-5)


def test_heads_of_cafct_net():
    options = {"preset": "tiny", "input_shape": (64, 96, 3), "aspp_levels": (), "classes": 2}
    model = cafct_keras.create_model("cafct_net", **options, deep_supervision=True)
    found = heads(model)
    assert [weight for _, weight in found] == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    assert {logits.shape for logits, _ in found} == {(None, 64, 96, 2)}
    # One that was trained without auxiliary heads has the same names, and so can be initialized from.
    plain = cafct_keras.create_model("cafct_net", **options)
    assert {v.path for v in plain.weights} < {v.path for v in model.weights}
    with pytest.raises(ValueError, match="deep_supervision needs decoder 'unet', not 'deeplab'"):
        cafct_keras.create_model("cafct_net", **options, decoder="deeplab", deep_supervision=True)

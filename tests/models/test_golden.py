"""Whole networks against reference activations: the numbers of other people's code, not ours."""

import keras
import numpy as np
import pytest

from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import PVTv2, create_model, logits_model
from tests import golden

pytestmark = pytest.mark.backends


@pytest.mark.parametrize(
    ("file", "variant", "tolerance"),
    # The deliberately scaled _eps file shows a wrong epsilon as an error of 0.03 and more.
    [("pvt_v2_tiny", "tiny", 5e-6), ("pvt_v2_tiny_eps", "tiny", 5e-4), ("pvt_v2_tiny_li", "tiny_li", 5e-6)],
)
def test_pvt_stages(shared, file, variant, tolerance):
    state, arrays, _ = golden.load(shared / "golden" / f"{file}.npz")
    model = PVTv2(variant)
    golden.assign(model, state, golden.pvt_rules("stage", ""))
    sizes = [name.removeprefix("in/") for name in arrays if name.startswith("in/")]
    assert sizes
    for size in sizes:
        maps = golden.predict(model, golden.nhwc(arrays[f"in/{size}"]))
        for level, actual in enumerate(maps, start=1):
            expected = golden.nhwc(arrays[f"out/{size}/stage{level}"])
            np.testing.assert_allclose(actual, expected, atol=tolerance, err_msg=f"{size} stage {level}")


@pytest.fixture(scope="module")
def tiny(shared):
    state, arrays, _ = golden.load(shared / "golden" / "cafct_tiny.npz")
    model = create_model("cafct_net", preset="tiny", input_shape=(None, None, 3), stochastic_depth_rate=0.0)
    golden.assign(model, state, golden.CAFCT)
    return model, arrays


def test_every_map_of_cafct_net(tiny):
    model, arrays = tiny
    names = {"cnn": "cnn", "tr": "transformer", "aff": "aff", "aspp": "aspp"}
    layers = {f"{ours}{level}": f"{theirs}{level}" for theirs, ours in names.items() for level in (1, 2, 3, 4)}
    layers |= {"gate3": "ag3", "logits": "logits"}
    probe = keras.Model(model.input, {name: model.get_layer(name).output for name in layers})
    actual = golden.predict(probe, golden.nhwc(arrays["in/x"]))
    for ours, theirs in layers.items():
        expected = golden.nhwc(arrays[f"out/{theirs}"])
        np.testing.assert_allclose(actual[ours], expected, atol=1e-5, rtol=1e-5, err_msg=ours)


@pytest.fixture(scope="module")
def logits(tiny):
    model, arrays = tiny
    return golden.predict(logits_model(model), golden.nhwc(arrays["in/x"]))


@pytest.mark.parametrize(("reduction", "name"), [("image", "bce_dice_eps1"), ("batch", "bce_dice_batch_eps1")])
def test_loss_of_cafct_net(tiny, logits, reduction, name):
    _, arrays = tiny
    loss = BCEDiceLoss(from_logits=True, dice_reduction=reduction)(golden.nhwc(arrays["in/y"]), logits)
    np.testing.assert_allclose(float(loss), arrays[f"out/{name}"], rtol=2e-6)


def test_one_training_step(shared, tiny):
    """Gradients of the whole network in training mode: loss, gradient norm and the loss after one step of SGD."""
    step = np.load(shared / "golden" / "cafct_tiny_trainstep.npz")
    source, arrays = tiny
    model = logits_model(keras.models.clone_model(source))
    model.set_weights(source.get_weights())
    x, y = golden.nhwc(arrays["in/x"]), golden.nhwc(arrays["in/y"])
    loss = BCEDiceLoss(from_logits=True, dice_reduction="image")
    before = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), loss=loss)
    first = model.train_on_batch(x, y)
    after = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    # The first step of SGD with momentum is the gradient times the rate.
    norm = sum(float(((a - b) ** 2).sum()) for a, b in zip(after, before, strict=True)) ** 0.5 / 0.01
    np.testing.assert_allclose(first, step["loss0"], rtol=1e-5)
    np.testing.assert_allclose(norm, step["gradnorm"], rtol=2e-3)
    np.testing.assert_allclose(model.train_on_batch(x, y), step["loss1"], rtol=1e-4)

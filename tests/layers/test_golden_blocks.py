"""Single blocks against reference activations of other people's code."""

import numpy as np
import pytest
from keras import layers as keras_layers
from keras import ops

from cafct_keras import layers
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models.resnet.layers import ResidualBlock
from tests import golden

pytestmark = pytest.mark.backends

TOLERANCE = 5e-6


@pytest.fixture(scope="module")
def arrays(shared):
    with np.load(shared / "golden" / "blocks.npz") as data:
        return dict(data)


def check(layer, arrays, prefix, rules):
    """Builds the layer on the reference's input, gives it the reference's weights and compares the first output."""
    state, inputs, outputs = golden.block(arrays, prefix)
    layer.build([x.shape for x in inputs] if len(inputs) > 1 else inputs[0].shape)
    golden.assign(layer, state, rules)
    actual = golden.predict(layer, inputs if len(inputs) > 1 else inputs[0])
    np.testing.assert_allclose(actual, outputs[0], atol=TOLERANCE, rtol=TOLERANCE)


def test_squeeze_excitation(arrays):
    rules = [("squeeze", "fc1"), ("excite", "fc2")]
    check(layers.SqueezeExcitation(reduction_ratio=16), arrays, "se_timm_32_r16", rules)


@pytest.mark.parametrize(
    ("prefix", "block", "filters"), [("basicblock_8_16_s2", "basic", 16), ("bottleneck_16_8_s2", "bottleneck", 8)]
)
def test_residual_blocks(arrays, prefix, block, filters):
    check(ResidualBlock(filters=filters, block=block, strides=2), arrays, prefix, golden.RESIDUAL)


def test_aspp(arrays):
    """torchvision's ASPP concatenates its pooled branch last, ours, after the paper, first."""
    prefix = "aspp_torchvision_24_16"
    state, (x,), (expected,) = golden.block(arrays, prefix)
    rates = [(1, "conv"), (6, "atrous6"), (12, "atrous12"), (18, "atrous18")]
    rules = [rule for index, (_, name) in enumerate(rates) for rule in golden.cbr(name, f"convs.{index}")]
    rules += [("pool/conv", "convs.4.1"), ("pool/norm", "convs.4.2"), *golden.cbr("project", "project")]
    kernel = state["project.0.weight"]
    state["project.0.weight"] = np.concatenate([kernel[:, -16:], kernel[:, :-16]], axis=1)
    layer = layers.AtrousSpatialPyramidPooling(filters=16)
    layer.build(x.shape)
    golden.assign(layer, state, rules)
    np.testing.assert_allclose(golden.predict(layer, x), expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_gate_of_attention_u_net_3d(arrays):
    """Oktay's gate: 2x2 theta, a gate at half of theta's grid, an output convolution."""
    rules = [("theta|phi|psi", r"\g<0>"), ("output_conv", "W.0"), ("output_norm", "W.1")]
    gate = layers.AttentionGate(kernel_size=2, gate_factor=2, use_output_conv=True)
    check(gate, arrays, "grid_attention_oktay_2d_x8_g16_i4", rules)


def test_gate_of_attention_u_net_2d(arrays):
    """LeeJunHyun's gate takes (gate, map); ours, like Oktay's, (map, gate)."""
    state, (gate, x), (expected,) = golden.block(arrays, "attention_block_lee_g16_l8_i4")
    rules = [("theta", "W_x.0"), ("theta_norm", "W_x.1"), ("phi", "W_g.0"), ("phi_norm", "W_g.1")]
    rules += [("psi", "psi.0"), ("psi_norm", "psi.1")]
    layer = layers.AttentionGate(strides=1, use_bn=True)
    layer.build([x.shape, gate.shape])
    golden.assign(layer, state, rules)
    np.testing.assert_allclose(golden.predict(layer, [x, gate]), expected, atol=TOLERANCE, rtol=TOLERANCE)


def attention(state, shape, suffix=""):
    """An MS-CAM with the weights of one of Dai's blocks."""
    rules = []
    for name in ("local", "global"):
        first = 1 if name == "global" else 0
        for part, position in (("squeeze", first), ("excite", first + 3)):
            rules += [(f"{name}_{part}/conv", f"{name}_att{suffix}.{position}")]
            rules += [(f"{name}_{part}/norm", f"{name}_att{suffix}.{position + 1}")]
    layer = layers.MultiScaleChannelAttention(reduction_ratio=4)
    layer.build(shape)
    names = {f"local_att{suffix}", f"global_att{suffix}"}
    golden.assign(layer, {name: value for name, value in state.items() if name.split(".")[0] in names}, rules)
    return layer


def test_ms_cam(arrays):
    state, (x,), (expected,) = golden.block(arrays, "mscam_dai_16_r4")
    actual = golden.predict(attention(state, x.shape), x)
    np.testing.assert_allclose(actual, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_attentional_feature_fusion_of_dai(arrays):
    """Dai's AFF from our MS-CAM: 2 x M + 2 y (1 - M), with M the attention of x + y."""
    state, (x, y), (expected,) = golden.block(arrays, "aff_dai_16_r4")
    weight = ops.convert_to_numpy(attention(state, x.shape).attention(x + y))
    np.testing.assert_allclose(2 * x * weight + 2 * y * (1 - weight), expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_iterative_feature_fusion_of_dai(arrays):
    """Dai's iAFF: the fusion once more, whose second pass uses the first global branch again, as the release does."""
    state, (x, y), (expected,) = golden.block(arrays, "iaff_dai_16_r4")
    first = ops.convert_to_numpy(attention(state, x.shape).attention(x + y))
    mixed = x * first + y * (1 - first)
    second_state = {name.replace("local_att2", "local_att"): v for name, v in state.items() if "local_att." not in name}
    second_state = {name: v for name, v in second_state.items() if "global_att2" not in name}
    second = ops.convert_to_numpy(attention(second_state, x.shape).attention(mixed))
    np.testing.assert_allclose(x * second + y * (1 - second), expected, atol=TOLERANCE, rtol=TOLERANCE)


def double_conv(prefix):
    """Rules for milesial's two convolutions, at positions 0 and 3 of a torch Sequential."""
    return [
        (rf"conv{index}/{part}", f"{prefix}double_conv.{first + offset}")
        for index, first in ((1, 0), (2, 3))
        for offset, part in enumerate(("conv", "norm"))
    ]


def test_u_net_down(arrays):
    state, (x,), (expected,) = golden.block(arrays, "unet_down_8_16")
    x = golden.predict(layers.MaxPooling(), x)
    layer = layers.DoubleConv(filters=16)
    layer.build(x.shape)
    golden.assign(layer, state, double_conv("maxpool_conv.1."))
    np.testing.assert_allclose(golden.predict(layer, x), expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize(("prefix", "factor"), [("pvtformer_decoderblock_8_8", 2), ("pvtformer_upblock_8_8_x4", 4)])
def test_blocks_of_pvtformer(arrays, prefix, factor):
    check(layers.ResidualUpsampling(filters=8, factor=factor), arrays, prefix, golden.RESIDUAL_UPSAMPLING)


@pytest.mark.parametrize(
    ("upsampling", "prefix"),
    [("transposed", "unet_up_transposed_16_8"), ("bilinear_aligned", "unet_up_bilinear_16_8")],
)
def test_u_net_up(arrays, upsampling, prefix):
    """milesial's Up takes (coarse, skip); ours (skip, coarse)."""
    state, (coarse, skip), (expected,) = golden.block(arrays, prefix)
    layer = layers.DecoderBlock(filters=8, upsampling=upsampling)
    layer.build([skip.shape, coarse.shape])
    golden.assign(layer, state, [("upsample", "up"), *double_conv("conv.")])
    actual = golden.predict(layer, [skip, coarse])
    np.testing.assert_allclose(actual, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_block_of_u_net_plus_plus(arrays):
    rules = [(r"conv(\d)/conv", r"conv\1"), (r"conv(\d)/norm", r"bn\1")]
    check(layers.DoubleConv(filters=16, hidden=12, use_bias=True), arrays, "vggblock_8_12_16", rules)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("size", "factor"), [("14x10", 2), ("28x20", 4)])
def test_bilinear_upsampling(arrays, size, factor, align_corners):
    layer = layers.BilinearUpsampling(factor=factor, align_corners=align_corners)
    expected = golden.nhwc(arrays[f"resize/align_{align_corners}/{size}"])
    np.testing.assert_allclose(golden.predict(layer, golden.nhwc(arrays["resize/in"])), expected, atol=1e-6)


def test_depthwise_convolution_is_keras_own():
    x = np.random.default_rng(0).normal(size=(2, 9, 14, 5)).astype("float32")
    reference = keras_layers.DepthwiseConv2D(3, padding="same")
    ours = layers.DepthwiseConv3x3()
    reference.build(x.shape)
    ours.build(x.shape)
    ours.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in ours.get_weights()])
    reference.set_weights(ours.get_weights())
    np.testing.assert_allclose(golden.predict(ours, x), golden.predict(reference, x), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pvtformer_bce+dice_pooled_smooth1", {}),
        ("bce+dice_perimage_1.0", {"dice_reduction": "image"}),
        ("bce+dice_perimage_1e-05", {"dice_reduction": "image", "smooth": 1e-5}),
        ("nested_0.5bce+dice_perimage_1e-5", {"dice_reduction": "image", "smooth": 1e-5, "bce_weight": 0.5}),
        ("bce", {"dice_weight": 0.0}),
    ],
)
@pytest.mark.parametrize("from_logits", [True, False])
def test_losses(arrays, name, options, from_logits):
    logits, y = golden.nhwc(arrays["loss/logits"]), golden.nhwc(arrays["loss/y"])
    predictions = logits if from_logits else 1 / (1 + np.exp(-logits))
    loss = BCEDiceLoss(from_logits=from_logits, **options)(y, predictions)
    np.testing.assert_allclose(float(loss), arrays[f"loss/{name}"], rtol=2e-6)

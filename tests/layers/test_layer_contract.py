"""Every layer passes Keras's own layer test: config round trip, build, symbolic and eager call, a training step, mixed
precision, each with arguments that are not the defaults, for a forgotten one shows only then."""

import pytest
from keras.src import testing

from cafct_keras import layers
from cafct_keras.models.resnet.layers import ResidualBlock

pytestmark = pytest.mark.backends

MAP = (2, 8, 16, 4)
HALF = (2, 4, 8, 6)
VOLUME = (2, 4, 8, 16, 3)
CASES = {
    "ConvBNReLU": (
        layers.ConvBNReLU,
        {"filters": 6, "kernel_size": 5, "strides": 2, "use_bias": True, "activation": "gelu"},
        MAP,
        (2, 4, 8, 6),
    ),
    "ConvBNReLU dilated": (
        layers.ConvBNReLU,
        {"filters": 6, "dilation_rate": 3, "activation": None},
        MAP,
        (2, 8, 16, 6),
    ),
    "ConvBNReLU 3-D": (
        layers.ConvBNReLU,
        {"filters": 6, "strides": 2, "use_bias": True, "use_bn": False},
        VOLUME,
        (2, 2, 4, 8, 6),
    ),
    "ConvStem": (layers.ConvStem, {"filters": 6}, (2, 32, 64, 3), (2, 8, 16, 6)),
    "ResidualBlock": (ResidualBlock, {"filters": 4, "block": "bottleneck", "strides": 2}, MAP, (2, 4, 8, 16)),
    "ConvStage": (layers.ConvStage, {"filters": 6, "depth": 2, "strides": 2, "dilation_rate": 2}, MAP, (2, 4, 8, 6)),
    "ConvStage bottleneck": (
        layers.ConvStage,
        {"filters": 2, "depth": 2, "block": "bottleneck", "strides": 2},
        MAP,
        (2, 4, 8, 8),
    ),
    "MaxPooling": (layers.MaxPooling, {"size": 3}, MAP, (2, 4, 8, 4)),
    "Dropout": (layers.Dropout, {"rate": 0.3, "seed": 7}, MAP, MAP),
    "OverlapPatchEmbedding": (
        layers.OverlapPatchEmbedding,
        {"filters": 6, "patch_size": 7, "strides": 4},
        (2, 16, 32, 3),
        (2, 4, 8, 6),
    ),
    "SpatialReductionAttention": (layers.SpatialReductionAttention, {"num_heads": 2, "sr_ratio": 4}, MAP, MAP),
    "LinearSpatialReductionAttention": (
        layers.LinearSpatialReductionAttention,
        {"num_heads": 2},
        (2, 9, 16, 4),
        (2, 9, 16, 4),
    ),
    "DepthwiseConv3x3": (layers.DepthwiseConv3x3, {}, MAP, MAP),
    "ConvFeedForward": (layers.ConvFeedForward, {"mlp_ratio": 2, "linear": True}, MAP, MAP),
    "StochasticDepth": (layers.StochasticDepth, {"rate": 0.3, "seed": 7}, MAP, MAP),
    "TransformerBlock": (
        layers.TransformerBlock,
        {"num_heads": 2, "sr_ratio": 2, "mlp_ratio": 2, "stochastic_depth_rate": 0.2},
        MAP,
        MAP,
    ),
    "TransformerStage": (
        layers.TransformerStage,
        {
            "filters": 6,
            "num_heads": 3,
            "stochastic_depth_rates": (0.0, 0.2),
            "mlp_ratio": 2,
            "strides": 4,
            "patch_size": 7,
            "sr_ratio": 2,
        },
        (2, 16, 32, 3),
        (2, 4, 8, 6),
    ),
    "TransformerStage linear": (
        layers.TransformerStage,
        {"filters": 6, "num_heads": 3, "stochastic_depth_rates": (0.1,), "linear": True},
        MAP,
        (2, 4, 8, 6),
    ),
    "SqueezeExcitation": (layers.SqueezeExcitation, {"reduction_ratio": 2}, MAP, MAP),
    "MultiScaleChannelAttention": (layers.MultiScaleChannelAttention, {"reduction_ratio": 2}, MAP, MAP),
    "AttentionalFeatureFusion": (
        layers.AttentionalFeatureFusion,
        {"filters": 6, "reduction_ratio": 3},
        (MAP, (2, 8, 16, 2)),
        (2, 8, 16, 6),
    ),
    **{
        f"AttentionalFeatureFusion {mode}": (
            layers.AttentionalFeatureFusion,
            {"filters": 6, "mode": mode, "reduction_ratio": 3},
            (MAP, (2, 8, 16, 2)),
            (2, 8, 16, 6),
        )
        for mode in ("ms_cam", "concat", "add")
    },
    "AtrousSpatialPyramidPooling": (
        layers.AtrousSpatialPyramidPooling,
        {"filters": 6, "rates": (2, 3)},
        MAP,
        (2, 8, 16, 6),
    ),
    "AtrousSpatialPyramidPooling plain": (
        layers.AtrousSpatialPyramidPooling,
        {"rates": (2,), "style": "plain"},
        MAP,
        MAP,
    ),
    "AttentionGate": (
        layers.AttentionGate,
        {"filters": 3, "kernel_size": 2, "gate_factor": 1, "use_output_conv": True},
        (MAP, HALF),
        MAP,
    ),
    "AttentionGate pooled": (layers.AttentionGate, {"strides": 2, "pool": True, "use_bn": True}, (MAP, HALF), MAP),
    "AttentionGate finer": (layers.AttentionGate, {"strides": 1, "gate_factor": 2}, (MAP, HALF), MAP),
    "BilinearUpsampling": (layers.BilinearUpsampling, {"factor": 3}, MAP, (2, 24, 48, 4)),
    "BilinearUpsampling aligned": (
        layers.BilinearUpsampling,
        {"factor": 3, "align_corners": True},
        MAP,
        (2, 24, 48, 4),
    ),
    "ImageNetNormalization": (layers.ImageNetNormalization, {}, (2, 8, 16, 5), (2, 8, 16, 5)),
    "ImageNetNormalization grey": (layers.ImageNetNormalization, {}, (2, 8, 16, 1), (2, 8, 16, 3)),
    "ResidualUpsampling": (layers.ResidualUpsampling, {"filters": 3}, (HALF, MAP), (2, 8, 16, 3)),
    "ResidualUpsampling alone": (layers.ResidualUpsampling, {"filters": 3, "factor": 4}, HALF, (2, 16, 32, 3)),
    "WindowAttention": (layers.WindowAttention, {"num_heads": 2, "window_size": 4, "shift": 1}, MAP, MAP),
    "SwinBlock": (
        layers.SwinBlock,
        {"num_heads": 2, "window_size": 4, "shift": 2, "stochastic_depth_rate": 0.2},
        MAP,
        MAP,
    ),
    "SwinStage": (
        layers.SwinStage,
        {"num_heads": 2, "window_size": 4, "stochastic_depth_rates": (0.0, 0.2)},
        MAP,
        MAP,
    ),
    "PatchEmbedding": (layers.PatchEmbedding, {"filters": 6, "patch_size": 2}, MAP, (2, 4, 8, 6)),
    "PatchMerging": (layers.PatchMerging, {}, MAP, (2, 4, 8, 8)),
    "PatchExpanding": (layers.PatchExpanding, {"filters": 3, "factor": 4}, HALF, (2, 16, 32, 3)),
    "PreActivationBottleneck": (layers.PreActivationBottleneck, {"filters": 6}, MAP, (2, 8, 16, 6)),
    "PreActivationBottleneck unprojected": (layers.PreActivationBottleneck, {"filters": 4}, MAP, MAP),
    "ComplementaryFusion": (
        layers.ComplementaryFusion,
        {"num_heads": 2, "window_size": 4, "reduction_ratio": 2},
        (MAP, MAP),
        MAP,
    ),
    "DoubleConv": (
        layers.DoubleConv,
        {"filters": 3, "hidden": 5, "use_bias": True, "use_bn": False},
        MAP,
        (2, 8, 16, 3),
    ),
    "DecoderBlock": (layers.DecoderBlock, {"filters": 3}, (MAP, HALF), (2, 8, 16, 3)),
    "DecoderBlock transposed": (
        layers.DecoderBlock,
        {"filters": 3, "upsampling": "transposed"},
        (MAP, MAP, HALF),
        (2, 8, 16, 3),
    ),
    "NormReLU": (layers.NormReLU, {"scale": False}, VOLUME, VOLUME),
    "DenseStem": (layers.DenseStem, {"filters": 6, "scale": False}, VOLUME, (2, 2, 4, 8, 6)),
    "DenseBlock": (layers.DenseBlock, {"growth_rate": 2, "depth": 2, "scale": False}, MAP, (2, 8, 16, 8)),
    "DenseTransition": (layers.DenseTransition, {"scale": False}, (2, 4, 8, 16, 6), (2, 4, 4, 8, 3)),
    "DenseDecoderBlock": (
        layers.DenseDecoderBlock,
        {"filters": 3, "dropout": 0.2},
        (MAP, HALF),
        (2, 8, 16, 3),
    ),
    "DenseDecoderBlock 3-D": (
        layers.DenseDecoderBlock,
        {"filters": 3, "factors": (1, 2, 2)},
        VOLUME,
        (2, 4, 16, 32, 3),
    ),
    "MiddleSlice": (layers.MiddleSlice, {}, VOLUME, (2, 8, 16, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    layer, arguments, input_shape, output_shape = CASES[name]
    testing.TestCase().run_layer_test(
        layer, init_kwargs=arguments, input_shape=input_shape, expected_output_shape=output_shape
    )


def test_segmentation_head():
    # Without the mixed-precision check: it wants the policy's compute dtype, and logits are float32 under every policy.
    testing.TestCase().run_layer_test(
        layers.SegmentationHead,
        init_kwargs={"classes": 2, "filters": 3, "depth": 2, "factor": 2, "prior": 0.01, "dtype": "mixed_bfloat16"},
        input_shape=MAP,
        expected_output_shape=(2, 16, 32, 2),
        expected_output_dtype="float32",
        run_mixed_precision_check=False,
    )


def test_deep_supervision():
    # Float32 under every policy, as the head.
    testing.TestCase().run_layer_test(
        layers.DeepSupervision,
        init_kwargs={},
        input_shape=(MAP, MAP),
        expected_output_shape=MAP,
        run_mixed_precision_check=False,
    )


@pytest.mark.parametrize(
    ("layer", "arguments", "word"),
    [
        (layers.ConvStage, {"filters": 4, "depth": 1, "block": "dense"}, "dense"),
        (layers.AttentionalFeatureFusion, {"filters": 4, "mode": "sum"}, "sum"),
        (layers.AtrousSpatialPyramidPooling, {"style": "fancy"}, "fancy"),
        (layers.DecoderBlock, {"filters": 4, "upsampling": "cubic"}, "cubic"),
    ],
)
def test_unknown_kinds_are_refused(layer, arguments, word):
    with pytest.raises(ValueError, match=word):
        layer(**arguments)

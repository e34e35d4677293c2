"""CAFCT-Net: two encoders side by side, fused level by level, decoded through attention gates.

Kang et al., "CAFCT-Net: a CNN-transformer hybrid network with contextual and attentional feature fusion for liver tumor
segmentation", 2024 (arXiv 2401.16886).
"""

from keras import layers

from cafct_keras.layers import (
    AtrousSpatialPyramidPooling,
    AttentionalFeatureFusion,
    AttentionGate,
    BilinearUpsampling,
    ConvBNReLU,
    DecoderBlock,
    SegmentationHead,
)
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.pvt_v2.backbone import PREFIX, PVTS, pvt_stages
from cafct_keras.models.registry import register
from cafct_keras.models.resnet.backbone import RESNETS, resnet_stages

LEVELS = (1, 2, 3, 4)
ABLATIONS = ("transformer", "aff", "aspp", "gates")
DEEPLAB_WIDTH = 64


def CAFCTNet(
    *,
    input_shape=(256, 256, 3),
    cnn="resnet34",
    transformer="pvt_v2_b2",
    dims=(64, 128, 256, 256),
    fusion="aff",
    squeeze_ratio=16,
    aspp_levels=LEVELS,
    aspp_style="deeplab",
    aspp_rates=(6, 12, 18),
    attention_gates=True,
    decoder="unet",
    drop_path_rate=None,
    ablation=None,
    normalization=None,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="cafct_net",
):
    """CAFCT-Net as a functional model whose layers carry the names of figure 1.

    The defaults are this project's reading of the paper; the options are the other readings of its silent spots.

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        cnn: convolutional branch, a ResNet by name.
        transformer: second branch, `"pvt_v2_"` and a variant, or a ResNet by name.
        dims: channels of the fused maps at the four levels.
        fusion: see `AttentionalFeatureFusion`.
        squeeze_ratio: channels over hidden units in the fusion's attention.
        aspp_levels: the levels, out of 1 to 4, that have an ASPP.
        aspp_style: see `AtrousSpatialPyramidPooling`.
        aspp_rates: dilation rates at every level, or a dictionary from level to rates.
        attention_gates: whether skip connections are gated.
        decoder: `"unet"`, level by level; `"deeplab"`, gated maps all enlarged to level 1 and concatenated there.
        drop_path_rate: stochastic depth of the transformer's last block; None takes the variant's own.
        ablation: leaves out what a row of table 4 does, and wins over the option in brackets: `"transformer"`, which
            becomes a second CNN like the first (`transformer`); `"aff"`, for plain concatenation (`fusion`); `"aspp"`
            (`aspp_levels`); `"gates"` (`attention_gates`). None for nothing.
        normalization: `"imagenet"` where encoders begin with weights trained on it, see `ImageNetNormalization`.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for an unknown name or a size that is no multiple of 32.
    """
    if ablation not in (None, *ABLATIONS):
        raise ValueError(f"ablation must be one of {ABLATIONS}, not {ablation!r}")
    transformer = cnn if ablation == "transformer" else transformer
    fusion = "concat" if ablation == "aff" else fusion
    aspp_levels = () if ablation == "aspp" else aspp_levels
    attention_gates = attention_gates and ablation != "gates"
    if decoder not in ("unet", "deeplab"):
        raise ValueError(f"decoder must be 'unet' or 'deeplab', not {decoder!r}")
    if set(aspp_levels) - set(LEVELS):
        raise ValueError(f"aspp_levels must be out of {LEVELS}, not {tuple(aspp_levels)}")
    if len(dims) != len(LEVELS):
        raise ValueError(f"dims must have {len(LEVELS)} entries, one a level, not {tuple(dims)}")
    image = image_input(input_shape)
    x = normalized(image, normalization)
    cnn_maps = _branch(x, cnn, name="cnn")
    transformer_maps = _branch(x, transformer, name="transformer", drop_path_rate=drop_path_rate)

    fused = []
    for level, maps in enumerate(zip(cnn_maps, transformer_maps, strict=True), start=1):
        aff = AttentionalFeatureFusion(filters=dims[level - 1], mode=fusion, ratio=squeeze_ratio, name=f"aff{level}")
        fused.append(aff(list(maps)))

    def aspp(x, level):
        if level not in aspp_levels:
            return x
        rates = aspp_rates[level] if isinstance(aspp_rates, dict) else aspp_rates
        return AtrousSpatialPyramidPooling(rates=rates, style=aspp_style, name=f"aspp{level}")(x)

    if decoder == "deeplab":
        logits = _decode_deeplab(fused, aspp, attention_gates=attention_gates, classes=classes, prior=prior)
    else:
        maps = [aspp(x, level) for level, x in enumerate(fused, start=1)]
        logits = _decode_unet(maps, attention_gates=attention_gates, classes=classes, prior=prior)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def _branch(image, variant, *, name, drop_path_rate=None):
    if variant in RESNETS:
        return resnet_stages(image, variant, name=name)
    if variant.removeprefix(PREFIX) in PVTS and variant.startswith(PREFIX):
        return pvt_stages(image, variant.removeprefix(PREFIX), name=name, drop_path_rate=drop_path_rate)
    known = [*RESNETS, *(PREFIX + variant for variant in PVTS)]
    raise ValueError(f"unknown {name} {variant!r}; known are {', '.join(known)}")


def _decode_unet(maps, *, attention_gates, classes, prior):
    """From the deepest map upwards; each map gates the next finer one, then joins it."""
    x = maps[-1]
    for level in (3, 2, 1):
        skip = maps[level - 1]
        if attention_gates:
            skip = AttentionGate(name=f"gate{level}")([skip, x])
        x = DecoderBlock(filters=skip.shape[-1], name=f"decoder{level}")([skip, x])
    return SegmentationHead(classes=classes, prior=prior, name="logits")(x)


def _decode_deeplab(fused, aspp, *, attention_gates, classes, prior):
    """Section 2.4 read as DeepLabv3+: one ASPP, at stride 16, gates every level and joins them all at stride 4."""
    gate = aspp(BilinearUpsampling(factor=2, name="enlarge4")(fused[3]), 4)
    maps = []
    for level in (1, 2, 3):
        skip = fused[level - 1]
        if attention_gates:
            skip = AttentionGate(strides=2 ** (3 - level), pool=True, name=f"gate{level}")([skip, gate])
        skip = ConvBNReLU(filters=DEEPLAB_WIDTH, kernel_size=1, name=f"reduce{level}")(skip)
        maps.append(BilinearUpsampling(factor=2 ** (level - 1), name=f"enlarge{level}")(skip))
    gate = ConvBNReLU(filters=DEEPLAB_WIDTH, kernel_size=1, name="reduce4")(gate)
    maps.append(BilinearUpsampling(factor=4, name="enlarge_gate")(gate))
    x = layers.Concatenate(name="concatenate")(maps)
    return SegmentationHead(classes=classes, filters=2 * DEEPLAB_WIDTH, depth=2, prior=prior, name="logits")(x)


register(
    "cafct_net",
    CAFCTNet,
    default="base",
    presets={
        "tiny": {
            "cnn": "resnet_tiny",
            "transformer": "pvt_v2_tiny",
            "dims": (8, 16, 32, 32),
            "squeeze_ratio": 4,
        },
        "small": {"cnn": "resnet18", "transformer": "pvt_v2_b0", "dims": (32, 64, 128, 128)},
        "base": {},
        "large": {"cnn": "resnet101"},
    },
)

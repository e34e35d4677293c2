"""CAFCT-Net: two parallel encoders, fused level by level and decoded through attention gates.

Kang et al., "CAFCT-Net: a CNN-transformer hybrid network with contextual and attentional feature fusion for liver tumor
segmentation", 2024 (arXiv 2401.16886).
"""

from collections.abc import Callable, Mapping, Sequence

import keras
from keras import layers

from cafct_keras.layers import (
    AtrousSpatialPyramidPooling,
    AttentionalFeatureFusion,
    AttentionGate,
    BilinearUpsampling,
    ConvBNReLU,
    DecoderBlock,
    DeepSupervision,
    SegmentationHead,
)
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.pvt_v2.backbone import PVTS, full_name, pvt_v2_maps
from cafct_keras.models.registry import Presets, register
from cafct_keras.models.resnet.backbone import RESNETS, resnet_maps
from cafct_keras.typing import Shape, Tensor

LEVELS = (1, 2, 3, 4)
ABLATIONS = ("transformer", "aff", "aspp", "gates")
ASPP_RATES = (6, 12, 18)
DEEPLAB_FILTERS = 64
HEAD_WEIGHTS = (0.25, 0.5, 1.0)

PRESETS: Presets = {
    "tiny": {"cnn": "resnet_tiny", "transformer": "pvt_v2_tiny", "dims": (8, 16, 32, 32), "reduction_ratio": 4},
    "mini": {"cnn": "resnet_small", "transformer": "pvt_v2_small", "dims": (24, 48, 96, 96), "reduction_ratio": 8},
    "small": {"cnn": "resnet18", "transformer": "pvt_v2_b0", "dims": (32, 64, 128, 128)},
    "base": {},
    "large": {"cnn": "resnet101"},
}


@register(
    "cafct_net",
    presets=PRESETS,
    renamed={"squeeze_ratio": "reduction_ratio", "drop_path_rate": "stochastic_depth_rate"},
)
def CAFCTNet(
    *,
    input_shape: Shape = (256, 256, 3),
    cnn: str = "resnet34",
    transformer: str = "pvt_v2_b2",
    dims: Sequence[int] = (64, 128, 256, 256),
    fusion: str = "aff",
    reduction_ratio: int = 16,
    aspp_levels: Sequence[int] = LEVELS,
    aspp_style: str = "deeplab",
    aspp_rates: Sequence[int] | Mapping[int | str, Sequence[int]] = ASPP_RATES,
    attention_gates: bool = True,
    decoder: str = "unet",
    deep_supervision: bool = False,
    stochastic_depth_rate: float | None = None,
    ablation: str | None = None,
    normalization: str | None = None,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "cafct_net",
) -> keras.Model:
    """CAFCT-Net as a functional model whose layers have the names of figure 1.

    The defaults are this project's interpretation of the paper; the options cover other readings of details that the
    paper leaves unspecified.

    Args:
        cnn: convolutional branch, the name of a ResNet.
        transformer: second branch, the name of a PVTv2 or a ResNet.
        dims: channels of the fused maps at the four levels.
        fusion: mode of `AttentionalFeatureFusion`.
        reduction_ratio: ratio of channels to hidden units in the attention of the fusion.
        aspp_levels: levels, from 1 to 4, that have an ASPP.
        aspp_style: style of `AtrousSpatialPyramidPooling`.
        aspp_rates: dilation rates of the ASPP at every level, or a dictionary from level (1 or `"1"`) to rates; levels
            without an entry have the rates 6, 12, 18.
        attention_gates: whether skip connections are gated.
        decoder: `"unet"`, level by level; or `"deeplab"`: gated maps all resized to level 1 and concatenated there.
        deep_supervision: whether the decoder's maps at strides 16 and 8 are trained to predict the mask too, by losses
            that count a quarter and half as much as that of the mask, as in nnU-Net (Isensee et al., Nature Methods 18,
            2021). Prediction is not concerned. With the decoder `"unet"` only.
        stochastic_depth_rate: stochastic depth of the last block of the transformer; None for its default.
        ablation: row of table 4 to reproduce, which overrides the option in parentheses: `"transformer"`, replaced by a
            second CNN (`transformer`); `"aff"`, by plain concatenation (`fusion`); `"aspp"` (`aspp_levels`); `"gates"`
            (`attention_gates`). None for the whole network.
    """
    if ablation not in (None, *ABLATIONS):
        raise ValueError(f"ablation must be one of {ABLATIONS}, not {ablation!r}")
    transformer = cnn if ablation == "transformer" else transformer
    fusion = "concat" if ablation == "aff" else fusion
    aspp_levels = () if ablation == "aspp" else aspp_levels
    attention_gates = attention_gates and ablation != "gates"
    if decoder not in ("unet", "deeplab"):
        raise ValueError(f"decoder must be 'unet' or 'deeplab', not {decoder!r}")
    if deep_supervision and decoder != "unet":
        raise ValueError(f"deep_supervision needs decoder 'unet', not {decoder!r}")
    if set(aspp_levels) - set(LEVELS):
        raise ValueError(f"aspp_levels must be out of {LEVELS}, not {tuple(aspp_levels)}")
    if len(dims) != len(LEVELS):
        raise ValueError(f"dims must have {len(LEVELS)} entries, one per level, not {tuple(dims)}")
    rates = _rates_by_level(aspp_rates)
    image = image_input(input_shape)
    x = normalized(image, normalization)
    cnn_maps = _branch(x, cnn, name="cnn")
    transformer_maps = _branch(x, transformer, name="transformer", stochastic_depth_rate=stochastic_depth_rate)

    fused = []
    for level, filters in zip(LEVELS, dims, strict=True):
        aff = AttentionalFeatureFusion(
            filters=filters, mode=fusion, reduction_ratio=reduction_ratio, name=f"aff{level}"
        )
        fused.append(aff([maps[f"P{level + 1}"] for maps in (cnn_maps, transformer_maps)]))

    def aspp(x: Tensor, level: int) -> Tensor:
        if level not in aspp_levels:
            return x
        return AtrousSpatialPyramidPooling(rates=rates[level], style=aspp_style, name=f"aspp{level}")(x)

    if decoder == "deeplab":
        logits = _decode_deeplab(fused, aspp, attention_gates=attention_gates, classes=classes, prior=prior)
    else:
        maps = [aspp(x, level) for level, x in zip(LEVELS, fused, strict=True)]
        options = {"attention_gates": attention_gates, "deep_supervision": deep_supervision}
        logits = _decode_unet(maps, **options, classes=classes, prior=prior)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def _rates_by_level(rates: Sequence[int] | Mapping[int | str, Sequence[int]]) -> dict[int, tuple[int, ...]]:
    """Returns the dilation rates of each level. Keys may be strings, since those of JSON objects always are."""
    if not isinstance(rates, Mapping):
        return dict.fromkeys(LEVELS, tuple(rates))
    given = {str(level): tuple(each) for level, each in rates.items()}
    if unknown := given.keys() - {str(level) for level in LEVELS}:
        raise ValueError(f"aspp_rates must have levels out of {LEVELS}, not {', '.join(sorted(unknown))}")
    return {level: given.get(str(level), ASPP_RATES) for level in LEVELS}


def _branch(image: Tensor, encoder: str, *, name: str, stochastic_depth_rate: float | None = None) -> dict[str, Tensor]:
    if encoder in RESNETS:
        return resnet_maps(image, encoder, name=name)
    if full_name(encoder) in PVTS:
        return pvt_v2_maps(image, encoder, name=name, stochastic_depth_rate=stochastic_depth_rate)
    raise ValueError(f"unknown {name} {encoder!r}; known are {', '.join([*RESNETS, *PVTS])}")


def _decode_unet(
    maps: Sequence[Tensor], *, attention_gates: bool, deep_supervision: bool, classes: int, prior: float
) -> Tensor:
    """Decodes from the deepest map upward; each map gates the next finer one and is then merged with it."""
    x, heads = maps[-1], []
    for level in (3, 2, 1):
        skip = maps[level - 1]
        if attention_gates:
            skip = AttentionGate(name=f"gate{level}")([skip, x])
        x = DecoderBlock(filters=skip.shape[-1], name=f"decoder{level}")([skip, x])
        if deep_supervision and level > 1:
            stride = 2 ** (level + 1)
            head = SegmentationHead(classes=classes, depth=0, factor=stride, prior=prior, name=f"logits{level}")
            heads.append(head(x))
    logits = SegmentationHead(classes=classes, prior=prior, name="logits")(x)
    return DeepSupervision(weights=HEAD_WEIGHTS, name="heads")([*heads, logits]) if heads else logits


def _decode_deeplab(
    fused: Sequence[Tensor],
    aspp: Callable[[Tensor, int], Tensor],
    *,
    attention_gates: bool,
    classes: int,
    prior: float,
) -> Tensor:
    """Decodes as DeepLabv3+, a reading of section 2.4: one ASPP, at stride 16, gates all levels, merged at stride 4."""
    gate = aspp(BilinearUpsampling(factor=2, name="enlarge4")(fused[3]), 4)
    maps = []
    for level in (1, 2, 3):
        skip = fused[level - 1]
        if attention_gates:
            skip = AttentionGate(strides=2 ** (3 - level), pool=True, name=f"gate{level}")([skip, gate])
        skip = ConvBNReLU(filters=DEEPLAB_FILTERS, kernel_size=1, name=f"reduce{level}")(skip)
        maps.append(BilinearUpsampling(factor=2 ** (level - 1), name=f"enlarge{level}")(skip))
    gate = ConvBNReLU(filters=DEEPLAB_FILTERS, kernel_size=1, name="reduce4")(gate)
    maps.append(BilinearUpsampling(factor=4, name="enlarge_gate")(gate))
    x = layers.Concatenate(name="concatenate")(maps)
    return SegmentationHead(classes=classes, filters=2 * DEEPLAB_FILTERS, depth=2, prior=prior, name="logits")(x)

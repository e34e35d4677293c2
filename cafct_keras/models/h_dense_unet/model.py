"""H-DenseUNet: a DenseUNet on slices and a DenseUNet on the volume they form, fused.

Li et al., "H-DenseUNet: hybrid densely connected UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018
(xmengli/H-DenseUNet).
"""

from typing import Any

import keras
from keras import layers

from cafct_keras.layers import ConvBNReLU, SegmentationHead
from cafct_keras.models.dense_unet.layers import DenseDecoderBlock
from cafct_keras.models.dense_unet.model import dense_unet_features
from cafct_keras.models.densenet.backbone import DenseNetConfig, densenet_config, densenet_maps
from cafct_keras.models.h_dense_unet.layers import HybridSum, MiddleSlice, ScoredVolume, SliceTriples
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.typing import Shape, Tensor

VOLUME_DENSENETS = {
    "densenet_tiny": DenseNetConfig(4, (1, 1, 1, 1), 8),
    "densenet_small": DenseNetConfig(16, (3, 4, 12, 8), 32),
    "densenet65": DenseNetConfig(32, (3, 4, 12, 8), 96),
}
PRESETS: Presets = {
    "tiny": {"cnn": "densenet_tiny", "volume_cnn": "densenet_tiny", "filters": 8},
    "small": {"cnn": "densenet_small", "volume_cnn": "densenet_small", "filters": 32},
    "base": {},
}


@register("h_dense_unet", presets=PRESETS, needs_context=True)
def HDenseUNet(
    *,
    input_shape: Shape = (256, 256, 7),
    cnn: str = "densenet161",
    volume_cnn: str = "densenet65",
    output: str = "middle",
    long_skips: bool = True,
    scale: bool = True,
    filters: int = 64,
    dropout: float = 0.3,
    normalization: str | None = None,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "h_dense_unet",
) -> keras.Model:
    """H-DenseUNet as a functional model.

    The channels of its image are the neighbouring slices of a crop, in order, so that it is trained and used like any
    other network with context: `context=3` gives it seven slices and asks for the mask of the middle one. The 2-D
    branch sees each slice between its two neighbors, all slices stacked in the batch; the 3-D branch sees the crop with
    the probabilities of the 2-D branch as further channels; the sum of their last maps is convolved once more. If the
    depth of a crop is not a multiple of 4, by which the 3-D branch reduces it, the outermost slices are repeated for
    that branch, so 7 slices cost it as much as the 8 of the reference code. `output="volume"` gives the masks of the
    whole crop at no extra cost, for training on volumes with other programs.

    Differences from the reference code:

    * Its released hybrid lost the skip connections of the 2-D branch, which its 2-D network and figure 2 of the paper
      have; here the branch has them, unless `long_skips=False`.
    * The 3-D branch there has a classifier of its own whose output is unused; here it has none.
    * The 2-D scores there are logits times 250, because they accompany Hounsfield units; here they are probabilities,
      as the paper says, which accompany intensities in [0, 1].
    * The 2-D branch there is trained first, and the hybrid is initialized from it; here both are trained together.
    * See `DenseUNet` for differences in the 2-D branch.

    Args:
        input_shape: shape of the images, `(H, W, slices)`; H and W are multiples of 32, square or not, or None; at
            least 2 slices.
        cnn: encoder of the 2-D branch, the name of a DenseNet.
        volume_cnn: encoder of the 3-D branch: `"densenet65"`; `"densenet_small"`, as deep with at most half the
            channels; or `"densenet_tiny"`.
        output: `"middle"` for the mask of the middle slice, or `"volume"` for the masks of all slices,
            `(batch, slices, H, W, classes)`.
        long_skips: whether the 2-D branch has skip connections.
        scale: see `NormReLU`; for both encoders.
        filters: channels of the last maps of the branches, at the size of the image.
        dropout: dropout rate of the last map of the 2-D branch.
    """
    if volume_cnn not in VOLUME_DENSENETS:
        raise ValueError(f"unknown volume_cnn {volume_cnn!r}; known are {', '.join(VOLUME_DENSENETS)}")
    if output not in ("middle", "volume"):
        raise ValueError(f"output must be 'middle' or 'volume', not {output!r}")
    depth = input_shape[-1]
    if depth < 2:
        raise ValueError(f"input_shape must have 2 slices or more, not {depth}")
    image = image_input(input_shape)
    options: dict[str, Any] = {"scale": scale, "filters": filters}

    def head(name: str) -> SegmentationHead:
        return SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name=name)

    triples = normalized(SliceTriples(name="triples")(image), normalization)
    slices = dense_unet_features(
        triples, densenet_config(cnn), dropout=dropout, long_skips=long_skips, prefix="slice_", **options
    )
    scores = layers.Activation("sigmoid", name="slice_probability")(head("slice_logits")(slices))
    volume = ScoredVolume(name="volume")([image, scores])
    volume = _volume_features(volume, VOLUME_DENSENETS[volume_cnn], **options)
    x = HybridSum(depth=depth, name="sum")([slices, volume])
    x = ConvBNReLU(filters=filters, use_bias=True, name="fusion")(x)
    logits = head("logits")(x)
    if output == "middle":
        logits = MiddleSlice(dtype="float32", name="middle")(logits)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def _volume_features(volume: Tensor, config: DenseNetConfig, *, scale: bool, filters: int) -> Tensor:
    """Returns the last map of the DenseUNet on volumes, `(batch, D, H, W, filters)`; it has no skip connections."""
    *skips, x = densenet_maps(volume, config, scale=scale, prefix="volume_").values()
    stem, first, second, _ = (skip.shape[-1] for skip in skips)
    for step, channels in enumerate((x.shape[-1], second, first, stem, filters), start=1):
        # Only the stem and its pooling halve the depth.
        factors = (1, 2, 2) if step < 4 else (2, 2, 2)
        x = DenseDecoderBlock(filters=channels, factors=factors, name=f"volume_up{step}")(x)
    return x

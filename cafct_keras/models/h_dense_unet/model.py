"""H-DenseUNet: a DenseUNet on slices and a DenseUNet on the volume they make, fused.

Li et al., "H-DenseUNet: hybrid densely connected UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018
(xmengli/H-DenseUNet).
"""

from keras import layers

from cafct_keras.layers import ConvBNReLU, SegmentationHead
from cafct_keras.models.dense_unet.layers import DenseDecoderBlock
from cafct_keras.models.dense_unet.model import dense_unet_features
from cafct_keras.models.densenet.backbone import DenseNetConfig, dense_config, dense_stages
from cafct_keras.models.h_dense_unet.layers import HybridSum, MiddleSlice, ScoredVolume, SliceTriples
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register

VOLUME_DENSENETS = {
    "densenet_tiny": DenseNetConfig(4, (1, 1, 1, 1), 8),
    "densenet_small": DenseNetConfig(16, (3, 4, 12, 8), 32),
    "densenet65": DenseNetConfig(32, (3, 4, 12, 8), 96),
}


def HDenseUNet(
    *,
    input_shape=(256, 256, 7),
    cnn="densenet161",
    volume_cnn="densenet65",
    output="middle",
    long_skips=True,
    scale=True,
    filters=64,
    dropout=0.3,
    normalization=None,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="h_dense_unet",
):
    """H-DenseUNet as a functional model.

    The channels of its image are the neighbouring slices of a crop, in order, so that it is trained and predicted with
    like any other network that sees neighbours: `--context 3` gives it seven of them and asks for the mask of the one
    in the middle. The 2-D branch sees each slice between its two neighbours, all slices side by side in the batch; the
    3-D branch sees the crop with the 2-D branch's probabilities as further channels; the sum of their last maps is
    convolved once more. A crop whose depth is no multiple of 4, by which the 3-D branch reduces it, is filled up with
    its outermost slices for that branch, so 7 slices cost it as much as the reference's 8. Of the whole crop's masks,
    which cost nothing more, `output="volume"` gives all, for training on volumes with a program of one's own.

    What differs from the reference:

    * Its released hybrid lost the skip connections of the 2-D branch, which its 2-D network and the paper's figure 2
      have; here the branch has them, unless `long_skips=False`.
    * There the 3-D branch has a classifier of its own whose output nothing uses; here it has none.
    * There the 2-D scores come as logits times 250, for they stand beside Hounsfield units; here as probabilities,
      which is what the paper says, beside grey in [0, 1].
    * There the 2-D branch is trained first, and the hybrid from its weights; here all at once.
    * See `DenseUNet` for what differs in the 2-D branch.

    Args:
        input_shape: `(H, W, slices)`; H and W multiples of 32, square or not, or None; 2 slices or more.
        cnn: encoder of the 2-D branch, see `DenseNet`.
        volume_cnn: encoder of the 3-D branch: `"densenet65"`; `"densenet_small"`, as deep and half as wide or less;
            `"densenet_tiny"`.
        output: `"middle"`, the mask of the slice in the middle, or `"volume"`, of all slices.
        long_skips: whether the 2-D branch has skip connections.
        scale: see `NormReLU`; of both encoders.
        filters: channels of the branches' last maps, at the image's size.
        dropout: chance that a value of the 2-D branch's last map is dropped in training.
        normalization: `"imagenet"` where the 2-D branch begins with weights trained on it, see `ImageNetNormalization`.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float slices in [0, 1], `(batch, H, W, slices)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)` or `(batch, slices, H, W, classes)`.

    Raises:
        ValueError: for an unknown encoder or output, a single slice, or a size that is no multiple of 32.
    """
    if volume_cnn not in VOLUME_DENSENETS:
        raise ValueError(f"unknown volume_cnn {volume_cnn!r}; known are {', '.join(VOLUME_DENSENETS)}")
    if output not in ("middle", "volume"):
        raise ValueError(f"output must be 'middle' or 'volume', not {output!r}")
    depth = input_shape[-1]
    if depth < 2:
        raise ValueError(f"input_shape must have 2 slices or more, not {depth}")
    image = image_input(input_shape)
    options = {"scale": scale, "filters": filters}

    def head(name):
        return SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name=name)

    triples = normalized(SliceTriples(name="triples")(image), normalization)
    slices = dense_unet_features(
        triples, dense_config(cnn), dropout=dropout, long_skips=long_skips, prefix="slice_", **options
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


def _volume_features(volume, config, *, scale, filters):
    """The last map of the DenseUNet on volumes, which has no skip connections, `(batch, D, H, W, filters)`."""
    *skips, x = dense_stages(volume, config, scale=scale, prefix="volume_")
    stem, first, second, _ = (skip.shape[-1] for skip in skips)
    for step, width in enumerate((x.shape[-1], second, first, stem, filters), start=1):
        # The stem and its pooling alone halve the depth.
        factors = (1, 2, 2) if step < 4 else (2, 2, 2)
        x = DenseDecoderBlock(filters=width, factors=factors, name=f"volume_up{step}")(x)
    return x


register(
    "h_dense_unet",
    HDenseUNet,
    default="base",
    needs_context=True,
    presets={
        "tiny": {"cnn": "densenet_tiny", "volume_cnn": "densenet_tiny", "filters": 8},
        "small": {"cnn": "densenet_small", "volume_cnn": "densenet_small", "filters": 32},
        "base": {},
    },
)

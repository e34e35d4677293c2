"""DenseUNet: a DenseNet encoder and a decoder that adds the skip connections.

Li et al., "H-DenseUNet: hybrid densely connected UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018
(xmengli/H-DenseUNet): its two-dimensional part, DenseUNet-167.
"""

from cafct_keras.layers import SegmentationHead
from cafct_keras.models.dense_unet.layers import DenseDecoderBlock
from cafct_keras.models.densenet.backbone import dense_config, dense_stages
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register


def DenseUNet(
    *,
    input_shape=(256, 256, 3),
    cnn="densenet161",
    scale=True,
    filters=64,
    dropout=0.3,
    normalization=None,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="dense_unet",
):
    """DenseUNet as a functional model.

    The reference sees three neighbouring slices, as this network does in a run with one neighbour on either side, and
    tells three classes apart. Unlike it, normalisation has an epsilon of 1e-5, as torchvision's DenseNet-161, not
    1.1e-5, and the decoder is not initialised from a normal distribution of standard deviation 0.05.

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        cnn: encoder, see `DenseNet`.
        scale: see `NormReLU`; of the encoder.
        filters: channels of the last map, at the image's size.
        dropout: chance that a value of the last map is dropped in training.
        normalization: `"imagenet"` where the encoder begins with weights trained on it, see `ImageNetNormalization`.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for an unknown encoder or a size that is no multiple of 32.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    x = dense_unet_features(x, dense_config(cnn), scale=scale, filters=filters, dropout=dropout)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def dense_unet_features(image, config, *, scale, filters, dropout, long_skips=True, prefix=""):
    """The last map of a DenseUNet on slices, `(batch, H, W, filters)`."""
    *skips, x = dense_stages(image, config, scale=scale, prefix=prefix)
    stem, first, second, _ = (skip.shape[-1] for skip in skips)
    for step, width in enumerate((second, first, stem, stem, filters), start=1):
        last = step == 5
        block = DenseDecoderBlock(filters=width, dropout=dropout if last else 0.0, name=f"{prefix}up{step}")
        x = block([skips.pop(), x] if long_skips and not last else x)
    return x


register(
    "dense_unet",
    DenseUNet,
    default="base",
    presets={
        "tiny": {"cnn": "densenet_tiny", "filters": 16},
        "small": {"cnn": "densenet_small", "filters": 32},
        "base": {},
    },
)

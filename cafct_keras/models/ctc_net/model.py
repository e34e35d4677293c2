"""CTC-Net: a Swin transformer and a CNN side by side, complementary fusion, a Swin decoder.

Yuan et al., "An effective CNN and Transformer complementary network for medical image segmentation", Pattern
Recognition 136, 2023.
"""

import numpy as np
from keras import layers

from cafct_keras.layers import SegmentationHead
from cafct_keras.layers.initializers import HeNormal, Normal
from cafct_keras.models.ctc_net.layers import ComplementaryFusion
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register
from cafct_keras.models.resnet.backbone import resnet_stages
from cafct_keras.models.swin.layers import EPSILON, PatchEmbedding, PatchExpanding, PatchMerging, SwinStage

SQUEEZE_RATIOS = (1, 2, 4)


def CTCNet(
    *,
    input_shape=(256, 256, 3),
    cnn="resnet101",
    width=96,
    depths=(2, 2, 18, 2),
    num_heads=(3, 6, 12, 24),
    window_size=8,
    drop_path_rate=0.2,
    normalization=None,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="ctc_net",
):
    """CTC-Net as a functional model.

    The released code does not run as it stands, and of its 123,669,680 parameters (9 classes, 224x224) 5,592,687 have
    no part in its output: a CNN decoder, and in the fusion modules two convolutions, a spatial attention and a
    cross-attention. They are left out; what remains is its design, weight for weight, plus one bias a class in the
    head, which carries `prior`. In one thing the fusion follows the paper instead, see `ComplementaryFusion`. As there,
    the transformer's maps are fused as they enter a stage, so the first one is the patch embedding alone.

    Windows of 8 tile every map of a 256x256 image, windows of 7, the release's, those of a 224x224 image. Maps that
    windows do not tile are filled up for the attention, see `WindowAttention`.

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        cnn: the convolutional branch, a ResNet by name, without its last stage.
        width: channels of the transformer's first stage; each further one has twice as many.
        depths: blocks a stage. The decoder's three stages are as deep as the encoder's of the same resolution.
        num_heads: attention heads a stage.
        window_size: side of the attention's windows.
        drop_path_rate: stochastic depth of the encoder's last block.
        normalization: `"imagenet"` where the CNN begins with weights trained on it, see `ImageNetNormalization`.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for an unknown ResNet or a size that is no multiple of 32.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    # One rate a block, rising from 0 at the first to the full rate at the last.
    rates = np.split(np.linspace(0, drop_path_rate, sum(depths)), np.cumsum(depths)[:-1])

    def stage(prefix, level):
        return SwinStage(
            num_heads=num_heads[level],
            window_size=window_size,
            drop_path_rates=rates[level].tolist(),
            name=f"{prefix}{level + 1}",
        )

    cnn_maps = resnet_stages(x, cnn, name="cnn", levels=3)
    x = PatchEmbedding(filters=width, name="embed")(x)
    skips = []
    for level, cnn_map in enumerate(cnn_maps):
        cnn_map = layers.Conv2D(width * 2**level, 1, kernel_initializer=HeNormal(), name=f"reduce{level + 1}")(cnn_map)
        fusion = ComplementaryFusion(
            num_heads=num_heads[level],
            window_size=window_size,
            ratio=SQUEEZE_RATIOS[level],
            name=f"fusion{level + 1}",
        )
        skips.append(fusion([cnn_map, x]))
        x = stage("transformer", level)(x)
        x = PatchMerging(name=f"merge{level + 1}")(x)
    x = stage("transformer", 3)(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)

    for level in (2, 1, 0):
        filters = width * 2**level
        x = PatchExpanding(filters=filters, name=f"expand{level + 1}")(x)
        x = layers.Concatenate(name=f"concatenate{level + 1}")([x, skips[level]])
        x = layers.Dense(filters, kernel_initializer=Normal(stddev=0.02), name=f"join{level + 1}")(x)
        x = stage("decoder", level)(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name="decoder_norm")(x)
    x = PatchExpanding(filters=width, factor=4, name="enlarge")(x)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


register(
    "ctc_net",
    CTCNet,
    default="base",
    presets={
        "tiny": {
            "cnn": "resnet_tiny",
            "width": 8,
            "depths": (2, 1, 2, 1),
            "num_heads": (1, 2, 4, 8),
            "window_size": 4,
        },
        "small": {"cnn": "resnet18", "width": 48, "depths": (2, 2, 2, 2)},
        "base": {},
    },
)

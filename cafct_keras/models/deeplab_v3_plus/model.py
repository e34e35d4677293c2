"""DeepLabv3+: a dilated ResNet, atrous spatial pyramid pooling, and a short decoder.

Chen et al., "Encoder-decoder with atrous separable convolution for semantic image segmentation", ECCV 2018, in the form
of VainF/DeepLabV3Plus-Pytorch: plain convolutions, one of them after the concatenation, where the paper has two,
depthwise separable with Xception.
"""

from keras import layers

from cafct_keras.layers import AtrousSpatialPyramidPooling, BilinearUpsampling, ConvBNReLU, Dropout, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register
from cafct_keras.models.resnet.backbone import resnet_stages

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}


def DeepLabV3Plus(
    *,
    input_shape=(256, 256, 3),
    cnn="resnet50",
    output_stride=16,
    filters=256,
    fine_filters=48,
    dropout=0.1,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="deeplab_v3_plus",
):
    """DeepLabv3+ as a functional model.

    Its encoder has the layer names of CAFCT-Net's convolutional branch. The ASPP's rates follow the output stride: 6,
    12, 18 at 16, twice that at 8.

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        cnn: encoder, a ResNet by name.
        output_stride: how much coarser than the image the ASPP's map is: 16, with a dilated last stage, or 8, with two.
        filters: channels of the ASPP and the decoder.
        fine_filters: channels to which the first stage's map is reduced for the decoder.
        dropout: chance that a value of the ASPP's map is dropped in training.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for an unknown encoder, another output stride or a size that is no multiple of 32.
    """
    if output_stride not in RATES:
        raise ValueError(f"output_stride must be 16 or 8, not {output_stride!r}")
    image = image_input(input_shape)
    fine, _, _, coarse = resnet_stages(image, cnn, name="cnn", output_stride=output_stride)
    x = AtrousSpatialPyramidPooling(filters=filters, rates=RATES[output_stride], name="aspp")(coarse)
    x = Dropout(rate=dropout, name="dropout")(x)
    x = BilinearUpsampling(factor=output_stride // 4, name="enlarge")(x)
    fine = ConvBNReLU(filters=fine_filters, kernel_size=1, name="reduce")(fine)
    x = layers.Concatenate(name="concatenate")([fine, x])
    logits = SegmentationHead(classes=classes, filters=filters, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


register(
    "deeplab_v3_plus",
    DeepLabV3Plus,
    default="base",
    presets={
        "tiny": {"cnn": "resnet_tiny", "filters": 32, "fine_filters": 8},
        "small": {"cnn": "resnet18", "filters": 128, "fine_filters": 24},
        "base": {},
        "large": {"cnn": "resnet101"},
    },
)

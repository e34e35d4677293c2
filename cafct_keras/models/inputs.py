"""What every network of this project takes."""

import keras

from cafct_keras.layers import ImageNetNormalization

STRIDE = 32


def image_input(input_shape):
    """A float32 input of images `(H, W, channels)`, named `"image"`.

    Raises:
        ValueError: where H or W is neither None nor a multiple of 32.
    """
    height, width, _ = input_shape
    for side in (height, width):
        if side is not None and (side < STRIDE or side % STRIDE):
            raise ValueError(f"H and W must be multiples of {STRIDE}, not {height}x{width}")
    return keras.Input(input_shape, name="image", dtype="float32")


def normalized(image, normalization):
    """The image as the first layers want it.

    Args:
        image: what `image_input` returned.
        normalization: `"imagenet"` for an encoder that was trained on ImageNet, see `ImageNetNormalization`; None for
            the image as it is.

    Raises:
        ValueError: for another normalization.
    """
    if normalization is None:
        return image
    if normalization != "imagenet":
        raise ValueError(f"normalization must be 'imagenet' or None, not {normalization!r}")
    return ImageNetNormalization(name="normalization")(image)

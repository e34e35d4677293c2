"""Input and normalization shared by all networks."""

import keras

from cafct_keras.layers import ImageNetNormalization
from cafct_keras.typing import Shape, Tensor

STRIDE = 32


def image_input(input_shape: Shape) -> keras.KerasTensor:
    """Creates the float32 input of images `(H, W, channels)`, named `"image"`.

    Raises:
        ValueError: if H or W is neither None nor a multiple of 32.
    """
    height, width, _ = input_shape
    for side in (height, width):
        if side is not None and (side < STRIDE or side % STRIDE):
            raise ValueError(f"H and W must be multiples of {STRIDE}, not {height}x{width}")
    return keras.Input(input_shape, name="image", dtype="float32")


def normalized(image: Tensor, normalization: str | None) -> Tensor:
    """Normalizes an image for the first layers of a network.

    Args:
        image: output of `image_input`.
        normalization: `"imagenet"` for an encoder trained on ImageNet, see `ImageNetNormalization`; None to return the
            image as it is.

    Raises:
        ValueError: if `normalization` is unknown.
    """
    if normalization is None:
        return image
    if normalization != "imagenet":
        raise ValueError(f"normalization must be 'imagenet' or None, not {normalization!r}")
    return ImageNetNormalization(name="normalization")(image)

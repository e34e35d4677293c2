"""What every network of this project takes."""

import keras

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

"""The part of a builder's docstring that describes what all builders share."""

import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Builder = TypeVar("Builder", bound=Callable[..., Any])

ARGUMENTS = {
    "input_shape": "shape of the images, `(H, W, channels)`; H and W are multiples of 32, square or not, or None.",
    "normalization": '`"imagenet"` if an encoder is initialized from weights trained on ImageNet, see '
    "`ImageNetNormalization`; None to feed the image as it is.",
    "weights": "files of initial weights, see `cafct_keras.models.load_weights`; None for random weights.",
    "prior": "foreground probability that the untrained network predicts, see `SegmentationHead`.",
    "classes": "number of output channels.",
    "classifier_activation": '`"sigmoid"`, or None for logits.',
    "name": "name of the model.",
}
NETWORK = """
Returns:
    A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
    logits), `(batch, H, W, classes)`.

Raises:
    ValueError: if an argument has an unknown value, or H or W is not a multiple of 32.
"""
BACKBONE = """
Returns:
    A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to its maps, from the finest to the
    coarsest; `backbone_maps` gives them by name.

Raises:
    ValueError: if the variant is unknown, H or W is not a multiple of 32, or the weights do not fit.
"""
WIDTH = 110


def complete(closing: str) -> Callable[[Builder], Builder]:
    """Completes a builder's docstring, which describes only the arguments of its own and ends with them.

    Args:
        closing: sections that follow the arguments, `NETWORK` or `BACKBONE`.

    Returns:
        A function decorator.
    """

    def decorate(builder: Builder) -> Builder:
        if builder.__doc__ is None:  # python -OO
            return builder
        builder.__doc__ = completed(builder.__doc__, inspect.signature(builder).parameters, closing)
        return builder

    return decorate


def completed(docstring: str, parameters: Iterable[str], closing: str) -> str:
    """A builder's docstring with the arguments that all builders share, and with its last sections.

    Args:
        docstring: of the builder, see `complete`.
        parameters: names of its parameters.
        closing: `NETWORK` or `BACKBONE`.
    """
    text = inspect.cleandoc(docstring)
    if "\nArgs:\n" not in text:
        text += "\n\nArgs:"
    for name in parameters:
        if name in ARGUMENTS and f"\n    {name}: " not in text:
            line = f"{name}: {ARGUMENTS[name]}"
            text += "\n" + textwrap.fill(line, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
    return f"{text}\n{closing}"

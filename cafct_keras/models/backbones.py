"""Maps of backbones by name.

As in the literature on feature pyramids, P1 to P5 are the maps of stride 2 to 32 (Lin et al., "Feature pyramid networks
for object detection", CVPR 2017).
"""

from collections.abc import Iterable, Mapping

import keras

from cafct_keras.typing import Files, Tensor

COARSEST = 5


def name_maps(maps: Iterable[Tensor], *, first: int) -> dict[str, Tensor]:
    """Names successive maps, each of half the resolution of the one before.

    Args:
        maps: the maps, from the finest to the coarsest.
        first: number of the first map: 1 for stride 2, 2 for stride 4.

    Returns:
        `"P1"` ... `"P5"` to map.
    """
    return {f"P{number}": each for number, each in enumerate(maps, start=first)}


def backbone_maps(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns the outputs of a backbone by name.

    Args:
        model: a model from `PVTv2`, `ResNet` (P2 to P5) or `DenseNet` (P1 to P5).

    Returns:
        `"P1"` or `"P2"` ... `"P5"` to the symbolic map of that level, `(batch, H / 2^n, W / 2^n, channels)`.
    """
    return name_maps(model.outputs, first=COARSEST + 1 - len(model.outputs))


def backbone_model(
    image: keras.KerasTensor,
    maps: Mapping[str, Tensor],
    *,
    name: str,
    weights: Files | None,
) -> keras.Model:
    """Creates a model from an image to the maps of a backbone, with initial weights from files unless None."""
    model = keras.Model(image, list(maps.values()), name=name)
    if weights is not None:
        from cafct_keras import models  # for the one place that knows where files are read

        models.load_weights(model, weights)
    return model

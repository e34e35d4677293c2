"""Layers of H-DenseUNet that convert between slices and volumes."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor


@register()
class SliceTriples(layers.Layer):
    """Stacks every slice of a crop with its two neighbors: the batch of the 2-D branch.

    `(batch, H, W, D)` to `(batch * D, H, W, 3)`. The outermost slices are their own outer neighbors.
    """

    def call(self, inputs: Tensor) -> Tensor:
        below = ops.concatenate([inputs[..., :1], inputs[..., :-1]], axis=-1)
        above = ops.concatenate([inputs[..., 1:], inputs[..., -1:]], axis=-1)
        triples = ops.transpose(ops.stack([below, inputs, above], axis=-1), (0, 3, 1, 2, 4))
        _, height, width, _ = ops.shape(inputs)
        return ops.reshape(triples, (-1, height, width, 3))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, depth = input_shape
        return None if batch is None else batch * depth, height, width, 3


@register()
class ScoredVolume(layers.Layer):
    """Combines the crop and the scores of the 2-D branch into a volume: the input of the 3-D branch.

    `[(batch, H, W, D), scores (batch * D, H, W, C)]` to `(batch, E, H, W, 1 + C)`, with E the next multiple of
    `multiple`: the outermost slices are repeated, as beyond the ends of a case.

    Args:
        multiple: the depth is padded to a multiple of this number, since the branch halves it.
    """

    def __init__(self, *, multiple: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        crop, scores = inputs
        crop = ops.transpose(crop, (0, 3, 1, 2))[..., None]
        depth = crop.shape[1]
        volume = ops.concatenate([crop, _stack(scores, depth)], axis=-1)
        before, after = _missing(depth, self.multiple)
        return ops.concatenate([volume[:, :1]] * before + [volume] + [volume[:, -1:]] * after, axis=1)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        (batch, height, width, depth), scores_shape = input_shape
        return batch, depth + sum(_missing(depth, self.multiple)), height, width, 1 + scores_shape[-1]


@register()
class HybridSum(layers.Layer):
    """Sum of the maps of the two branches at the slices of the crop.

    `[slices (batch * D, H, W, C), volume (batch, E, H, W, C)]` to `(batch, D, H, W, C)`: the slices that `ScoredVolume`
    added are removed.

    Args:
        depth: number of slices of the crop, D.
    """

    def __init__(self, *, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        slices, volume = inputs
        before = (volume.shape[1] - self.depth) // 2
        return _stack(slices, self.depth) + volume[:, before : before + self.depth]

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        batch, _, *rest = input_shape[1]
        return batch, self.depth, *rest


@register()
class MiddleSlice(layers.Layer):
    """The middle slice of a volume (the one above the middle if their number is even).

    `(batch, D, H, W, channels)` to `(batch, H, W, channels)`.
    """

    def call(self, inputs: Tensor) -> Tensor:
        return inputs[:, inputs.shape[1] // 2]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, _, *rest = input_shape
        return batch, *rest


def _stack(slices: Tensor, depth: int) -> Tensor:
    """Reshapes `(batch * depth, H, W, C)` to `(batch, depth, H, W, C)`."""
    _, height, width, channels = ops.shape(slices)
    return ops.reshape(slices, (-1, depth, height, width, channels))


def _missing(depth: int, multiple: int) -> tuple[int, int]:
    """Returns how many slices to add before and after `depth` slices to make a multiple."""
    missing = -depth % multiple
    return missing // 2, missing - missing // 2

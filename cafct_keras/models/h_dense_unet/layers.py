"""Between slices and the volume that they make: what H-DenseUNet's two branches exchange."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class SliceTriples(layers.Layer):
    """Every slice of a crop between its neighbours: the batch of the 2-D branch.

    `(batch, H, W, D)` to `(batch * D, H, W, 3)`. The outermost slices are their own outer neighbours.
    """

    def call(self, inputs):
        below = ops.concatenate([inputs[..., :1], inputs[..., :-1]], axis=-1)
        above = ops.concatenate([inputs[..., 1:], inputs[..., -1:]], axis=-1)
        triples = ops.transpose(ops.stack([below, inputs, above], axis=-1), (0, 3, 1, 2, 4))
        _, height, width, _ = ops.shape(inputs)
        return ops.reshape(triples, (-1, height, width, 3))

    def compute_output_shape(self, input_shape):
        batch, height, width, depth = input_shape
        return None if batch is None else batch * depth, height, width, 3


@keras.saving.register_keras_serializable(PACKAGE)
class ScoredVolume(layers.Layer):
    """The crop and the 2-D branch's scores of it, as a volume: what the 3-D branch sees.

    `[(batch, H, W, D), scores (batch * D, H, W, C)]` to `(batch, E, H, W, 1 + C)`, with E the next multiple of
    `multiple`: the outermost slices are repeated, as they are beyond the ends of a case.

    Args:
        multiple: of the depth, since the branch halves it.
    """

    def __init__(self, *, multiple=4, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs):
        crop, scores = inputs
        crop = ops.transpose(crop, (0, 3, 1, 2))[..., None]
        depth = crop.shape[1]
        volume = ops.concatenate([crop, _stack(scores, depth)], axis=-1)
        before, after = _missing(depth, self.multiple)
        return ops.concatenate([volume[:, :1]] * before + [volume] + [volume[:, -1:]] * after, axis=1)

    def compute_output_shape(self, input_shape):
        (batch, height, width, depth), scores_shape = input_shape
        return batch, depth + sum(_missing(depth, self.multiple)), height, width, 1 + scores_shape[-1]

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable(PACKAGE)
class HybridSum(layers.Layer):
    """The sum of the two branches' maps at the crop's own slices.

    `[slices (batch * D, H, W, C), volume (batch, E, H, W, C)]` to `(batch, D, H, W, C)`: undoes `ScoredVolume`.

    Args:
        depth: D.
    """

    def __init__(self, *, depth, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth

    def call(self, inputs):
        slices, volume = inputs
        before = (volume.shape[1] - self.depth) // 2
        return _stack(slices, self.depth) + volume[:, before : before + self.depth]

    def compute_output_shape(self, input_shape):
        batch, _, *rest = input_shape[1]
        return batch, self.depth, *rest

    def get_config(self):
        return {**super().get_config(), "depth": self.depth}


@keras.saving.register_keras_serializable(PACKAGE)
class MiddleSlice(layers.Layer):
    """The slice in the middle of a volume (above the middle, of an even number).

    `(batch, D, H, W, channels)` to `(batch, H, W, channels)`.
    """

    def call(self, inputs):
        return inputs[:, inputs.shape[1] // 2]

    def compute_output_shape(self, input_shape):
        batch, _, *rest = input_shape
        return batch, *rest


def _stack(slices, depth):
    """`(batch * depth, H, W, C)` to `(batch, depth, H, W, C)`."""
    _, height, width, channels = ops.shape(slices)
    return ops.reshape(slices, (-1, depth, height, width, channels))


def _missing(depth, multiple):
    """How many slices come before and after `depth` of them to make a multiple."""
    missing = -depth % multiple
    return missing // 2, missing - missing // 2

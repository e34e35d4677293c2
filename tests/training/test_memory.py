"""Training in less memory: the same steps, with fewer bytes."""

import keras
import numpy as np
from keras import layers

from cafct_keras.losses import BCEDiceLoss
from cafct_keras.training.memory import MemorySavingModel
from tests.cli import fails


def plain():
    """Three convolutions: neither batch normalization nor random draws."""
    image = keras.Input((None, None, 3), name="image")
    x = image
    for index in range(3):
        x = layers.Conv2D(8, 3, padding="same", activation="gelu", name=f"conv{index}")(x)
    logits = layers.Conv2D(1, 1, name="logits")(x)
    return keras.Model(image, layers.Activation("sigmoid", name="probability")(logits), name="plain")


def trained(images, **options):
    """The model after two steps, and their losses."""
    keras.utils.set_random_seed(0)
    model = MemorySavingModel(plain(), **options)
    model.compile(keras.optimizers.SGD(0.5), BCEDiceLoss(from_logits=True))
    masks = (images[..., :1] > 0.5).astype("float32")
    return model, [float(model.train_on_batch(images, masks)) for _ in range(2)]


def variables(model):
    return [keras.ops.convert_to_numpy(v) for v in (*model.trainable_variables, *model.non_trainable_variables)]


def test_steps_are_those_of_the_whole():
    images = np.random.default_rng(0).random((8, 16, 24, 3), "float32")
    expected, losses = trained(images)
    model, found = trained(images, accumulate=4)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for value, other in zip(variables(expected), variables(model), strict=True):
        np.testing.assert_allclose(other, value, atol=1e-5)


def test_bytes_of_activations():
    import jax

    images = np.zeros((8, 64, 64, 3), "float32")

    def size(**options):
        model = MemorySavingModel(plain(), **options)
        model.compile("sgd", BCEDiceLoss(from_logits=True))
        weights, others = (
            [v.value for v in each] for each in (model.trainable_variables, model.non_trainable_variables)
        )
        step = jax.jit(jax.grad(lambda w: model.compute_loss_and_updates(
            w, others, [], images, images[..., :1], None, training=True, optimizer_variables=[])[0]))  # fmt: skip
        return step.lower(weights).compile().memory_analysis().temp_size_in_bytes

    assert size(accumulate=4) < 0.6 * size()


def test_a_batch_that_does_not_divide():
    assert "--batch-size 8: must be a multiple of --accumulate 3" in fails("fit", "--batch-size", 8, "--accumulate", 3)
